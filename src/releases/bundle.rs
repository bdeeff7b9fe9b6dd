//! The released manifests that are inside this program, when it was built with them.

use std::io;

use super::archive::{self, BundledRelease};

/// Put here by `build.rs`; empty in a build without manifests.
static EMBEDDED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/manifests.json.xz"));

/// The releases that are inside, oldest first; none in a build without manifests.
pub fn releases() -> io::Result<Vec<BundledRelease>> {
    if EMBEDDED.is_empty() {
        return Ok(Vec::new());
    }
    archive::read_index(EMBEDDED).map(|index| index.releases)
}

#[cfg(test)]
mod tests {
    use super::{EMBEDDED, releases};
    use crate::releases::RELEASES;

    #[test]
    fn a_build_with_manifests_has_every_release_of_the_table() {
        let bundled: Vec<String> = releases()
            .unwrap()
            .into_iter()
            .map(|release| release.version)
            .collect();
        let table: Vec<&str> = RELEASES.iter().map(|release| release.version).collect();
        if EMBEDDED.is_empty() {
            assert!(bundled.is_empty());
        } else {
            assert_eq!(bundled, table);
        }
    }
}
