//! Puts the bundle of released manifests where `src/releases/bundle.rs` embeds it from: the file that
//! `KUBECTL_TRAINER_BUNDLE` names, else the one that `cargo xtask bundle` made in the build folder, else nothing.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// The marker that Cargo puts into its build folder.
const BUILD_FOLDER_MARKER: &str = "CACHEDIR.TAG";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=KUBECTL_TRAINER_BUNDLE");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
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
