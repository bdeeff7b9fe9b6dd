//! Debian packages for what goes into images: fetched with all that they need, and unpacked into a folder. Nothing is
//! installed on this machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Error;
use crate::process::run;

/// Debian's own address, and who signs what lies there.
const MIRROR: &str = "http://deb.debian.org/debian";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The code name of this machine's release, such as `bookworm`.
fn own_name() -> String {
    let text = fs::read_to_string("/etc/os-release").unwrap_or_default();
    parse_code_name(&text).unwrap_or("unknown").to_owned()
}

fn parse_code_name(os_release: &str) -> Option<&str> {
    let name = os_release
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))?;
    Some(name.trim_matches('"'))
}

/// Whose packages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Release {
    /// This machine's own release.
    Own,
    /// Another one, by its code name. This machine's apt learns nothing of it.
    Named(&'static str),
}

impl Release {
    /// Its code name.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Own => own_name(),
            Self::Named(name) => name.to_owned(),
        }
    }

    /// What makes apt-get ask for packages of this release; what it has to know lies in `folder`.
    fn options(self, folder: &Path) -> Result<Vec<String>, Error> {
        let Self::Named(name) = self else {
            return Ok(Vec::new());
        };
        let (sources, lists) = (folder.join("sources.list"), folder.join("lists"));
        make_folder(&lists.join("partial"))?;
        let line = format!("deb [signed-by={KEYRING}] {MIRROR} {name} main\n");
        fs::write(&sources, line).map_err(Error::file("write", &sources))?;
        Ok(vec![
            format!("Dir::Etc::sourcelist={}", sources.display()),
            "Dir::Etc::sourceparts=/dev/null".to_owned(),
            format!("Dir::State::Lists={}", lists.display()),
            // Else apt would keep what it reads of these lists in place of what it knows of its own.
            "Dir::Cache::pkgcache=".to_owned(),
            "Dir::Cache::srcpkgcache=".to_owned(),
        ])
    }
}

/// Fetches the packages and everything that they need into `folder`, and returns the files. apt-get is shown a
/// machine on which nothing is installed, so that nothing is left out.
pub(crate) fn fetch(
    release: Release,
    packages: &[&str],
    folder: &Path,
) -> Result<Vec<PathBuf>, Error> {
    let archives = folder.join("archives");
    let nothing_installed = folder.join("status");
    make_folder(&archives.join("partial"))?;
    fs::write(&nothing_installed, "").map_err(Error::file("write", &nothing_installed))?;
    let sources = release.options(folder)?;
    let what = format!("fetching the Debian packages {}", packages.join(", "));
    let fetch = || {
        let mut command = apt_get(&sources);
        command
            .arg(format!(
                "--option=Dir::State::status={}",
                nothing_installed.display()
            ))
            .arg(format!(
                "--option=Dir::Cache::archives={}",
                archives.display()
            ))
            .arg("--option=Debug::NoLocking=1")
            .args(["install", "--yes", "--no-install-recommends"])
            .arg("--download-only")
            .args(packages);
        run(&what, &mut command)
    };
    if fetch().is_err() {
        // The list of packages may be missing or old.
        let mut update = apt_get(&sources);
        update.args(["--option=DPkg::Lock::Timeout=300", "update"]);
        run("apt-get update", &mut update)?;
        fetch()?;
    }
    package_files(&archives)
}

fn apt_get(options: &[String]) -> Command {
    let mut command = Command::new("apt-get");
    command.args(options.iter().map(|option| format!("--option={option}")));
    command
}

fn make_folder(folder: &Path) -> Result<(), Error> {
    fs::create_dir_all(folder).map_err(Error::file("make", folder))
}

fn package_files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = fs::read_dir(folder).map_err(Error::file("read", folder))?;
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .collect();
    files.sort();
    Ok(files)
}

/// Unpacks package files into one folder. None of their scripts runs.
pub(crate) fn unpack(packages: &[PathBuf], root: &Path) -> Result<(), Error> {
    make_folder(root)?;
    for package in packages {
        let mut command = Command::new("dpkg-deb");
        command.arg("--extract").arg(package).arg(root);
        run(&format!("unpacking {}", package.display()), &mut command)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Release, parse_code_name};

    #[test]
    fn the_code_name_is_read_with_and_without_quotes() {
        let text = "PRETTY_NAME=\"Debian GNU/Linux 12\"\nVERSION_CODENAME=bookworm\nID=debian\n";
        assert_eq!(parse_code_name(text), Some("bookworm"));
        assert_eq!(
            parse_code_name("VERSION_CODENAME=\"noble\"\n"),
            Some("noble")
        );
        assert_eq!(parse_code_name("ID=debian\n"), None);
    }

    #[test]
    fn packages_of_another_release_leave_this_machines_apt_alone() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Release::Own.options(folder.path()).unwrap().is_empty());
        let options = Release::Named("trixie").options(folder.path()).unwrap();
        for own in [
            "Dir::Etc::sourcelist",
            "Dir::Etc::sourceparts",
            "Dir::State::Lists",
            "Dir::Cache::pkgcache",
        ] {
            let set = options.iter().filter(|option| option.starts_with(own));
            assert_eq!(set.count(), 1, "{own}: {options:?}");
        }
        let sources = std::fs::read_to_string(folder.path().join("sources.list")).unwrap();
        assert!(sources.ends_with(" trixie main\n"), "{sources}");
    }
}
