//! zig and cargo-zigbuild, which link for an older glibc than this machine's: pinned, and kept in the build folder.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use super::error::DistError;
use crate::process::{StepError, cargo, command, output, say, target_folder};

/// The version of `ziglang` from `PyPI`.
const ZIG: &str = "0.17.1";
/// The digests of its wheels for both processors, since it is what links every release for Linux.
const ZIG_WHEELS: [&str; 2] = [
    "ea6cc5d87b033cf0aedfbc8f9549a908cae6c50ac31f1698188fa48a74524b54",
    "b7c5f02fccd40f89b999ee16a1f5ddced56e6182370f8affe494bcf8a28cf07e",
];
/// The version of `cargo-zigbuild` from crates.io.
const CARGO_ZIGBUILD: &str = "0.24.1";

/// A `cargo zigbuild` to be given arguments; what it needs is fetched first where it is missing.
pub(super) fn cargo_zigbuild() -> Result<Command, StepError> {
    let zig = provide_zig()?;
    let folder = provide_cargo_zigbuild()?;
    let mut build = cargo();
    build
        .arg("zigbuild")
        .env("PATH", with_folder(&folder))
        .env("CARGO_ZIGBUILD_ZIG_PATH", zig)
        .env("CARGO_ZIGBUILD_CACHE_DIR", tools().join("cache"));
    Ok(build)
}

fn tools() -> PathBuf {
    target_folder().join("dist-tools")
}

/// `PATH` with a folder before all others.
fn with_folder(folder: &Path) -> OsString {
    let paths = env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(folder.to_owned()).chain(env::split_paths(&paths));
    // A folder that cannot stand in PATH is none that cargo could find anything in.
    env::join_paths(folders).unwrap_or(paths)
}

fn provide_zig() -> Result<PathBuf, StepError> {
    let folder = tools().join(format!("zig-{ZIG}"));
    let zig = folder.join("ziglang/zig");
    if zig.exists() {
        return Ok(zig);
    }
    say(format_args!(
        "fetching zig {ZIG} from PyPI (some 100 MB, once)"
    ));
    let part = folder.with_extension("part");
    let wanted = tools().join("zig-requirements.txt");
    let digests = ZIG_WHEELS.map(|digest| format!(" --hash=sha256:{digest}"));
    fs::create_dir_all(tools())
        .and_then(|()| fs::write(&wanted, format!("ziglang=={ZIG}{}\n", digests.concat())))
        .map_err(|error| StepError::io(wanted.display(), error))?;
    let mut install = command("python3");
    install
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .args(["--no-deps", "--only-binary=:all:", "--require-hashes"])
        .args(["--upgrade", "--target"])
        .arg(&part)
        .arg("--requirement")
        .arg(&wanted);
    run_tool(
        &mut install,
        &format!("zig {ZIG}"),
        "apt-get install --yes python3-pip",
    )?;
    fs::rename(&part, &folder).map_err(|error| StepError::io(folder.display(), error))?;
    Ok(zig)
}

/// The folder with the program.
fn provide_cargo_zigbuild() -> Result<PathBuf, StepError> {
    let root = tools().join(format!("cargo-zigbuild-{CARGO_ZIGBUILD}"));
    let folder = root.join("bin");
    if folder.join("cargo-zigbuild").exists() {
        return Ok(folder);
    }
    let name = format!("cargo-zigbuild {CARGO_ZIGBUILD}");
    say(format_args!("building {name} (some minutes, once)"));
    let mut install = cargo();
    install
        .args(["install", "--quiet", "--locked", "cargo-zigbuild"])
        .args(["--version", CARGO_ZIGBUILD, "--root"])
        .arg(&root);
    run_tool(&mut install, &name, "cargo install cargo-zigbuild")?;
    Ok(folder)
}

fn run_tool(install: &mut Command, tool: &str, mend: &'static str) -> Result<(), StepError> {
    let reason = match output(install) {
        Ok(ended) if ended.status.success() => return Ok(()),
        Ok(ended) => String::from_utf8_lossy(&ended.stderr).trim().to_owned(),
        Err(error) => format!("{error}"),
    };
    let tool = tool.to_owned();
    Err(DistError::Tool { tool, reason, mend }.into())
}
