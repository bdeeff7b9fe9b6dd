//! The Go modules of Trainer and JobSet: which version is pinned, and where the Go client keeps its files.

use std::path::PathBuf;

use serde::Deserialize;

use super::BundleError;
use crate::folder;
use crate::requirements::go;

/// The module path of Trainer.
pub(super) const TRAINER: &str = "github.com/kubeflow/trainer/v2";
/// The module path of JobSet.
pub(super) const JOBSET: &str = "sigs.k8s.io/jobset";

/// A module in the Go client's cache.
pub(super) struct Module {
    /// `path@version`, for messages.
    pub(super) name: String,
    /// Its files; nobody may write there.
    pub(super) folder: PathBuf,
}

/// What `go mod download -json` says about one module.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Download {
    #[serde(default)]
    version: String,
    #[serde(default)]
    dir: PathBuf,
    #[serde(default)]
    error: String,
}

/// Fetches the module `path` at the version that `testbed/go/<pin>/go.mod` names, which must be `version`.
pub(super) fn fetch_module(path: &str, pin: &str, version: &str) -> Result<Module, BundleError> {
    let name = format!("{path}@v{version}");
    let failed = |reason: String| BundleError::Module {
        module: name.clone(),
        reason,
    };
    let output = go()
        .args(["mod", "download", "-json", path])
        .current_dir(folder::go_modules().join(pin))
        .output()
        .map_err(|error| failed(format!("go cannot be started: {error}")))?;
    let download: Download = serde_json::from_slice(&output.stdout)
        .map_err(|_| failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()))?;
    if !download.error.is_empty() {
        return Err(failed(download.error));
    }
    if download.version != format!("v{version}") {
        let reason = format!("testbed/go/{pin}/go.mod pins {}", download.version);
        return Err(BundleError::Unexpected {
            module: name,
            reason,
        });
    }
    Ok(Module {
        name,
        folder: download.dir,
    })
}
