//! Puts the bundle of released manifests where `src/releases/bundle.rs` embeds it from: the file that
//! `KUBECTL_TRAINER_BUNDLE` names, else the one that `cargo xtask bundle` made in the build folder, else nothing.
//! Release builds for glibc are linked so that they start quickly.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

/// The marker that Cargo puts into its build folder.
const BUILD_FOLDER_MARKER: &str = "CACHEDIR.TAG";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=KUBECTL_TRAINER_BUNDLE");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    link_for_a_quick_start();
    leave_out_unwind_tables(&out)?;
    let embedded = out.join("manifests.json.xz");
    match env::var_os("KUBECTL_TRAINER_BUNDLE") {
        Some(named) => copy_watched(Path::new(&named), &embedded),
        None => embed_default(&out, &embedded),
    }
}

fn embed_default(out: &Path, embedded: &Path) -> io::Result<()> {
    let Some(folder) = build_folder(out).map(|folder| folder.join("bundle")) else {
        return fs::write(embedded, b"");
    };
    // The folder, which must exist for that, is watched, so that a bundle made later is noticed.
    fs::create_dir_all(&folder)?;
    println!("cargo::rerun-if-changed={}", folder.display());
    let bundle = folder.join("manifests.json.xz");
    if bundle.exists() {
        copy_watched(&bundle, embedded)
    } else {
        fs::write(embedded, b"")
    }
}

fn copy_watched(from: &Path, to: &Path) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", from.display());
    fs::copy(from, to).map(drop).map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("the bundle {} cannot be read: {error}", from.display()),
        )
    })
}

/// The outermost marked folder around `out`: a build for another target has a marked folder of its own inside it.
fn build_folder(out: &Path) -> Option<&Path> {
    out.ancestors()
        .filter(|folder| folder.join(BUILD_FOLDER_MARKER).exists())
        .last()
}

/// Most of the time of `--help` goes to the dynamic linker: it loads `libgcc_s.so`, and it writes 14,000 addresses
/// anew because the program may lie anywhere. So the unwinder is linked in, and the program lies where it was linked
/// to, as kubectl does. Where the linker has no static unwinder, as in a cross build, both stay as they are.
fn link_for_a_quick_start() {
    if !is_release_for_glibc() {
        return;
    }
    if let Some(folder) = unwinder_folder() {
        println!("cargo::rustc-link-search=native={}", folder.display());
        println!("cargo::rustc-link-lib=static:-bundle=gcc_eh");
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}

/// Where the linker keeps `libgcc_eh.a`; it answers with the bare name when it has none.
fn unwinder_folder() -> Option<PathBuf> {
    println!("cargo::rerun-if-env-changed=RUSTC_LINKER");
    let linker = env::var_os("RUSTC_LINKER").unwrap_or_else(|| "cc".into());
    let asked = Command::new(linker)
        .arg("-print-file-name=libgcc_eh.a")
        .output();
    let answer = String::from_utf8(asked.ok()?.stdout).ok()?;
    let archive = PathBuf::from(answer.trim());
    let folder = archive.parent().filter(|folder| folder.is_absolute())?;
    archive.exists().then(|| folder.to_owned())
}

/// A tenth of the program would tell how to unwind it, and a release is never unwound: it ends where it panics. The
/// compiler makes these tables all the same, so that they are left out where the parts are put together. Only where it
/// is asked for, as releases do: not every linker understands it, and debuggers miss the tables.
fn leave_out_unwind_tables(out: &Path) -> io::Result<()> {
    const ASKED: &str = "KUBECTL_TRAINER_WITHOUT_UNWIND_TABLES";
    const SCRIPT: &str =
        "SECTIONS { /DISCARD/ : { *(.eh_frame) *(.gcc_except_table*) } } INSERT AFTER .text;\n";
    println!("cargo::rerun-if-env-changed={ASKED}");
    if !is_release_for_glibc() || !is(ASKED, "1") {
        return Ok(());
    }
    let script = out.join("without-unwind-tables.ld");
    fs::write(&script, SCRIPT)?;
    println!("cargo::rustc-link-arg-bins=-Wl,--no-eh-frame-hdr");
    println!("cargo::rustc-link-arg-bins=-Wl,-T,{}", script.display());
    Ok(())
}

fn is_release_for_glibc() -> bool {
    is("PROFILE", "release")
        && is("CARGO_CFG_TARGET_ENV", "gnu")
        && is("CARGO_CFG_TARGET_OS", "linux")
}

fn is(name: &str, value: &str) -> bool {
    env::var(name).is_ok_and(|found| found == value)
}
