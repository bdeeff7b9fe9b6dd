//! Why a release could not be packed; each text names the thing and what mends it.

use std::path::PathBuf;

use super::platform::{GLIBC_FLOOR, GlibcVersion};

#[derive(Debug, thiserror::Error)]
pub(crate) enum DistError {
    #[error(
        "{system} on {processor} is no platform of a release; they are in xtask/src/dist/platform.rs"
    )]
    Host {
        system: &'static str,
        processor: &'static str,
    },
    #[error("`{0}` can be no plugin's name: it has lower-case letters, digits and inner dashes")]
    Name(String),
    #[error("`{0}` is no address of a repository, such as https://host/owner/name")]
    Repository(String),
    #[error(
        "a release needs the repository's address for its manifest; give it with: --repository URL"
    )]
    NoRepository,
    #[error("no archive for {0}; bring those that other machines packed with: --archives FOLDER")]
    MissingArchives(String),
    #[error("the tag {tag} is not v{version}, which Cargo.toml has; change one of them")]
    Tag { tag: String, version: &'static str },
    #[error("the time of the commit is not known; give one in seconds with: SOURCE_DATE_EPOCH")]
    NoTime,
    #[error("{path} needs glibc {found}, more than {GLIBC_FLOOR}; was it linked by zig?")]
    Floor { path: PathBuf, found: GlibcVersion },
    #[error("{path} is no program for a 64-bit Linux: {reason}")]
    Unreadable { path: PathBuf, reason: String },
    #[error(
        "{0} was built without the released manifests; make them on Linux with `cargo xtask bundle`, and name the file in KUBECTL_TRAINER_BUNDLE"
    )]
    NoBundle(PathBuf),
    #[error(
        "{tool} could not be had: {reason}; mend it with: {mend}, or link with this machine's own glibc: --native"
    )]
    Tool {
        tool: String,
        reason: String,
        mend: &'static str,
    },
    #[error("cargo does not tell the crates of the program: {0}")]
    Crates(String),
    #[error(
        "the crate {0} has neither a licence's file nor a licence that SPDX knows; add its text in xtask/src/dist/notices.rs"
    )]
    NoLicence(String),
    #[error("{script} could not be printed by {program}: {reason}")]
    Completions {
        script: &'static str,
        program: PathBuf,
        reason: String,
    },
    #[error("krew/plugin.yaml {0}")]
    Template(String),
}
