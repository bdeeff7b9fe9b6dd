//! The cgroup folder of a node, under which its kubelet puts every pod: for cgroup v1 and for v2.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use crate::error::Error;

const MOUNT: &str = "/sys/fs/cgroup";
/// The hierarchies of v1 that a kubelet and runc use.
const V1_CONTROLLERS: [&str; 9] = [
    "cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "systemd",
];
/// What a kubelet insists on under v2, as far as the machine has it.
const V2_CONTROLLERS: [&str; 5] = ["cpu", "cpuset", "hugetlb", "memory", "pids"];
const AVAILABLE: &str = "cgroup.controllers";
const HANDED_DOWN: &str = "cgroup.subtree_control";
/// Processes leave their group a moment after they have died.
const REMOVAL_LIMIT: Duration = Duration::from_secs(3);

/// The folders of one node. Dropping it removes them, with what the kubelet made below.
pub(crate) struct Cgroup {
    name: String,
}

/// Under v2, what the machine's top level handed down before this process, a keeper, made the first folder.
static HANDED_DOWN_BEFORE: OnceLock<String> = OnceLock::new();

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

    /// A folder has only the controllers that the one above hands down; the kubelet hands them on from here.
    fn create_v2(&self) -> Result<(), Error> {
        let path = Path::new(MOUNT).join(HANDED_DOWN);
        let handed_down = read_words(&path)?;
        let missing = missing_controllers(
            &read_words(&Path::new(MOUNT).join(AVAILABLE))?,
            &handed_down,
        );
        HANDED_DOWN_BEFORE.get_or_init(|| handed_down);
        if !missing.is_empty() {
            fs::write(&path, &missing).map_err(|source| Error::Command {
                what: format!("giving nodes the cgroup controllers {missing}"),
                output: format!(
                    "{source}; mend it with: echo '{missing}' > {}",
                    path.display()
                ),
            })?;
        }
        let folder = Path::new(MOUNT).join(&self.name);
        fs::create_dir_all(&folder).map_err(Error::file("make", &folder))
    }
}

/// Container runtimes hand down every controller there is; what was not handed down before is taken back. The kernel
/// refuses that while another needs it, so of several nodes it is the last that succeeds.
fn take_back_controllers() {
    let Some(before) = HANDED_DOWN_BEFORE.get() else {
        return;
    };
    let path = Path::new(MOUNT).join(HANDED_DOWN);
    let now = read_words(&path).unwrap_or_default();
    for controller in now.split_whitespace() {
        if before.split_whitespace().all(|known| known != controller) {
            let _ = fs::write(&path, format!("-{controller}"));
        }
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        remove(&self.name);
        take_back_controllers();
    }
}

/// What must be written to hand the missing ones down, such as `+cpuset +pids`; empty when none is missing.
fn missing_controllers(available: &str, handed_down: &str) -> String {
    let has = |list: &str, name: &str| list.split_whitespace().any(|word| word == name);
    let missing = V2_CONTROLLERS
        .iter()
        .filter(|name| has(available, name) && !has(handed_down, name));
    missing
        .map(|name| format!("+{name}"))
        .collect::<Vec<_>>()
        .join(" ")
}

fn read_words(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(Error::file("read", path))
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
    Path::new(MOUNT).join(AVAILABLE).exists()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_controllers_that_the_machine_has_and_does_not_hand_down_yet_are_asked_for() {
        let available = "cpuset cpu io memory pids rdma";
        assert_eq!(missing_controllers(available, "cpu memory pids"), "+cpuset");
        assert_eq!(
            missing_controllers(available, "cpuset cpu io memory pids"),
            ""
        );
        assert_eq!(missing_controllers("cpu hugetlb", ""), "+cpu +hugetlb");
    }
}
