//! Debian packages for what goes into images: fetched with all that they need, and unpacked into a folder. Nothing is
//! installed on this machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Error;
use crate::process::run;

/// The code name of this machine's release, such as `bookworm`, by which a kept image is known.
pub(crate) fn release() -> String {
    let text = fs::read_to_string("/etc/os-release").unwrap_or_default();
    parse_code_name(&text).unwrap_or("unknown").to_owned()
}

fn parse_code_name(os_release: &str) -> Option<&str> {
    let name = os_release
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))?;
    Some(name.trim_matches('"'))
}

/// Fetches the packages and everything that they need into `folder`, and returns the files. apt-get is shown a
/// machine on which nothing is installed, so that nothing is left out.
pub(crate) fn fetch(packages: &[&str], folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let archives = folder.join("archives");
    let nothing_installed = folder.join("status");
    fs::create_dir_all(archives.join("partial")).map_err(Error::file("make", &archives))?;
    fs::write(&nothing_installed, "").map_err(Error::file("write", &nothing_installed))?;
    let what = format!("fetching the Debian packages {}", packages.join(", "));
    let fetch = || {
        let mut command = Command::new("apt-get");
        command
            .arg("--option")
            .arg(format!(
                "Dir::State::status={}",
                nothing_installed.display()
            ))
            .arg("--option")
            .arg(format!("Dir::Cache::archives={}", archives.display()))
            .args(["--option", "Debug::NoLocking=1"])
            .args(["install", "--yes", "--no-install-recommends"])
            .arg("--download-only")
            .args(packages);
        run(&what, &mut command)
    };
    if fetch().is_err() {
        // The list of packages may be missing or old.
        let mut update = Command::new("apt-get");
        update.args(["--option", "DPkg::Lock::Timeout=300", "update"]);
        run("apt-get update", &mut update)?;
        fetch()?;
    }
    package_files(&archives)
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
    fs::create_dir_all(root).map_err(Error::file("make", root))?;
    for package in packages {
        let mut command = Command::new("dpkg-deb");
        command.arg("--extract").arg(package).arg(root);
        run(&format!("unpacking {}", package.display()), &mut command)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::parse_code_name;

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
}
