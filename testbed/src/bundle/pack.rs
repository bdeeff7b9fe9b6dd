//! Packs releases into a bundle and takes them out again; the format is `src/releases/archive.rs`.

use std::io::{self, BufRead as _, Write as _};

use lzma_rust2::{XzOptions, XzWriter};
use serde_json::Value;

use super::ReleaseManifests;
use super::archive::{self, BundledRelease, FORMAT, Index};

/// Takes in all objects at once: the definitions of two releases differ little and lie a megabyte apart.
const DICTIONARY_BYTES: u32 = 8 << 20;
/// The most thorough preset.
const PRESET: u32 = 9;

/// The bytes of a bundle with these releases.
pub(super) fn pack(releases: &[ReleaseManifests]) -> io::Result<Vec<u8>> {
    let mut options = XzOptions::with_preset(PRESET);
    options.lzma_options.dict_size = DICTIONARY_BYTES;
    options.lzma_options.nice_len = 273;
    let mut writer = XzWriter::new(Vec::new(), options)?;
    let index = Index {
        format: FORMAT,
        releases: releases.iter().map(bundled).collect(),
    };
    writeln!(writer, "{}", serde_json::to_string(&index)?)?;
    for release in releases {
        for object in release
            .manager
            .iter()
            .chain(&release.runtimes)
            .chain(&release.roles)
        {
            writeln!(writer, "{object}")?;
        }
    }
    writer.finish()
}

/// Every release of a bundle, in its order.
pub(super) fn unpack(packed: &[u8]) -> io::Result<Vec<ReleaseManifests>> {
    let index = archive::read_index(packed)?;
    let mut lines = archive::lines(packed).lines().skip(1);
    let mut take = |count: usize| -> io::Result<Vec<Value>> {
        let missing = || {
            io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the bundle ends before its last object",
            )
        };
        (0..count)
            .map(|_| Ok(serde_json::from_str(&lines.next().ok_or_else(missing)??)?))
            .collect()
    };
    let mut unpack_release = |release: BundledRelease| -> io::Result<ReleaseManifests> {
        Ok(ReleaseManifests {
            manager: take(release.manager)?,
            runtimes: take(release.runtimes)?,
            roles: take(release.roles)?,
            version: release.version,
            jobset_version: release.jobset_version,
        })
    };
    index
        .releases
        .into_iter()
        .map(&mut unpack_release)
        .collect()
}

fn bundled(release: &ReleaseManifests) -> BundledRelease {
    BundledRelease {
        version: release.version.clone(),
        jobset_version: release.jobset_version.clone(),
        manager: release.manager.len(),
        runtimes: release.runtimes.len(),
        roles: release.roles.len(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{pack, unpack};
    use crate::bundle::ReleaseManifests;

    #[test]
    fn what_was_packed_comes_out_again_in_its_order() {
        let release = |version: &str| ReleaseManifests {
            version: version.to_owned(),
            jobset_version: "0.12.0".to_owned(),
            manager: vec![
                json!({"kind": "Namespace", "metadata": {"name": version}}),
                json!({"kind": "Deployment"}),
            ],
            runtimes: vec![json!({"kind": "ClusterTrainingRuntime"})],
            roles: Vec::new(),
        };
        let releases = [release("2.2.1"), release("2.3.0")];
        assert_eq!(unpack(&pack(&releases).unwrap()).unwrap(), releases);
    }

    #[test]
    fn a_cut_bundle_is_an_error() {
        let packed = pack(&[]).unwrap();
        assert!(unpack(&packed[..packed.len() / 2]).is_err());
    }
}
