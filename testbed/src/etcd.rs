//! etcd, the store behind the API server. It need not survive a power cut, so it does not wait for the disk.

use crate::error::Error;
use crate::namespaces::{NamespaceSet, Service};
use crate::site::{Site, flags};

pub(crate) const CLIENT_URL: &str = "http://127.0.0.1:2379";
const PEER_URL: &str = "http://127.0.0.1:2380";

pub(crate) fn start(site: &Site, set: &NamespaceSet) -> Result<Service, Error> {
    let mut arguments = flags(&[
        ("data-dir", site.folder.join("etcd").display().to_string()),
        ("listen-client-urls", CLIENT_URL.to_owned()),
        ("advertise-client-urls", CLIENT_URL.to_owned()),
        ("listen-peer-urls", PEER_URL.to_owned()),
    ]);
    arguments.push("--unsafe-no-fsync".to_owned());
    site.start(set, "etcd", &arguments)
}
