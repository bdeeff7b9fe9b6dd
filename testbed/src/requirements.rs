//! What the machine must bring along: Linux, root, Go, a C compiler, and a few Debian packages.
//!
//! Everything that is missing is said at once. Packages are installed where apt-get and root are at hand.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Error;
use crate::process::run;

/// The oldest Go that the pinned modules accept, as (major, minor).
const OLDEST_GO: (u32, u32) = (1, 26);

/// A Debian package and a file by which it is recognised. iproute2 has a `bridge`, too.
const PACKAGES: [(&str, &str); 7] = [
    ("runc", "runc"),
    ("containernetworking-plugins", "host-local"),
    ("busybox-static", "busybox"),
    ("tini", "tini"),
    ("iproute2", "ip"),
    ("util-linux", "nsenter"),
    ("mount", "mount"),
];
const FOLDERS: [&str; 8] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
    "/usr/lib/cni",
    "/opt/cni/bin",
];

/// Something that the machine lacks, and the command that brings it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lack {
    /// Completes a list of what is wrong: `missing: root`.
    pub what: String,
    /// A command, or what to do in words.
    pub mend: String,
}

impl fmt::Display for Lack {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}; mend it with: {}", self.what, self.mend)
    }
}

/// Everything that keeps a bed from running here and that [`provide`] could not bring; all at once.
pub fn missing() -> Vec<Lack> {
    let packages = missing_packages();
    let mut lacks = missing_foundations();
    if !packages.is_empty() && (!lacks.is_empty() || find("apt-get").is_none()) {
        lacks.push(Lack {
            what: format!("not installed: {}", packages.join(", ")),
            mend: format!("apt-get install --yes {}", packages.join(" ")),
        });
    }
    lacks
}

/// Checks the machine and installs missing packages, after saying so.
pub fn provide(progress: &mut dyn Write) -> Result<(), Error> {
    let lacks = missing();
    if !lacks.is_empty() {
        return Err(Error::Machine(lacks));
    }
    let packages = missing_packages();
    if packages.is_empty() {
        return Ok(());
    }
    install(&packages, progress)
}

/// Installs those packages of which the file beside the name is not there, after saying so.
pub fn provide_packages(packages: &[(&str, &Path)], progress: &mut dyn Write) -> Result<(), Error> {
    let missing: Vec<&str> = packages
        .iter()
        .filter(|(_, file)| !file.exists())
        .map(|(package, _)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    install(&missing, progress)
}

/// The path of a program that `provide` has found or installed.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = search_path();
    env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// `PATH`, and the folders that it may lack where `su` or `sudo` has shortened it.
pub(crate) fn search_path() -> OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(FOLDERS.iter().map(PathBuf::from));
    // Folders that come out of a PATH can always be joined again.
    env::join_paths(folders).unwrap_or(path.clone())
}

/// The same, as an error when it is not there.
pub(crate) fn require(program: &str) -> Result<PathBuf, Error> {
    find(program).ok_or_else(|| {
        let package = PACKAGES
            .iter()
            .find(|(_, file)| *file == program)
            .map_or(program, |(package, _)| package);
        Error::Machine(vec![Lack {
            what: format!("{program} is not installed"),
            mend: format!("apt-get install --yes {package}"),
        }])
    })
}

fn install(packages: &[&str], progress: &mut dyn Write) -> Result<(), Error> {
    // Nobody reads the progress of a closed terminal.
    let _ = writeln!(
        progress,
        "installing the Debian packages {}",
        packages.join(", ")
    );
    let what = format!("apt-get install --yes {}", packages.join(" "));
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command
            .args(["-o", "DPkg::Lock::Timeout=300"])
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    let mut arguments = vec!["install", "--yes", "--no-install-recommends"];
    arguments.extend(packages);
    if run(&what, &mut apt(&arguments)).is_ok() {
        return Ok(());
    }
    // The list of packages may be missing or old.
    run("apt-get update", &mut apt(&["update"]))?;
    run(&what, &mut apt(&arguments)).map(drop)
}

fn missing_packages() -> Vec<&'static str> {
    PACKAGES
        .iter()
        .filter(|(_, file)| find(file).is_none())
        .map(|(package, _)| *package)
        .collect()
}

/// What no package manager call of ours may bring: the system, the rights, the compilers.
fn missing_foundations() -> Vec<Lack> {
    let mut lacks = Vec::new();
    if env::consts::OS != "linux" {
        lacks.push(lack(
            "Linux",
            "run it on a Linux machine, for example Debian 12",
        ));
    } else if !is_root() {
        lacks.push(lack(
            "root",
            "sudo --preserve-env=PATH cargo xtask cluster up",
        ));
    }
    if installed_go() < Some(OLDEST_GO) {
        lacks.push(lack("Go 1.26 or newer", &go_installation()));
    }
    if find("cc").is_none() {
        lacks.push(lack("a C compiler", "apt-get install --yes gcc libc6-dev"));
    }
    lacks
}

fn lack(what: &str, mend: &str) -> Lack {
    Lack {
        what: format!("missing: {what}"),
        mend: mend.to_owned(),
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn go_installation() -> String {
    let architecture = crate::image::go_architecture();
    format!(
        "curl -fsSL https://go.dev/dl/go1.26.0.linux-{architecture}.tar.gz | tar -C /usr/local -xz && export PATH=/usr/local/go/bin:$PATH"
    )
}

/// The Go client, with a home for its caches also where the environment names none, as that of services.
pub(crate) fn go() -> Command {
    let mut command = Command::new("go");
    if let (None, Some(home)) = (env::var_os("HOME"), env::home_dir()) {
        command.env("HOME", home);
    }
    command
}

fn installed_go() -> Option<(u32, u32)> {
    let text = run("go env GOVERSION", go().args(["env", "GOVERSION"])).ok()?;
    parse_go_version(text.trim())
}

/// `go1.26.8` to (1, 26).
fn parse_go_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.strip_prefix("go")?.split('.');
    let major = numbers.next()?.parse().ok()?;
    let minor = numbers.next()?;
    let digits = minor
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(minor.len());
    Some((major, minor[..digits].parse().ok()?))
}

/// The folder of the CNI plugins.
pub(crate) fn network_plugins() -> Result<PathBuf, Error> {
    let bridge = ["/usr/lib/cni/bridge", "/opt/cni/bin/bridge"];
    bridge
        .iter()
        .map(Path::new)
        .find(|file| file.is_file())
        .and_then(Path::parent)
        .map(Path::to_owned)
        .ok_or_else(|| {
            Error::Machine(vec![lack(
                "the CNI plugins",
                "apt-get install --yes containernetworking-plugins",
            )])
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_go_is_read_with_and_without_a_patch_number() {
        assert_eq!(parse_go_version("go1.26.8"), Some((1, 26)));
        assert_eq!(parse_go_version("go1.27rc1"), Some((1, 27)));
        assert_eq!(parse_go_version("go1.9"), Some((1, 9)));
        assert_eq!(parse_go_version("devel"), None);
        assert!(None < Some(OLDEST_GO));
    }
}
