//! The cgroup folder of a node, under which its kubelet puts every pod: for cgroup v1 and for v2.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::Error;

const MOUNT: &str = "/sys/fs/cgroup";
/// The hierarchies of v1 that a kubelet and runc use.
const V1_CONTROLLERS: [&str; 9] = [
    "cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "systemd",
];
const V2_CONTROLLERS: [&str; 4] = ["cpu", "cpuset", "memory", "pids"];
/// Processes leave their group a moment after they have died.
const REMOVAL_LIMIT: Duration = Duration::from_secs(3);

/// The folders of one node. Dropping it removes them, with what the kubelet made below.
pub(crate) struct Cgroup {
    name: String,
}

impl Cgroup {
    /// Makes the folders.
    pub(crate) fn create(name: &str) -> Result<Self, Error> {
        let cgroup = Self {
            name: name.to_owned(),
        };
        if is_v2() {
            cgroup.create_v2()?;
        } else {
            cgroup.create_v1()?;
        }
        Ok(cgroup)
    }

    /// As kubelets want it: an absolute path below the mount.
    pub(crate) fn root(&self) -> String {
        format!("/{}", self.name)
    }

    fn create_v1(&self) -> Result<(), Error> {
        for controller in V1_CONTROLLERS {
            let hierarchy = Path::new(MOUNT).join(controller);
            if hierarchy.is_dir() {
                let folder = hierarchy.join(&self.name);
                fs::create_dir_all(&folder).map_err(Error::file("make", &folder))?;
            }
        }
        // A new cpuset is empty, and nothing can run in an empty one.
        let cpuset = Path::new(MOUNT).join("cpuset");
        for file in ["cpuset.cpus", "cpuset.mems"] {
            copy(&cpuset.join(file), &cpuset.join(&self.name).join(file))?;
        }
        Ok(())
    }

    /// Controllers are handed down folder by folder; the kubelet hands them on from here.
    fn create_v2(&self) -> Result<(), Error> {
        let folder = Path::new(MOUNT).join(&self.name);
        fs::create_dir_all(&folder).map_err(Error::file("make", &folder))?;
        let offered = fs::read_to_string(folder.join("cgroup.controllers")).unwrap_or_default();
        let missing: Vec<&str> = V2_CONTROLLERS
            .into_iter()
            .filter(|controller| !offered.split_whitespace().any(|name| name == *controller))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let enabling: Vec<String> = missing
            .iter()
            .map(|controller| format!("+{controller}"))
            .collect();
        Err(Error::Command {
            what: format!(
                "giving the node the cgroup controllers {}",
                missing.join(", ")
            ),
            output: format!(
                "{MOUNT}/cgroup.subtree_control does not hand them down; mend it with: echo '{}' > {MOUNT}/cgroup.subtree_control",
                enabling.join(" ")
            ),
        })
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        remove(&self.name);
    }
}

/// Removes every cgroup folder at the top of a hierarchy whose name starts so. For what a killed keeper left behind.
pub(crate) fn remove_all(prefix: &str) {
    for hierarchy in hierarchies() {
        let Ok(entries) = fs::read_dir(&hierarchy) else {
            continue;
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            if name.to_string_lossy().starts_with(prefix) {
                remove_folder(&entry.path());
            }
        }
    }
}

fn remove(name: &str) {
    for hierarchy in hierarchies() {
        remove_folder(&hierarchy.join(name));
    }
}

/// Removes a tree of cgroups from its leaves, trying again while dying processes are still in it.
fn remove_folder(folder: &Path) {
    let start = Instant::now();
    while folder.exists() && start.elapsed() < REMOVAL_LIMIT {
        remove_leaves(folder);
        if folder.exists() {
            thread::sleep(Duration::from_millis(20));
        }
    }
}

fn remove_leaves(folder: &Path) {
    if let Ok(entries) = fs::read_dir(folder) {
        for entry in entries.flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                remove_leaves(&entry.path());
            }
        }
    }
    // Refused while it holds a process; the caller comes back.
    let _ = fs::remove_dir(folder);
}

fn is_v2() -> bool {
    Path::new(MOUNT).join("cgroup.controllers").exists()
}

fn hierarchies() -> Vec<PathBuf> {
    if is_v2() {
        return vec![PathBuf::from(MOUNT)];
    }
    // Beside the nine there may be more, such as `unified`, in which runc makes folders too.
    let entries = fs::read_dir(MOUNT).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect()
}

fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    let value = fs::read(from).map_err(Error::file("read", from))?;
    fs::write(to, value).map_err(Error::file("write", to))
}
