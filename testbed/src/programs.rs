//! The Go programs of a bed: which there are, and how they are built from the pinned modules into the cache.
//!
//! The cache knows a program by its module's files and flags, so another version never meets an old build.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::folder;
use crate::process::run;
use crate::requirements::go;

const LINKER_FLAGS: &str = "-s -w";
/// Without a stamp, clients of Kubernetes cannot read the version that these programs tell.
const STAMPED_PACKAGES: [&str; 2] = [
    "k8s.io/component-base/version",
    "k8s.io/client-go/pkg/version",
];
const KUBERNETES: &str = "k8s.io/kubernetes";
const CONTAINERD_PACKAGE: &str = "github.com/containerd/containerd/v2/cmd";
const PAUSE_SOURCE: &str = include_str!("../pause.c");

pub(crate) const PAUSE: &str = "pause";
pub(crate) const TRAINER: &str = "trainer-controller-manager";
pub(crate) const JOBSET: &str = "jobset";
const STERN: &str = "stern";
const KREW: &str = "krew";
const VALIDATE_MANIFEST: &str = "validate-krew-manifest";

/// One program of the catalogue.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    /// Folder under `go/`.
    module: String,
    package: String,
    tags: &'static str,
}

/// The built programs of a bed, by name.
#[derive(Clone, Debug)]
pub(crate) struct Programs(BTreeMap<&'static str, PathBuf>);

impl Programs {
    /// Where each program of the catalogue lies, built or not.
    pub(crate) fn locate(catalogue: &[Program]) -> Result<Self, Error> {
        let mut paths = BTreeMap::from([(PAUSE, pause_path())]);
        for program in catalogue {
            paths.insert(program.name, program.path()?);
        }
        Ok(Self(paths))
    }

    /// The path of a program. A name outside the catalogue stands for itself, to be found in `PATH`.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.get(name).cloned().unwrap_or_else(|| name.into())
    }

    /// The folder in which a program lies, for `PATH`.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        path.parent().map(Path::to_owned).unwrap_or_default()
    }
}

/// Every program that a bed without Trainer needs.
pub(crate) fn base_catalogue() -> Vec<Program> {
    let kubernetes = [
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
        "kubelet",
        "kubectl",
    ]
    .map(|name| program(name, "kubernetes", format!("{KUBERNETES}/cmd/{name}")));
    let containerd = ["containerd", "containerd-shim-runc-v2", "ctr"].map(|name| Program {
        tags: "no_btrfs,no_devmapper,no_zfs",
        ..program(name, "containerd", format!("{CONTAINERD_PACKAGE}/{name}"))
    });
    let mut catalogue = Vec::from(kubernetes);
    catalogue.push(program(
        "etcd",
        "etcd",
        "go.etcd.io/etcd/server/v3".to_owned(),
    ));
    catalogue.extend(containerd);
    catalogue.push(program("coredns", "coredns", ".".to_owned()));
    catalogue.push(program(
        "kwok",
        "kwok",
        "sigs.k8s.io/kwok/cmd/kwok".to_owned(),
    ));
    catalogue
}

/// The two controllers of a Trainer release. Versions are without the `v`.
pub(crate) fn controllers(trainer: &str, jobset: &str) -> Vec<Program> {
    vec![
        program(
            TRAINER,
            &format!("trainer-{trainer}"),
            "github.com/kubeflow/trainer/v2/cmd/trainer-controller-manager".to_owned(),
        ),
        program(
            JOBSET,
            &format!("jobset-{jobset}"),
            "sigs.k8s.io/jobset".to_owned(),
        ),
    ]
}

fn program(name: &'static str, module: &str, package: String) -> Program {
    Program {
        name,
        module: module.to_owned(),
        package,
        tags: "",
    }
}

impl Program {
    fn module_folder(&self) -> PathBuf {
        folder::go_modules().join(&self.module)
    }

    /// `cache/programs/MODULE-KEY/NAME`.
    fn path(&self) -> Result<PathBuf, Error> {
        let key = self.key()?;
        Ok(programs_folder()
            .join(format!("{}-{key}", self.module))
            .join(self.name))
    }

    /// Twelve hex digits over everything that decides what comes out of the build.
    fn key(&self) -> Result<String, Error> {
        let mut hash = Sha256::new();
        for name in ["go.mod", "go.sum"] {
            let path = self.module_folder().join(name);
            hash.update(fs::read(&path).map_err(Error::file("read", &path))?);
        }
        hash.update(fs::read(self.module_folder().join("main.go")).unwrap_or_default());
        hash.update(self.linker_flags()?);
        hash.update(self.tags);
        Ok(short_hex(&hash.finalize()))
    }

    fn linker_flags(&self) -> Result<String, Error> {
        if !self.package.starts_with(KUBERNETES) {
            return Ok(LINKER_FLAGS.to_owned());
        }
        let path = self.module_folder().join("go.mod");
        let text = fs::read_to_string(&path).map_err(Error::file("read", &path))?;
        let version = parse_required_version(&text, KUBERNETES).unwrap_or_default();
        Ok(format!("{LINKER_FLAGS} {}", stamps(&version)))
    }

    /// Builds into a temporary name beside `path`, then renames: a program in the cache is always whole.
    fn build(&self, path: &Path) -> Result<(), Error> {
        let folder = path.parent().unwrap_or(path);
        fs::create_dir_all(folder).map_err(Error::file("make", folder))?;
        let part = path.with_extension("part");
        let mut command = go();
        command
            .current_dir(self.module_folder())
            .env("CGO_ENABLED", "0")
            .env("GOWORK", "off")
            .env("GOFLAGS", "-mod=readonly")
            .args(["build", "-trimpath", "-ldflags", &self.linker_flags()?]);
        if !self.tags.is_empty() {
            command.arg(format!("-tags={}", self.tags));
        }
        command.arg("-o").arg(&part).arg(&self.package);
        run(&format!("building {}", self.name), &mut command)?;
        fs::rename(&part, path).map_err(Error::file("write", path))
    }
}

/// The bed's own kubectl, built first when the cache has none.
pub fn kubectl(progress: &mut dyn Write) -> Result<PathBuf, Error> {
    let catalogue: Vec<Program> = base_catalogue()
        .into_iter()
        .filter(|program| program.name == "kubectl")
        .collect();
    Ok(build_missing(&catalogue, progress)?.path("kubectl"))
}

/// The log follower stern, beside which the plugin is measured; built first when the cache has none. No bed needs it.
pub fn stern(progress: &mut dyn Write) -> Result<PathBuf, Error> {
    Ok(build_missing(&[stern_program()], progress)?.path(STERN))
}

fn stern_program() -> Program {
    program(STERN, "stern", "github.com/stern/stern".to_owned())
}

/// The installer of kubectl's plugins, and what its index judges a manifest by.
#[derive(Clone, Debug)]
pub struct Krew {
    pub krew: PathBuf,
    pub validate_manifest: PathBuf,
}

/// krew, by which the plugin is installed in tests; built first when the cache has none. No bed needs it.
pub fn krew(progress: &mut dyn Write) -> Result<Krew, Error> {
    let programs = build_missing(&krew_programs(), progress)?;
    Ok(Krew {
        krew: programs.path(KREW),
        validate_manifest: programs.path(VALIDATE_MANIFEST),
    })
}

fn krew_programs() -> [Program; 2] {
    [KREW, VALIDATE_MANIFEST]
        .map(|name| program(name, "krew", format!("sigs.k8s.io/krew/cmd/{name}")))
}

/// Builds what is missing of the catalogue, one after the other, saying which, how many of how many, and the time.
pub(crate) fn build_missing(
    catalogue: &[Program],
    progress: &mut dyn Write,
) -> Result<Programs, Error> {
    let programs = Programs::locate(catalogue)?;
    if all_built(&programs) {
        return Ok(programs);
    }
    let _lock = lock_cache(progress)?;
    let missing: Vec<&Program> = catalogue
        .iter()
        .filter(|program| !programs.path(program.name).exists())
        .collect();
    if missing.len() > 1 {
        announce(missing.len(), progress);
    }
    for (index, program) in missing.iter().enumerate() {
        let counted = format!("{} of {}: {}", index + 1, missing.len(), program.name);
        build_timed(program, &programs.path(program.name), &counted, progress)?;
    }
    build_pause(&programs.path(PAUSE))?;
    Ok(programs)
}

fn build_timed(
    program: &Program,
    path: &Path,
    counted: &str,
    progress: &mut dyn Write,
) -> Result<(), Error> {
    let start = Instant::now();
    let _ = writeln!(progress, "building {counted}");
    program.build(path)?;
    let seconds = start.elapsed().as_secs();
    let _ = writeln!(progress, "built    {counted}, {seconds} s");
    Ok(())
}

fn announce(count: usize, progress: &mut dyn Write) {
    let folder = programs_folder();
    let _ = writeln!(
        progress,
        "building {count} programs of the test bed into {}, once; all that a test bed needs takes about 15 minutes on two cores",
        folder.display()
    );
}

fn all_built(programs: &Programs) -> bool {
    programs.0.values().all(|path| path.exists())
}

/// One process builds at a time; the others wait and then find everything built.
pub(crate) fn lock_cache(progress: &mut dyn Write) -> Result<File, Error> {
    let folder = programs_folder();
    fs::create_dir_all(&folder).map_err(Error::file("make", &folder))?;
    let file = File::open(&folder).map_err(Error::file("open", &folder))?;
    if file.try_lock().is_err() {
        let _ = writeln!(
            progress,
            "another process builds what the test bed needs; waiting for it"
        );
        file.lock().map_err(Error::file("lock", &folder))?;
    }
    Ok(file)
}

/// The container that holds a pod's namespaces: it sleeps, and reaps what is left to it.
fn build_pause(path: &Path) -> Result<(), Error> {
    if path.exists() {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).map_err(Error::file("make", folder))?;
    let part = path.with_extension("part");
    let mut command = Command::new("cc");
    command
        .args(["-Os", "-static", "-s", "-o"])
        .arg(&part)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("pause.c"));
    run(
        "building pause (mend a missing libc.a with: apt-get install --yes libc6-dev)",
        &mut command,
    )?;
    fs::rename(&part, path).map_err(Error::file("write", path))
}

fn pause_path() -> PathBuf {
    let key = short_hex(&Sha256::digest(PAUSE_SOURCE));
    programs_folder().join(format!("pause-{key}")).join(PAUSE)
}

fn programs_folder() -> PathBuf {
    folder::cache().join("programs")
}

/// The first twelve hex digits of a hash.
pub(crate) fn short_hex(hash: &[u8]) -> String {
    let mut digits = hex(hash);
    digits.truncate(12);
    digits
}

/// All hex digits of a hash.
pub(crate) fn hex(hash: &[u8]) -> String {
    hash.iter().fold(String::new(), |mut digits, byte| {
        // Writing to a String cannot fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

/// The version of a module in the text of a go.mod: `k8s.io/kubernetes v1.36.4` gives `v1.36.4`.
fn parse_required_version(go_mod: &str, module: &str) -> Option<String> {
    go_mod
        .lines()
        .map(|line| line.trim().trim_start_matches("require "))
        .filter(|line| !line.contains("=>"))
        .find_map(|line| line.strip_prefix(module)?.strip_prefix(' '))
        .map(|rest| rest.split_whitespace().next().unwrap_or(rest).to_owned())
}

/// Linker flags that write a version such as `v1.36.4` into the Kubernetes programs.
fn stamps(version: &str) -> String {
    let mut numbers = version.trim_start_matches('v').split('.');
    let (major, minor) = (
        numbers.next().unwrap_or_default(),
        numbers.next().unwrap_or_default(),
    );
    STAMPED_PACKAGES
        .map(|package| {
            format!(
                "-X {package}.gitVersion={version} -X {package}.gitMajor={major} -X {package}.gitMinor={minor} -X {package}.gitTreeState=clean"
            )
        })
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_comes_from_the_requirement_not_from_a_replacement() {
        let text =
            "require k8s.io/kubernetes v1.36.4\nreplace (\n\tk8s.io/api => k8s.io/api v0.36.4\n)\n";
        assert_eq!(
            parse_required_version(text, "k8s.io/kubernetes").as_deref(),
            Some("v1.36.4")
        );
        assert_eq!(parse_required_version(text, "k8s.io/api"), None);
    }

    #[test]
    fn the_stamp_names_version_major_and_minor_for_both_packages() {
        let flags = stamps("v1.36.4");
        assert!(flags.contains("k8s.io/component-base/version.gitVersion=v1.36.4"));
        assert!(flags.contains("k8s.io/client-go/pkg/version.gitMinor=36"));
    }

    #[test]
    fn every_program_of_the_catalogue_has_its_module() {
        let mut catalogue = base_catalogue();
        catalogue.extend(controllers("2.3.0", "0.12.0"));
        catalogue.push(stern_program());
        catalogue.extend(krew_programs());
        for program in &catalogue {
            assert!(program.path().is_ok(), "{program:?}");
        }
    }
}
