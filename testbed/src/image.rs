//! Container images of one layer, made from programs on this machine as OCI archives. No registry is asked.

use std::collections::BTreeSet;
use std::env;
use std::fs::{self, File};
use std::io::{self, Seek as _, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

use crate::error::Error;
use crate::folder::{self, write_whole_by};
use crate::process::run;
use crate::programs::{hex, short_hex};
use crate::requirements::require;

/// The image of the container that holds a pod's namespaces.
pub(crate) const PAUSE_IMAGE: &str = "registry.k8s.io/pause:3.10";
/// A shell and its tools, for the pods of tests.
pub const BUSYBOX_IMAGE: &str = "docker.io/library/busybox:1.35";
/// Python with its library and a shell, on beds that are asked for it.
pub const PYTHON_IMAGE: &str = "docker.io/library/python:3-slim";
/// PyTorch with torchrun and gloo, for processors, on beds that are asked for it.
pub const TORCH_IMAGE: &str = "docker.io/library/pytorch:2-cpu";

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
        write_whole_by(path, |archive| {
            self.pack(tempfile::tempfile_in(folder)?, archive)
        })
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

    /// The layer comes into a file of its own first: its digest stands before it, and it may have a gigabyte.
    fn pack(&self, layer: File, archive: &mut File) -> io::Result<()> {
        let mut layer = self.layer(layer)?;
        let mut archive = Builder::new(archive);
        let (layer_digest, layer_size) = append_layer(&mut archive, &mut layer)?;
        let image = self.image(&layer_digest).to_string();
        let image_digest = append_blob(&mut archive, image.as_bytes())?;
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": image_digest, "size": image.len()},
            "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": layer_digest, "size": layer_size}],
        })
        .to_string();
        let manifest_digest = append_blob(&mut archive, manifest.as_bytes())?;
        let index = self.index(&manifest_digest, manifest.len());
        let index = index.to_string();
        append_file(&mut archive, "index.json", index.as_bytes(), 0o644)?;
        append_file(&mut archive, "oci-layout", LAYOUT, 0o644)?;
        archive.finish()
    }

    fn image(&self, layer_digest: &str) -> Value {
        let mut config = self.config.clone();
        let more = config["Env"].as_array().cloned().unwrap_or_default();
        config["Env"] = [vec![json!(SEARCH_PATH)], more].concat().into();
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

    fn layer<W: Write>(&self, file: W) -> io::Result<W> {
        let mut layer = Layer {
            archive: Builder::new(file),
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
struct Layer<W: Write> {
    archive: Builder<W>,
    folders: BTreeSet<String>,
}

impl<W: Write> Layer<W> {
    fn folder(&mut self, path: &str, mode: u32) -> io::Result<()> {
        if path.is_empty() || !self.folders.insert(path.to_owned()) {
            return Ok(());
        }
        self.parents(path)?;
        let mut header = header(EntryType::Directory, 0, mode);
        self.archive
            .append_data(&mut header, format!("{path}/"), io::empty())
    }

    fn parents(&mut self, path: &str) -> io::Result<()> {
        let parent = Path::new(path)
            .parent()
            .and_then(Path::to_str)
            .unwrap_or_default();
        self.folder(parent, 0o755)
    }

    fn file(&mut self, path: &str, bytes: &[u8], mode: u32) -> io::Result<()> {
        self.parents(path)?;
        append_file(&mut self.archive, path, bytes, mode)
    }

    fn link(&mut self, path: &str, target: &str) -> io::Result<()> {
        self.parents(path)?;
        let mut header = header(EntryType::Symlink, 0, 0o777);
        self.archive.append_link(&mut header, path, target)
    }
}

/// A layer by its digest; also its size.
fn append_layer<W: Write>(archive: &mut Builder<W>, layer: &mut File) -> io::Result<(String, u64)> {
    let mut hash = Hashing(Sha256::new());
    layer.rewind()?;
    let size = io::copy(layer, &mut hash)?;
    let digest = hex(&hash.0.finalize());
    layer.rewind()?;
    let mut header = header(EntryType::Regular, size, 0o644);
    archive.append_data(&mut header, blob_path(&digest), layer)?;
    Ok((format!("sha256:{digest}"), size))
}

/// Takes bytes for their digest alone.
struct Hashing(Sha256);

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn append_blob<W: Write>(archive: &mut Builder<W>, bytes: &[u8]) -> io::Result<String> {
    let digest = hex(&Sha256::digest(bytes));
    append_file(archive, &blob_path(&digest), bytes, 0o644)?;
    Ok(format!("sha256:{digest}"))
}

fn blob_path(digest: &str) -> String {
    format!("blobs/sha256/{digest}")
}

fn append_file<W: Write>(
    archive: &mut Builder<W>,
    path: &str,
    bytes: &[u8],
    mode: u32,
) -> io::Result<()> {
    let mut header = header(EntryType::Regular, bytes.len() as u64, mode);
    archive.append_data(&mut header, path, bytes)
}

fn header(kind: EntryType, size: u64, mode: u32) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
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
        let layer = recipe.layer(Vec::new()).unwrap();
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
