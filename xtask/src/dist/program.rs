//! The program of a release: built for this machine's platform with the released manifests inside, and without the
//! folders of the machine that built it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use super::error::DistError;
use super::platform::{GLIBC_FLOOR, Platform, System};
use super::{floor, zig};
use crate::process::{StepError, cargo, run, say, target_folder, workspace};

/// Who links the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Linker {
    /// Against the oldest glibc that a release promises.
    Zig,
    /// Against the glibc of this machine.
    Machine,
}

/// Builds the program and returns its path.
pub(super) fn build(platform: &Platform, linker: Linker) -> Result<PathBuf, StepError> {
    let bundle = provide_bundle()?;
    run(&mut build_command(platform, linker)?)?;
    let folder = target_folder().join(platform.target).join("release");
    let program = folder.join(platform.program("kubectl-trainer"));
    let content = read(&program)?;
    if !contains(&content, &read(&bundle)?) {
        return Err(DistError::NoBundle(program).into());
    }
    if platform.system == System::Linux {
        judge_floor(&program, &content, linker)?;
    }
    Ok(program)
}

/// Says which glibc a program needs that somebody else has built.
pub(super) fn say_floor(platform: &Platform, program: &Path) -> Result<(), StepError> {
    if platform.system == System::Linux {
        judge_floor(program, &read(program)?, Linker::Machine)?;
    }
    Ok(())
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, StepError> {
    fs::read(path).map_err(|error| StepError::io(path.display(), error))
}

fn judge_floor(program: &Path, content: &[u8], linker: Linker) -> Result<(), StepError> {
    let needed = floor::needed_glibc(program, content)?;
    if linker == Linker::Zig {
        floor::judge(program, needed)?;
    }
    if let Some(version) = needed {
        say(format_args!("the program needs glibc {version} or newer"));
    }
    Ok(())
}

/// The manifests that the build puts inside; they are rendered on Linux only, and other machines are given the file.
fn provide_bundle() -> Result<PathBuf, StepError> {
    if let Some(named) = env::var_os("KUBECTL_TRAINER_BUNDLE") {
        return Ok(named.into());
    }
    #[cfg(target_os = "linux")]
    crate::bundle::make_if_missing()?;
    Ok(target_folder().join("bundle/manifests.json.xz"))
}

fn build_command(platform: &Platform, linker: Linker) -> Result<Command, StepError> {
    let by_zig = linker == Linker::Zig && platform.system == System::Linux;
    let (mut build, target) = if by_zig {
        let target = format!("{}.{GLIBC_FLOOR}", platform.target);
        (zig::cargo_zigbuild()?, target)
    } else {
        let mut build = cargo();
        build.arg("build");
        (build, platform.target.to_owned())
    };
    build
        .args(["--locked", "--release", "--package", "kubectl-trainer"])
        .args(["--target", &target])
        .envs(platform.build_environment().iter().copied())
        .env_remove("RUSTFLAGS")
        .env("CARGO_ENCODED_RUSTFLAGS", flags(platform).join("\x1f"));
    Ok(build)
}

/// Names of folders that panics tell are the same on every machine.
fn flags(platform: &Platform) -> Vec<String> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(env::home_dir()?.join(".cargo")));
    let folders = [(Some(workspace()), "/source"), (home, "/cargo")];
    let remapped = folders
        .into_iter()
        .filter_map(|(folder, name)| Some((folder?, name)))
        .map(|(folder, name)| format!("--remap-path-prefix={}={name}", folder.display()));
    let own = platform.build_flags().iter().map(|flag| (*flag).to_owned());
    remapped.chain(own).collect()
}

/// Whether `part` is somewhere in `whole`.
fn contains(whole: &[u8], part: &[u8]) -> bool {
    !part.is_empty() && whole.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dist::platform;

    #[test]
    fn what_is_inside_is_found() {
        assert!(contains(b"abcabd", b"abd"));
        assert!(!contains(b"abcab", b"abd"));
        assert!(!contains(b"abc", b""));
    }

    #[test]
    fn no_folder_of_this_machine_gets_into_a_program() {
        let flags = flags(platform::host().unwrap());
        let workspace = workspace().display().to_string();
        assert!(
            flags.contains(&format!("--remap-path-prefix={workspace}=/source")),
            "{flags:?}"
        );
        assert!(
            flags.iter().any(|flag| flag.ends_with("=/cargo")),
            "{flags:?}"
        );
    }
}
