//! Where things lie: the cache of built programs (kept for ever) and one folder a bed (gone with the bed).
//!
//! A bed's folder is not under /run or /var/lib, because a node covers those with folders of its own.

use std::env;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::Error;

const BEDS: &str = "/var/cache/kubectl-trainer-testbed";
/// Who only looks whether a bed is kept has its lock for a moment; a lock that is held for longer is a keeper's.
const LOOK_LIMIT: Duration = Duration::from_secs(2);
/// The start of every cgroup folder that a bed makes. What follows is divided by a sign that no name has, so that the
/// beds `a` and `a-b` can be told apart.
const CGROUP_PREFIX: &str = "kubectl-trainer-testbed";

/// `$XDG_CACHE_HOME/kubectl-trainer`, by default `~/.cache/kubectl-trainer`.
pub(crate) fn cache() -> PathBuf {
    env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| env::home_dir().map(|home| home.join(".cache")))
        .unwrap_or_else(env::temp_dir)
        .join("kubectl-trainer")
}

/// The folder with a Go module for every pinned program.
pub(crate) fn go_modules() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("go")
}

/// Cargo's folder of build results, where the bundle of manifests lies.
pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"),
        PathBuf::from,
    )
}

/// The folder of one bed. Who holds its lock keeps the bed; a folder without a holder is litter.
#[derive(Clone, Debug)]
pub(crate) struct BedFolder {
    name: String,
    path: PathBuf,
}

impl BedFolder {
    pub(crate) fn new(name: &str) -> Result<Self, Error> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || name.len() > 20 || !name.chars().all(fits) {
            return Err(Error::Command {
                what: format!("naming a test bed `{name}`"),
                output: "a name has 1 to 20 lower-case letters, digits and dashes; choose another with: --name NAME".to_owned(),
            });
        }
        Ok(Self {
            name: name.to_owned(),
            path: Path::new(BEDS).join(name),
        })
    }

    /// The folders of all beds, running or dead.
    pub(crate) fn all() -> Vec<Self> {
        let Ok(entries) = fs::read_dir(BEDS) else {
            return Vec::new();
        };
        entries
            .flatten()
            .filter_map(|entry| Self::new(entry.file_name().to_str()?).ok())
            .collect()
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A path inside the folder.
    pub(crate) fn join(&self, relative: &str) -> PathBuf {
        self.path.join(relative)
    }

    /// The log file of a component, such as `kubelet-n1`.
    pub(crate) fn log(&self, component: &str) -> PathBuf {
        self.path.join("log").join(format!("{component}.log"))
    }

    pub(crate) fn control_socket(&self) -> PathBuf {
        self.join("control.sock")
    }

    /// The name of the cgroup folder of one node.
    pub(crate) fn cgroup(&self, node: &str) -> String {
        format!("{CGROUP_PREFIX}_{}_{node}", self.name)
    }

    /// Makes the folder and takes its lock, for as long as the returned file is open.
    pub(crate) fn create_and_lock(&self) -> Result<File, Error> {
        let start = Instant::now();
        loop {
            match self.try_create_and_lock() {
                Ok(Some(lock)) => return Ok(lock),
                Err(Error::File { source, .. }) if source.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
                Ok(None) if start.elapsed() > LOOK_LIMIT => {
                    return Err(Error::AlreadyUp(self.name.clone()));
                }
                Ok(None) => thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    /// One try; none while somebody has the lock, and when the folder was swept between making and locking.
    fn try_create_and_lock(&self) -> Result<Option<File>, Error> {
        fs::create_dir_all(&self.path).map_err(Error::file("make", &self.path))?;
        let lock = self.try_lock()?.filter(|lock| self.is_same_folder(lock));
        if lock.is_some() {
            fs::create_dir_all(self.join("log")).map_err(Error::file("make", &self.path))?;
        }
        Ok(lock)
    }

    /// Whether somebody holds the folder: a keeper, or for a moment who looks at it or sweeps it.
    pub(crate) fn is_kept(&self) -> bool {
        self.path.exists() && matches!(self.try_lock(), Ok(None))
    }

    /// The lock, or none while somebody else has it.
    pub(crate) fn try_lock(&self) -> Result<Option<File>, Error> {
        let folder = File::open(&self.path).map_err(Error::file("open", &self.path))?;
        match folder.try_lock() {
            Ok(()) => Ok(Some(folder)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(Error::file("lock", &self.path)(source)),
        }
    }

    /// A folder that was swept between making and locking is no longer the one at the path.
    fn is_same_folder(&self, lock: &File) -> bool {
        match (fs::metadata(&self.path), lock.metadata()) {
            (Ok(at_path), Ok(locked)) => at_path.ino() == locked.ino(),
            _ => false,
        }
    }

    /// Removes the folder, and the folder of all beds when this was the last one.
    pub(crate) fn remove(&self) -> Result<(), Error> {
        match fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::file("remove", &self.path)(error))
            }
            _ => {
                // Fails while other beds are in it, which is as it should be.
                let _ = fs::remove_dir(BEDS);
                Ok(())
            }
        }
    }
}

/// Writes a file whole or not at all: readers never see a part of it.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    write_whole_by(path, |file| file.write_all(bytes))
}

/// The same of what is written piece by piece.
pub(crate) fn write_whole_by(
    path: &Path,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<(), Error> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let part = path.with_extension(format!("part-{}-{count}", std::process::id()));
    let written = File::create(&part).and_then(|mut file| write(&mut file));
    if let Err(error) = written.and_then(|()| fs::rename(&part, path)) {
        // It may not even have been made.
        let _ = fs::remove_file(&part);
        return Err(Error::file("write", path)(error));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_is_held_for_a_moment_only_does_not_keep_a_bed_from_starting() {
        let home = tempfile::tempdir().unwrap();
        let folder = BedFolder {
            name: "looked-at".to_owned(),
            path: home.path().join("looked-at"),
        };
        let look = folder.create_and_lock().unwrap();
        let looker = thread::spawn(move || {
            thread::sleep(Duration::from_millis(200));
            drop(look);
        });
        let _keeper = folder.create_and_lock().unwrap();
        looker.join().unwrap();
        let second = folder.create_and_lock().unwrap_err();
        assert!(matches!(second, Error::AlreadyUp(_)), "{second}");
    }

    #[test]
    fn a_name_that_could_leave_the_folder_is_refused() {
        for name in ["", "../x", "a/b", "UPPER", "a-name-that-is-much-too-long"] {
            assert!(BedFolder::new(name).is_err(), "{name}");
        }
        assert!(BedFolder::new("default-2").is_ok());
    }
}
