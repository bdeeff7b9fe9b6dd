//! Lists of the kinds of objects that this program writes, as plain values. Of Secrets only the metadata is asked for,
//! so that what they hold never leaves the server.

use http::{Request, header::ACCEPT};
use serde_json::Value;

use super::{change::ObjectKind, connect::Cluster, failure::Failure};

const PLAIN: &str = "application/json";
const METADATA_ONLY: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

impl Cluster {
    /// The objects of a kind with this label; without a namespace, those of all. They come in one answer: what this
    /// program makes, and bindings of a cluster, are hundreds at most.
    pub async fn fetch_labelled(
        &self,
        kind: ObjectKind,
        namespace: Option<&str>,
        label: Option<&str>,
    ) -> Result<Vec<Value>, Failure> {
        let place = namespace.map_or_else(String::new, |name| format!(" in namespace {name}"));
        let words = format!("list {}{place}", kind.resource());
        let mut uri = kind.collection_path(namespace);
        if let Some(label) = label {
            let escaped = label.replace('=', "%3D").replace('/', "%2F");
            uri.push_str(&format!("?labelSelector={escaped}"));
        }
        let accepted = match kind {
            ObjectKind::Secret => METADATA_ONLY,
            _ => PLAIN,
        };
        let request = Request::get(uri).header(ACCEPT, accepted).body(Vec::new());
        let mut answer: Value = self.fetch_json(&words, request).await?;
        match answer.get_mut("items").map(Value::take) {
            Some(Value::Array(items)) => Ok(items),
            _ => Ok(Vec::new()),
        }
    }
}
