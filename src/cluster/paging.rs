//! Lists, page by page: within one limit, from one snapshot as long as the server has it, and never without an end.

use std::time::Duration;

use http::Request;
use kube::core::{params::ListParams, request};
use serde::Deserialize;

use super::{
    connect::Cluster,
    failure::{Failure, FailureKind},
};

/// Objects a page; kubectl's own chunk size.
pub(super) const PAGE: u32 = 500;
/// For all pages of a list together; a longer `--request-timeout` holds for them too.
const LIST_LIMIT: Duration = Duration::from_mins(2);

/// Which objects of a list, in kubectl's syntax.
#[derive(Clone, Copy, Debug)]
pub(super) enum Selector<'a> {
    All,
    Labels(&'a str),
    Fields(&'a str),
}

impl<'a> Selector<'a> {
    pub(super) fn of_labels(labels: Option<&'a str>) -> Self {
        labels.map_or(Self::All, Self::Labels)
    }

    /// What a list of these asks for, page by page.
    fn options(self) -> ListParams {
        let options = ListParams {
            limit: Some(PAGE),
            ..ListParams::default()
        };
        match self {
            Self::All => options,
            Self::Labels(labels) => options.labels(labels),
            Self::Fields(fields) => options.fields(fields),
        }
    }
}

/// One page of a list. Items are objects, or `DynamicObject`s whose `apiVersion` and `kind` the server leaves out.
#[derive(Deserialize)]
pub(super) struct Page<K> {
    pub(super) metadata: PageMeta,
    pub(super) items: Vec<K>,
}

#[derive(Default, Deserialize)]
pub(super) struct PageMeta {
    #[serde(default, rename = "continue")]
    pub(super) next: Option<String>,
}

impl Cluster {
    /// All pages of a list, within the limit of lists. `ask` asks for one, `read` understands it.
    pub(super) async fn fetch_in_time<K>(
        &self,
        words: &str,
        selector: Selector<'_>,
        ask: impl Fn(&ListParams) -> Result<Request<Vec<u8>>, request::Error>,
        read: impl Fn(&[u8]) -> Result<Page<K>, FailureKind>,
    ) -> Result<Vec<K>, Failure> {
        let limit = self.limit.max(LIST_LIMIT);
        let pages = self.fetch_every_page(words, selector, ask, read);
        let in_time = tokio::time::timeout(limit, pages).await;
        in_time.unwrap_or_else(|_| Err(self.failure(words, FailureKind::TimedOut { limit })))
    }

    pub(super) async fn fetch_every_page<K>(
        &self,
        words: &str,
        selector: Selector<'_>,
        ask: impl Fn(&ListParams) -> Result<Request<Vec<u8>>, request::Error>,
        read: impl Fn(&[u8]) -> Result<Page<K>, FailureKind>,
    ) -> Result<Vec<K>, Failure> {
        let mut options = selector.options();
        let mut items = Vec::new();
        loop {
            match self.fetch_body(words, ask(&options)).await {
                Ok(body) => {
                    let page = read(&body).map_err(|kind| self.failure(words, kind))?;
                    items.extend(page.items);
                    match page.metadata.next.filter(|next| !next.is_empty()) {
                        // Such a list would have no end.
                        Some(next) if options.continue_token.as_ref() == Some(&next) => {
                            return Err(self.endless(words));
                        }
                        Some(next) => options.continue_token = Some(next),
                        None => return Ok(items),
                    }
                }
                // The pages' snapshot is gone: take everything in one answer instead.
                Err(Failure {
                    kind:
                        FailureKind::Unexpected {
                            code: Some(410), ..
                        },
                    ..
                }) if options.limit.is_some() => {
                    items.clear();
                    (options.limit, options.continue_token) = (None, None);
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    fn endless(&self, words: &str) -> Failure {
        let message = "the server gives the same page of the list again and again".to_owned();
        self.failure(
            words,
            FailureKind::Unexpected {
                code: None,
                message,
            },
        )
    }
}
