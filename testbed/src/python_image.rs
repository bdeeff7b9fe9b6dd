//! The image with Python for trainings in tests and in the demo: made from Debian packages once, and then kept.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::debian;
use crate::error::Error;
use crate::image::{PYTHON_IMAGE, Recipe, archive_path, go_architecture};
use crate::process::run;
use crate::programs::{lock_cache, short_hex};
use crate::requirements::require;

const PACKAGES: [&str; 2] = ["python3-minimal", "libpython3-stdlib"];
/// Parts of Python's library that no training imports.
const LEFT_OUT: [&str; 6] = [
    "ensurepip",
    "idlelib",
    "lib2to3",
    "pydoc_data",
    "test",
    "turtledemo",
];
/// Where programs and libraries lie in an image; a release that has them under `usr` alone gets links.
const MERGED_FOLDERS: [&str; 3] = ["bin", "lib", "lib64"];

/// Where the archive lies, made or not. Its name has all that decides what is in it, but for the packages' versions:
/// asking for those would take a network at each start.
pub(crate) fn path() -> PathBuf {
    let mut hash = Sha256::new();
    hash.update(debian::release());
    hash.update(go_architecture());
    hash.update(PACKAGES.concat());
    hash.update(LEFT_OUT.concat());
    archive_path(PYTHON_IMAGE, &short_hex(&hash.finalize()))
}

/// Makes the archive unless the cache has it. One process makes it; others wait and then find it.
pub(crate) fn provide(progress: &mut dyn Write) -> Result<(), Error> {
    let path = path();
    if path.exists() {
        return Ok(());
    }
    let _lock = lock_cache(progress)?;
    if path.exists() {
        return Ok(());
    }
    let start = Instant::now();
    // Nobody reads the progress of a closed terminal.
    let _ = writeln!(progress, "making the image with Python, once");
    make(&path)?;
    let seconds = start.elapsed().as_secs();
    let _ = writeln!(progress, "made   the image with Python, {seconds} s");
    Ok(())
}

fn make(path: &Path) -> Result<(), Error> {
    let folder = tempfile::tempdir().map_err(Error::command("making a temporary folder"))?;
    let root = folder.path().join("root");
    let packages = debian::fetch(&PACKAGES, folder.path())?;
    debian::unpack(&packages, &root)?;
    link_merged_folders(&root)?;
    compile_library(&root)?;
    recipe(&root)?.write(path)
}

/// What Debian's package `base-files` would do, were it here.
fn link_merged_folders(root: &Path) -> Result<(), Error> {
    for name in MERGED_FOLDERS {
        let link = root.join(name);
        if !link.exists() {
            std::os::unix::fs::symlink(format!("usr/{name}"), &link)
                .map_err(Error::file("make", &link))?;
        }
    }
    Ok(())
}

/// Python starts four times as fast when its library is compiled. The files of an image have no times, so what is
/// compiled must not be held against them.
fn compile_library(root: &Path) -> Result<(), Error> {
    let mut command = Command::new("chroot");
    command
        .arg(root)
        .args(["/usr/bin/python3", "-m", "compileall", "-q"])
        .args(["--invalidation-mode", "unchecked-hash"]);
    let libraries = entries(&root.join("usr/lib"))?
        .into_iter()
        .filter(|path| file_name(path).starts_with("python3."))
        .map(|path| Path::new("/").join(path.strip_prefix(root).unwrap_or(&path)));
    run(
        "compiling Python's library",
        command.args(libraries).current_dir("/"),
    )
    .map(drop)
}

fn recipe(root: &Path) -> Result<Recipe, Error> {
    let mut recipe = Recipe {
        reference: PYTHON_IMAGE.to_owned(),
        files: vec![(require("busybox")?, "/usr/bin/busybox".to_owned())],
        links: vec![("/usr/bin/sh".to_owned(), "busybox".to_owned())],
        config: json!({"Cmd": ["python3"]}),
    };
    collect(root, root, &mut recipe)?;
    // Where programs have a folder of their own beside `usr`, that of the shell is the same.
    if root.join("bin").is_dir() && !root.join("bin").is_symlink() {
        recipe.links.push(("/bin".to_owned(), "usr/bin".to_owned()));
    }
    Ok(recipe)
}

/// Adds what belongs into the image of a folder and those in it.
fn collect(root: &Path, folder: &Path, recipe: &mut Recipe) -> Result<(), Error> {
    for path in entries(folder)? {
        let inside = path.strip_prefix(root).unwrap_or(&path);
        if path.is_symlink() {
            if belongs(inside) {
                let target = fs::read_link(&path).map_err(Error::file("read", &path))?;
                let link = (absolute(inside), target.to_string_lossy().into_owned());
                recipe.links.push(link);
            }
        } else if path.is_dir() {
            collect(root, &path, recipe)?;
        } else if belongs(inside) {
            let destination = absolute(inside);
            recipe.files.push((path, destination));
        }
    }
    Ok(())
}

/// Whether a file or link belongs into the image: Python, its library, and shared libraries.
fn belongs(path: &Path) -> bool {
    let parts: Vec<&str> = path.iter().filter_map(OsStr::to_str).collect();
    match parts.as_slice() {
        [folder] => MERGED_FOLDERS.contains(folder),
        ["usr", "bin", program] => program.starts_with("python3"),
        ["usr", "lib", python, module, ..] if python.starts_with("python3.") => {
            !LEFT_OUT.contains(module)
        }
        ["lib64", _] | ["usr", "lib64", _] => true,
        ["lib", triplet, library] | ["usr", "lib", triplet, library] => {
            triplet.contains("-linux-") && library.contains(".so")
        }
        _ => false,
    }
}

fn absolute(path: &Path) -> String {
    format!("/{}", path.display())
}

fn file_name(path: &Path) -> &str {
    path.file_name().and_then(OsStr::to_str).unwrap_or_default()
}

/// What lies in a folder, by name, so that the same packages make the same image.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = fs::read_dir(folder).map_err(Error::file("read", folder))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_python_and_shared_libraries_belong_into_the_image() {
        let belonging = [
            "usr/bin/python3.11",
            "usr/lib/python3.11/json/decoder.py",
            "usr/lib/python3.13/__pycache__/os.cpython-313.pyc",
            "lib/x86_64-linux-gnu/libc.so.6",
            "usr/lib/aarch64-linux-gnu/libssl.so.3",
            "lib64/ld-linux-x86-64.so.2",
            "lib",
        ];
        let foreign = [
            "usr/bin/dpkg",
            "usr/lib/python3.11/test/support/__init__.py",
            "usr/lib/x86_64-linux-gnu/gconv/UTF-16.so",
            "usr/share/doc/python3.11/copyright",
            "etc/debconf.conf",
        ];
        for path in belonging {
            assert!(belongs(Path::new(path)), "{path}");
        }
        for path in foreign {
            assert!(!belongs(Path::new(path)), "{path}");
        }
    }
}
