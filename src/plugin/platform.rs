//! What systems have of their own: what makes a file a program, and how a second name for a program is made.
//! Only Linux has been compiled and run; the rest is written by the documentation of Rust's standard library.

use std::{fs, io, path::Path};

/// What a program's file is called.
pub(super) fn program_file(name: &str) -> String {
    format!("{name}{}", std::env::consts::EXE_SUFFIX)
}

/// Whether the system would start this file.
#[cfg(unix)]
pub(super) fn is_program(path: &Path) -> bool {
    use rustix::fs::{Access, access};

    fs::metadata(path).is_ok_and(|found| found.is_file()) && access(path, Access::EXEC_OK).is_ok()
}

#[cfg(not(unix))]
pub(super) fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file())
}

/// Makes `path` a second name of `program`; nothing may be there. A link to a name that another tool keeps up to date
/// stays right when the program is upgraded.
#[cfg(unix)]
pub(super) fn link(program: &Path, path: &Path) -> io::Result<()> {
    let is_beside = program.parent() == path.parent();
    let target = match program.file_name() {
        Some(name) if is_beside => Path::new(name),
        _ => program,
    };
    std::os::unix::fs::symlink(target, path)
}

/// Symbolic links are for administrators there, so it is a copy, which has to be made again after an upgrade.
#[cfg(not(unix))]
pub(super) fn link(program: &Path, path: &Path) -> io::Result<()> {
    fs::copy(program, path).map(drop)
}

/// Leaves the terminal, so that nothing that is started from here can ask at it.
#[cfg(unix)]
pub fn leave_terminal() {
    // The leader of a group cannot; a shell that starts completions has none of them lead one.
    let _ = rustix::process::setsid();
}

#[cfg(not(unix))]
pub fn leave_terminal() {}
