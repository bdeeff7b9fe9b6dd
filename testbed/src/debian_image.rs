//! Images with Python, for trainings in tests and in the demo: made from Debian packages once, and then kept. What is in
//! each says a file of its own.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::debian::{self, Release};
use crate::error::Error;
use crate::image::{Recipe, archive_path, go_architecture};
use crate::options::Image;
use crate::process::run;
use crate::programs::{lock_cache, short_hex};
use crate::requirements::require;
use crate::{python_image, torch_image};

/// Where programs and libraries lie in an image; a release that has them under `usr` alone gets links.
pub(crate) const MERGED_FOLDERS: [&str; 3] = ["bin", "lib", "lib64"];

/// An image with Python, and what makes it another than the others.
pub(crate) struct DebianImage {
    /// As a person calls it.
    pub(crate) name: &'static str,
    /// Its full name with tag.
    pub(crate) reference: &'static str,
    pub(crate) release: Release,
    pub(crate) packages: &'static [&'static str],
    /// Whether a file or link belongs into it, by the parts of its path.
    pub(crate) belongs: fn(&[&str]) -> bool,
    /// Folders of Python modules in it, beside the library's own.
    pub(crate) modules: &'static [&'static str],
    /// What is done to the unpacked packages, since none of their scripts runs.
    pub(crate) finish: fn(&Path) -> Result<(), Error>,
    /// What its programs find in their environment, as `NAME=VALUE`.
    pub(crate) environment: &'static [&'static str],
    /// The text of the file that says all this.
    pub(crate) source: &'static str,
}

impl Image {
    pub(crate) const fn contents(self) -> &'static DebianImage {
        match self {
            Self::Python => &python_image::PYTHON,
            Self::Torch => &torch_image::TORCH,
        }
    }
}

impl DebianImage {
    /// Where the archive lies, made or not. Its name has all that decides what is in it, the text of the sources
    /// included, but for the packages' versions: asking for those would take a network at each start.
    pub(crate) fn path(&self) -> PathBuf {
        let mut hash = Sha256::new();
        hash.update(self.release.name());
        hash.update(go_architecture());
        for source in [
            self.source,
            include_str!("debian_image.rs"),
            include_str!("image.rs"),
        ] {
            hash.update(source);
        }
        archive_path(self.reference, &short_hex(&hash.finalize()))
    }

    /// Makes the archive unless the cache has it. One process makes it; others wait and then find it.
    pub(crate) fn provide(&self, progress: &mut dyn Write) -> Result<(), Error> {
        let path = self.path();
        if path.exists() {
            return Ok(());
        }
        let _lock = lock_cache(progress)?;
        if path.exists() {
            return Ok(());
        }
        let (name, start) = (self.name, Instant::now());
        // Nobody reads the progress of a closed terminal.
        let _ = writeln!(progress, "making the image with {name}, once");
        self.make(&path)?;
        let seconds = start.elapsed().as_secs();
        let _ = writeln!(progress, "made   the image with {name}, {seconds} s");
        Ok(())
    }

    fn make(&self, path: &Path) -> Result<(), Error> {
        let folder = tempfile::tempdir().map_err(Error::command("making a temporary folder"))?;
        let root = folder.path().join("root");
        let packages = debian::fetch(self.release, self.packages, folder.path())?;
        debian::unpack(&packages, &root)?;
        link_merged_folders(&root)?;
        (self.finish)(&root)?;
        self.compile_modules(&root)?;
        self.recipe(&root)?.write(path)
    }

    /// Python starts four times as fast when its library is compiled. The files of an image have no times, so what is
    /// compiled must not be held against them.
    fn compile_modules(&self, root: &Path) -> Result<(), Error> {
        let mut command = Command::new("chroot");
        command
            .arg(root)
            .args(["/usr/bin/python3", "-m", "compileall", "-q"])
            .args(["--invalidation-mode", "unchecked-hash"])
            .args(self.modules);
        let libraries = entries(&root.join("usr/lib"))?
            .into_iter()
            .filter(|path| is_python_library(file_name(path)))
            .map(|path| Path::new("/").join(path.strip_prefix(root).unwrap_or(&path)));
        let what = format!(
            "compiling Python's modules for the image with {}",
            self.name
        );
        run(&what, command.args(libraries).current_dir("/")).map(drop)
    }

    fn recipe(&self, root: &Path) -> Result<Recipe, Error> {
        let mut recipe = Recipe {
            reference: self.reference.to_owned(),
            files: vec![(require("busybox")?, "/usr/bin/busybox".to_owned())],
            links: vec![("/usr/bin/sh".to_owned(), "busybox".to_owned())],
            config: json!({"Cmd": ["python3"], "Env": self.environment}),
        };
        self.collect(root, root, &mut recipe)?;
        // Where programs have a folder of their own beside `usr`, that of the shell is the same.
        if root.join("bin").is_dir() && !root.join("bin").is_symlink() {
            recipe.links.push(("/bin".to_owned(), "usr/bin".to_owned()));
        }
        Ok(recipe)
    }

    /// Adds what belongs into the image of a folder and those in it.
    fn collect(&self, root: &Path, folder: &Path, recipe: &mut Recipe) -> Result<(), Error> {
        for path in entries(folder)? {
            let inside = path.strip_prefix(root).unwrap_or(&path);
            if path.is_symlink() {
                if self.has(inside) {
                    let target = fs::read_link(&path).map_err(Error::file("read", &path))?;
                    let link = (absolute(inside), target.to_string_lossy().into_owned());
                    recipe.links.push(link);
                }
            } else if path.is_dir() {
                self.collect(root, &path, recipe)?;
            } else if self.has(inside) {
                let destination = absolute(inside);
                recipe.files.push((path, destination));
            }
        }
        Ok(())
    }

    fn has(&self, path: &Path) -> bool {
        let parts: Vec<&str> = path.iter().filter_map(OsStr::to_str).collect();
        match parts.as_slice() {
            [folder] => MERGED_FOLDERS.contains(folder),
            parts => (self.belongs)(parts),
        }
    }
}

/// What Debian's package `base-files` would do, were it here.
fn link_merged_folders(root: &Path) -> Result<(), Error> {
    for name in MERGED_FOLDERS {
        let link = root.join(name);
        if !link.exists() {
            make_link(&link, &format!("usr/{name}"))?;
        }
    }
    Ok(())
}

pub(crate) fn make_link(path: &Path, target: &str) -> Result<(), Error> {
    std::os::unix::fs::symlink(target, path).map_err(Error::file("make", path))
}

/// Whether a folder has the library of a version of Python.
pub(crate) fn is_python_library(folder: &str) -> bool {
    folder.starts_with("python3.")
}

fn absolute(path: &Path) -> String {
    format!("/{}", path.display())
}

fn file_name(path: &Path) -> &str {
    path.file_name().and_then(OsStr::to_str).unwrap_or_default()
}

/// What lies in a folder, by name, so that the same packages make the same image.
pub(crate) fn entries(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = fs::read_dir(folder).map_err(Error::file("read", folder))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    #[track_caller]
    pub(crate) fn assert_holds(image: &DebianImage, belonging: &[&str], foreign: &[&str]) {
        for path in belonging {
            assert!(image.has(Path::new(path)), "{path}");
        }
        for path in foreign {
            assert!(!image.has(Path::new(path)), "{path}");
        }
    }

    #[test]
    fn an_image_whose_recipe_has_changed_is_made_anew() {
        let before = &python_image::PYTHON;
        let changed = DebianImage {
            source: "another",
            ..python_image::PYTHON
        };
        assert_ne!(before.path(), changed.path());
        assert_eq!(before.path(), Image::Python.contents().path());
    }
}
