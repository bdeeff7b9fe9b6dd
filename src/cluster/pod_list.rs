//! Lists of pods, which are long: asked for in the API server's binary form, and taken as JSON where a server has no other.

use http::{HeaderValue, Request, header::ACCEPT};
use kube::core::{Request as ResourceRequest, Resource as _, params::ListParams};

use super::{
    binary::ACCEPTED,
    connect::Cluster,
    exchange::parse_json,
    failure::{Failure, FailureKind},
    paging::{Page, Selector},
    pod_message::parse_pods,
    pod_record::PodRecord,
    request_log::RequestDetail,
    requests::Scope,
};

impl Cluster {
    /// What is kept of all pods with these labels, page by page. `labels` is a selector in kubectl's syntax.
    pub(super) async fn fetch_pod_list<T>(
        &self,
        scope: &Scope,
        labels: &str,
        keep: impl Fn(PodRecord) -> T,
    ) -> Result<Vec<T>, Failure> {
        let words = format!("list pods{}", scope.words());
        let resource = ResourceRequest::new(PodRecord::url_path(&(), scope.namespace()));
        let ask = |options: &ListParams| Ok(self.in_shortest_form(resource.list(options)?));
        let read = |body: &[u8]| read_page(body, &keep);
        self.fetch_in_time(&words, Selector::Labels(labels), ask, read)
            .await
    }

    /// Whoever wants to see the bodies wants to read them.
    fn in_shortest_form(&self, mut request: Request<Vec<u8>>) -> Request<Vec<u8>> {
        if self.log.detail != RequestDetail::Bodies {
            let binary = HeaderValue::from_static(ACCEPTED);
            request.headers_mut().insert(ACCEPT, binary);
        }
        request
    }
}

fn read_page<T>(body: &[u8], keep: impl Fn(PodRecord) -> T) -> Result<Page<T>, FailureKind> {
    if let Some(page) = parse_pods(body, &keep) {
        return page.map_err(|problem| FailureKind::Unexpected {
            code: None,
            message: format!("the answer cannot be decoded: {problem}"),
        });
    }
    let Page { metadata, items } = parse_json(body)?;
    Ok(Page {
        metadata,
        items: items.into_iter().map(keep).collect(),
    })
}
