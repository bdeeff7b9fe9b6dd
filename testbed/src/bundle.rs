//! The released manifests of every supported Trainer, rendered from the pinned Go modules and packed into one file.
//!
//! `make` writes that file, `manifests` reads one release of it. The plugin embeds the same file.

mod modules;
mod overlay;
mod pack;

// The format is the plugin's own, so there is one text of it.
#[path = "../../src/releases/archive.rs"]
pub mod archive;

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The releases in a bundle, oldest first: Trainer, and the JobSet that it is released with.
pub const RELEASES: &[(&str, &str)] = &[
    ("2.0.1", "0.8.2"),
    ("2.1.0", "0.10.1"),
    ("2.2.1", "0.11.0"),
    ("2.3.0", "0.12.0"),
];

/// The largest that a bundle may be: it goes into every released binary.
pub const SIZE_LIMIT: usize = 80 * 1024;

/// Why the released manifests could not be had.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The Go client did not give the pinned module.
    #[error("go module {module} could not be fetched: {reason}; try `go mod download {module}`")]
    Module { module: String, reason: String },
    /// `kubectl kustomize` did not render a folder.
    #[error("{overlay} could not be rendered with `kubectl kustomize`: {reason}")]
    Render { overlay: String, reason: String },
    /// A module does not hold what its release is known to hold.
    #[error("{module} holds something else than expected: {reason}")]
    Unexpected { module: String, reason: String },
    /// The packed manifests would make the plugin too big.
    #[error("the bundle has {size} bytes, the limit is {SIZE_LIMIT}")]
    TooLarge { size: usize },
    /// No such release among [`RELEASES`].
    #[error(
        "release {release} is not in the bundle; it holds {}",
        known_releases()
    )]
    UnknownRelease { release: String },
    /// A file or folder could not be read or written.
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
}

impl BundleError {
    fn file(path: &Path) -> impl FnOnce(io::Error) -> BundleError {
        let path = path.to_path_buf();
        |source| BundleError::File { path, source }
    }
}

fn known_releases() -> String {
    RELEASES
        .iter()
        .map(|(trainer, _)| *trainer)
        .collect::<Vec<_>>()
        .join(", ")
}

/// What one release installs: Kubernetes objects, in the order in which the release renders them.
#[derive(Clone, Debug, PartialEq)]
pub struct ReleaseManifests {
    /// Without the leading `v`: `2.3.0`.
    pub version: String,
    /// Without the leading `v`: `0.12.0`.
    pub jobset_version: String,
    /// Namespace, definitions, access rules, Deployments and webhooks of Trainer and JobSet.
    pub manager: Vec<Value>,
    /// The `ClusterTrainingRuntime` objects.
    pub runtimes: Vec<Value>,
    /// The cluster roles for people that the release ships for a Kubeflow platform.
    pub roles: Vec<Value>,
}

/// Where the bundle lies in a build folder.
pub fn default_path(target_folder: &Path) -> PathBuf {
    target_folder.join("bundle").join("manifests.json.xz")
}

/// Renders every release with `kubectl` and writes the bundle to `out`, in one piece.
pub fn make(kubectl: &Path, out: &Path, progress: &mut dyn Write) -> Result<(), BundleError> {
    let mut releases = Vec::new();
    for (number, (trainer, jobset)) in RELEASES.iter().enumerate() {
        // Nobody reads the progress of a closed terminal.
        let _ = writeln!(
            progress,
            "[{}/{}] rendering Trainer {trainer} with JobSet {jobset}",
            number + 1,
            RELEASES.len()
        );
        releases.push(overlay::render_release(kubectl, trainer, jobset)?);
    }
    let packed = pack::pack(&releases).map_err(BundleError::file(out))?;
    if packed.len() > SIZE_LIMIT {
        return Err(BundleError::TooLarge { size: packed.len() });
    }
    write_in_one_piece(out, &packed).map_err(BundleError::file(out))?;
    let _ = writeln!(
        progress,
        "packed {} releases into {} bytes",
        releases.len(),
        packed.len()
    );
    Ok(())
}

/// The manifests of one release from the bundle at `bundle`, which is made first when it is missing or outdated.
pub fn manifests(
    release: &str,
    bundle: &Path,
    kubectl: &Path,
    progress: &mut dyn Write,
) -> Result<ReleaseManifests, BundleError> {
    if !is_current(bundle) {
        make(kubectl, bundle, progress)?;
    }
    all_manifests(bundle)?
        .into_iter()
        .find(|manifests| manifests.version == release)
        .ok_or_else(|| BundleError::UnknownRelease {
            release: release.to_owned(),
        })
}

/// Every release of the bundle at `bundle`, oldest first.
pub fn all_manifests(bundle: &Path) -> Result<Vec<ReleaseManifests>, BundleError> {
    let packed = fs::read(bundle).map_err(BundleError::file(bundle))?;
    pack::unpack(&packed).map_err(BundleError::file(bundle))
}

/// Whether there is a bundle at this path, in this format and with exactly the releases of [`RELEASES`].
pub fn is_current(bundle: &Path) -> bool {
    let packed = fs::read(bundle).unwrap_or_default();
    archive::read_index(&packed).is_ok_and(|index| {
        let inside = index
            .releases
            .iter()
            .map(|release| (release.version.as_str(), release.jobset_version.as_str()));
        inside.eq(RELEASES.iter().copied())
    })
}

fn write_in_one_piece(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let readable = fs::Permissions::from_mode(0o644);
    let mut file = tempfile::Builder::new()
        .permissions(readable)
        .tempfile_in(folder)?;
    file.write_all(content)?;
    file.persist(path)?;
    Ok(())
}
