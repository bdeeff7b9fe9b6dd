//! A virtual environment with one release of the SDK, made once from pinned packages and kept beside the bed's programs.

use std::{
    env, fs,
    fs::File,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use sha2::{Digest as _, Sha256};
use testbed::record_skip;

/// A release and everything that it needs.
pub(super) struct Release {
    name: &'static str,
    requirements: &'static str,
}

pub(super) const V0_5: Release = Release {
    name: "0.5",
    requirements: include_str!("requirements-0.5.txt"),
};
pub(super) const V0_3: Release = Release {
    name: "0.3",
    requirements: include_str!("requirements-0.3.txt"),
};

/// What pip says when there is no way to its index; anything else that it says is a failure.
const UNREACHABLE: &str = "Retrying (Retry(";
/// What it says when a package is not the one that is pinned, which is a failure however it was reached.
const OTHER_PACKAGE: &str = "THESE PACKAGES DO NOT MATCH";

/// Python with the SDK.
pub(super) struct Sdk {
    python: PathBuf,
}

impl Sdk {
    /// Made where it is missing. The test is skipped where there is no Python that makes environments, or no index.
    pub(super) fn provide(release: &Release) -> Option<Self> {
        let mut python = Command::new("python3");
        python.args(["-c", "import ensurepip, sys; print(sys.version)"]);
        let Some(version) = output(&mut python) else {
            record_skip("python3 with venv is not installed");
            return None;
        };
        let folder = folder(release, &version.stdout);
        fs::create_dir_all(&folder).unwrap();
        // One process makes it; the others wait here.
        let lock = File::create(folder.join("lock")).unwrap();
        lock.lock().unwrap();
        let made = folder.join("made");
        if !made.is_file() {
            if let Err(reason) = make(release, &folder) {
                record_skip(&reason);
                return None;
            }
            File::create(made).unwrap();
        }
        Some(Self {
            python: folder.join("environment/bin/python"),
        })
    }

    /// A script of this folder, to be run.
    pub(super) fn script(&self, name: &str) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(script(name));
        command
    }

    /// The same with the variables of an env file, as a shell reads it.
    pub(super) fn script_in_shell(&self, name: &str, variables: &Path) -> Command {
        let mut command = Command::new("sh");
        command
            .args(["-c", "set -a; . \"$1\"; set +a; exec \"$2\" \"$3\"", "sh"])
            .arg(variables)
            .arg(&self.python)
            .arg(script(name));
        command
    }
}

fn script(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster/sdk");
    folder.join(name)
}

/// Another one for other packages or another Python.
fn folder(release: &Release, python: &[u8]) -> PathBuf {
    let cache = env::var_os("XDG_CACHE_HOME")
        .map_or_else(|| env::home_dir().unwrap().join(".cache"), PathBuf::from);
    let digest = Sha256::new_with_prefix(python).chain_update(release.requirements);
    let digest = digest.finalize();
    let name = format!(
        "{}-{:02x}{:02x}{:02x}{:02x}",
        release.name, digest[0], digest[1], digest[2], digest[3]
    );
    cache.join("kubectl-trainer/sdk").join(name)
}

/// The error is why it cannot be made here, through no fault of what is pinned.
fn make(release: &Release, folder: &Path) -> Result<(), String> {
    let place = folder.join("environment");
    let requirements = folder.join("requirements.txt");
    fs::write(&requirements, release.requirements).unwrap();
    let mut python = Command::new("python3");
    output(python.args(["-m", "venv", "--clear"]).arg(&place)).unwrap();
    let mut pip = Command::new(place.join("bin/python"));
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--retries",
        "1",
        "--require-hashes",
        "-r",
    ]);
    let installed = pip.arg(&requirements).output().unwrap();
    let said = String::from_utf8_lossy(&installed.stderr);
    if installed.status.success() {
        return Ok(());
    }
    let is_unreachable = said.contains(UNREACHABLE) && !said.contains(OTHER_PACKAGE);
    assert!(is_unreachable, "{said}");
    Err("the index of Python packages does not answer".to_owned())
}

/// None where the program is not there or fails.
fn output(command: &mut Command) -> Option<Output> {
    command
        .output()
        .ok()
        .filter(|output| output.status.success())
}
