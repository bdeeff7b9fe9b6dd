//! Container images of one layer, made from programs on this machine as OCI archives. No registry is asked.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

use crate::error::Error;
use crate::folder::{self, write_whole};
use crate::process::run;
use crate::programs::{hex, short_hex};
use crate::requirements::require;

/// The image of the container that holds a pod's namespaces.
pub(crate) const PAUSE_IMAGE: &str = "registry.k8s.io/pause:3.10";
/// A shell and its tools, for the pods of tests.
pub const BUSYBOX_IMAGE: &str = "docker.io/library/busybox:1.35";
/// Python with its library and a shell, on beds that are asked for it.
pub const PYTHON_IMAGE: &str = "docker.io/library/python:3-slim";

const PASSWD: &str = "root:x:0:0::/:/bin/sh\nnonroot:x:65532:65532::/:/bin/false\n";
const GROUP: &str = "root:x:0:\nnonroot:x:65532:\n";
const SEARCH_PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What goes into an image.
pub(crate) struct Recipe {
    /// Its full name with tag.
    pub(crate) reference: String,
    /// Files of this machine and where they lie in the image.
    pub(crate) files: Vec<(PathBuf, String)>,
    /// Symbolic links: path, target.
    pub(crate) links: Vec<(String, String)>,
    /// `User`, `Entrypoint` and `Cmd`, as the image configuration spells them.
    pub(crate) config: Value,
}

impl Recipe {
    pub(crate) fn pause(program: PathBuf) -> Self {
        Self {
            reference: PAUSE_IMAGE.to_owned(),
            files: vec![(program, "/pause".to_owned())],
            links: Vec::new(),
            config: json!({"Entrypoint": ["/pause"]}),
        }
    }

    /// A controller. Its pods ask for a user that is not root and name none, so the image must give a number.
    pub(crate) fn controller(reference: &str, program: PathBuf) -> Self {
        Self {
            reference: reference.to_owned(),
            files: vec![(program, "/manager".to_owned())],
            links: Vec::new(),
            config: json!({"Entrypoint": ["/manager"], "User": "65532:65532"}),
        }
    }

    /// The shell and its tools. `getent` comes along because a static busybox cannot resolve names through glibc.
    pub(crate) fn busybox() -> Result<Self, Error> {
        let busybox = require("busybox")?;
        let applets = run("busybox --list", Command::new(&busybox).arg("--list"))?;
        let links = applets
            .lines()
            .filter(|applet| *applet != "busybox")
            .map(|applet| (format!("/bin/{applet}"), "busybox".to_owned()))
            .collect();
        let getent = require("getent")?;
        let mut files = dynamic_libraries(&getent)?;
        files.push((busybox, "/bin/busybox".to_owned()));
        files.push((getent, "/usr/bin/getent".to_owned()));
        Ok(Self {
            reference: BUSYBOX_IMAGE.to_owned(),
            files,
            links,
            config: json!({"Cmd": ["sh"]}),
        })
    }

    /// Makes the archive unless the cache has it, and returns its path.
    pub(crate) fn archive(&self) -> Result<PathBuf, Error> {
        let path = self.path()?;
        if !path.exists() {
            self.write(&path)?;
        }
        Ok(path)
    }

    /// Makes the archive at this path of the cache.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Error> {
        let folder = path.parent().unwrap_or(path);
        fs::create_dir_all(folder).map_err(Error::file("make", folder))?;
        let bytes = self.pack().map_err(Error::file("make", path))?;
        write_whole(path, &bytes)
    }

    /// Known by the sources' paths, sizes and times: hashing 100 MB at each start would cost more than it saves.
    fn path(&self) -> Result<PathBuf, Error> {
        let mut hash = Sha256::new();
        hash.update(&self.reference);
        hash.update(self.config.to_string());
        for (source, destination) in &self.files {
            let metadata = fs::metadata(source).map_err(Error::file("read", source))?;
            let modified = metadata.modified().map_err(Error::file("read", source))?;
            hash.update(format!(
                "{}{destination}{}{modified:?}",
                source.display(),
                metadata.len()
            ));
        }
        Ok(archive_path(&self.reference, &short_hex(&hash.finalize())))
    }

    fn pack(&self) -> std::io::Result<Vec<u8>> {
        let layer = self.layer()?;
        let mut archive = Builder::new(Vec::new());
        let layer_digest = append_blob(&mut archive, &layer)?;
        let image = self.image(&layer_digest).to_string();
        let image_digest = append_blob(&mut archive, image.as_bytes())?;
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": image_digest, "size": image.len()},
            "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": layer_digest, "size": layer.len()}],
        })
        .to_string();
        let manifest_digest = append_blob(&mut archive, manifest.as_bytes())?;
        let index = self.index(&manifest_digest, manifest.len());
        let index = index.to_string();
        append_file(&mut archive, "index.json", index.as_bytes(), 0o644)?;
        append_file(&mut archive, "oci-layout", LAYOUT, 0o644)?;
        archive.into_inner()
    }

    fn image(&self, layer_digest: &str) -> Value {
        let mut config = self.config.clone();
        config["Env"] = json!([SEARCH_PATH]);
        config["WorkingDir"] = json!("/");
        json!({
            "architecture": go_architecture(), "os": "linux", "config": config,
            "rootfs": {"type": "layers", "diff_ids": [layer_digest]}, "history": [],
        })
    }

    fn index(&self, digest: &str, size: usize) -> Value {
        let tag = self.reference.rsplit(':').next().unwrap_or_default();
        json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [{
                "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": size,
                "platform": {"architecture": go_architecture(), "os": "linux"},
                "annotations": {"io.containerd.image.name": self.reference, "org.opencontainers.image.ref.name": tag},
            }],
        })
    }

    fn layer(&self) -> std::io::Result<Vec<u8>> {
        let mut layer = Layer {
            archive: Builder::new(Vec::new()),
            folders: BTreeSet::new(),
        };
        layer.folder("tmp", 0o1777)?;
        layer.file("etc/passwd", PASSWD.as_bytes(), 0o644)?;
        layer.file("etc/group", GROUP.as_bytes(), 0o644)?;
        for (source, destination) in &self.files {
            layer.file(
                destination.trim_start_matches('/'),
                &fs::read(source)?,
                0o755,
            )?;
        }
        for (path, target) in &self.links {
            layer.link(path.trim_start_matches('/'), target)?;
        }
        layer.archive.into_inner()
    }
}

/// Where the cache keeps the archive of an image; `key` tells what is in it from what was in it before.
pub(crate) fn archive_path(reference: &str, key: &str) -> PathBuf {
    let name = reference.replace(|c: char| !c.is_ascii_alphanumeric() && c != '.', "-");
    folder::cache()
        .join("images")
        .join(format!("{name}-{key}.tar"))
}

/// What marks a folder or archive as one of OCI images.
const LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

/// A layer under construction: it makes each parent folder once, before what lies in it.
struct Layer {
    archive: Builder<Vec<u8>>,
    folders: BTreeSet<String>,
}

impl Layer {
    fn folder(&mut self, path: &str, mode: u32) -> std::io::Result<()> {
        if path.is_empty() || !self.folders.insert(path.to_owned()) {
            return Ok(());
        }
        self.parents(path)?;
        let mut header = header(EntryType::Directory, 0, mode);
        self.archive
            .append_data(&mut header, format!("{path}/"), std::io::empty())
    }

    fn parents(&mut self, path: &str) -> std::io::Result<()> {
        let parent = Path::new(path)
            .parent()
            .and_then(Path::to_str)
            .unwrap_or_default();
        self.folder(parent, 0o755)
    }

    fn file(&mut self, path: &str, bytes: &[u8], mode: u32) -> std::io::Result<()> {
        self.parents(path)?;
        append_file(&mut self.archive, path, bytes, mode)
    }

    fn link(&mut self, path: &str, target: &str) -> std::io::Result<()> {
        self.parents(path)?;
        let mut header = header(EntryType::Symlink, 0, 0o777);
        self.archive.append_link(&mut header, path, target)
    }
}

fn append_blob(archive: &mut Builder<Vec<u8>>, bytes: &[u8]) -> std::io::Result<String> {
    let digest = hex(&Sha256::digest(bytes));
    append_file(archive, &format!("blobs/sha256/{digest}"), bytes, 0o644)?;
    Ok(format!("sha256:{digest}"))
}

fn append_file(
    archive: &mut Builder<Vec<u8>>,
    path: &str,
    bytes: &[u8],
    mode: u32,
) -> std::io::Result<()> {
    let mut header = header(EntryType::Regular, bytes.len(), mode);
    archive.append_data(&mut header, path, bytes)
}

fn header(kind: EntryType, size: usize, mode: u32) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size as u64);
    header.set_mode(mode);
    header
}

/// The shared libraries of a program, each at its own path, as `ldd` tells them.
fn dynamic_libraries(program: &Path) -> Result<Vec<(PathBuf, String)>, Error> {
    let text = run("ldd", Command::new("ldd").arg(program))?;
    Ok(parse_libraries(&text)
        .into_iter()
        .map(|path| (PathBuf::from(&path), path))
        .collect())
}

fn parse_libraries(ldd: &str) -> Vec<String> {
    ldd.lines()
        .filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')))
        .map(str::to_owned)
        .collect()
}

/// This machine's architecture as Go and image indexes spell it.
pub(crate) fn go_architecture() -> &'static str {
    match env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_the_absolute_paths_of_ldd() {
        let text = "\tlinux-vdso.so.1 (0x1)\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x2)\n\t/lib64/ld-linux-x86-64.so.2 (0x3)\n";
        assert_eq!(
            parse_libraries(text),
            [
                "/lib/x86_64-linux-gnu/libc.so.6",
                "/lib64/ld-linux-x86-64.so.2"
            ]
        );
    }

    #[test]
    fn a_folder_comes_once_and_before_what_lies_in_it() {
        let recipe = Recipe {
            reference: "example/x:1".to_owned(),
            files: Vec::new(),
            links: vec![
                ("/bin/a".to_owned(), "b".to_owned()),
                ("/bin/c".to_owned(), "b".to_owned()),
            ],
            config: json!({}),
        };
        let layer = recipe.layer().unwrap();
        let mut archive = tar::Archive::new(layer.as_slice());
        let paths: Vec<String> = archive
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().path().unwrap().display().to_string())
            .collect();
        assert_eq!(
            paths,
            [
                "tmp/",
                "etc/",
                "etc/passwd",
                "etc/group",
                "bin/",
                "bin/a",
                "bin/c"
            ]
        );
    }
}
