//! The format of the bundle of released manifests: one xz stream of JSON lines, of which the first is the index.
//!
//! After the index come the objects, one a line: for each release of the index its manager, its runtimes, its roles.

use std::io::{self, BufRead as _, BufReader};

use lzma_rust2::XzReader;
use serde::{Deserialize, Serialize};

/// Raised whenever the meaning of a line changes, so that an older bundle is made anew.
pub const FORMAT: u32 = 1;

/// The first line of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    pub format: u32,
    pub releases: Vec<BundledRelease>,
}

/// One release in a bundle, and how many objects each of its parts has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundledRelease {
    /// Without the leading `v`: `2.3.0`.
    pub version: String,
    /// Without the leading `v`: `0.12.0`.
    pub jobset_version: String,
    /// Objects that make the controllers run.
    pub manager: usize,
    /// `ClusterTrainingRuntime` objects.
    pub runtimes: usize,
    /// Cluster roles for people, and their bindings.
    pub roles: usize,
}

/// Reads the index, and leaves the rest of the stream as it is.
///
/// Fails with [`io::ErrorKind::InvalidData`] on bytes that are no bundle of this [`FORMAT`].
pub fn read_index(archive: &[u8]) -> io::Result<Index> {
    let mut line = String::new();
    lines(archive).read_line(&mut line)?;
    let index: Index = serde_json::from_str(&line)?;
    if index.format == FORMAT {
        return Ok(index);
    }
    let text = format!("the bundle has format {}, expected {FORMAT}", index.format);
    Err(io::Error::new(io::ErrorKind::InvalidData, text))
}

/// The lines of a bundle, unpacked while they are read.
pub fn lines(archive: &[u8]) -> BufReader<XzReader<&[u8]>> {
    BufReader::new(XzReader::new(archive, false))
}
