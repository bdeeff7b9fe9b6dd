//! nushell, which Debian does not have: the released program, as npm's registry has it, pinned with its digest.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use testbed::record_skip;

/// What is installed, and its pinned digests.
const MANIFESTS: [(&str, &str); 2] = [
    (
        "package.json",
        include_str!("../../../testbed/npm/nushell/package.json"),
    ),
    (
        "package-lock.json",
        include_str!("../../../testbed/npm/nushell/package-lock.json"),
    ),
];

/// The program; none where it cannot be had, which is then recorded.
pub(super) fn provide() -> Option<PathBuf> {
    if env::consts::ARCH != "x86_64" {
        record_skip("nushell is pinned for x86-64 alone");
        return None;
    }
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("nushell");
    let program = folder.join("node_modules/@nushell/linux-x64/bin/nu");
    if is_installed(&folder) && program.is_file() {
        return Some(program);
    }
    let Ok(version) = Command::new("npm").arg("--version").output() else {
        record_skip("npm, which brings nushell, is not installed");
        return None;
    };
    assert!(version.status.success(), "{version:?}");
    if let Err(problem) = install(&folder) {
        record_skip(&format!("npm does not bring nushell: {problem}"));
        return None;
    }
    Some(program)
}

/// An earlier run may have installed another version.
fn is_installed(folder: &Path) -> bool {
    MANIFESTS.iter().all(|(name, text)| {
        fs::read_to_string(folder.join(name)).is_ok_and(|installed| installed == *text)
    })
}

/// Where the registry does not answer, its words.
fn install(folder: &Path) -> Result<(), String> {
    fs::create_dir_all(folder).unwrap();
    for (name, text) in MANIFESTS {
        fs::write(folder.join(name), text).unwrap();
    }
    let output = Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(folder)
        .output()
        .unwrap();
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Err(words.lines().next().unwrap_or_default().to_owned())
}
