//! What a bed could leave on the machine, looked at before and after.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// Settings that change by themselves: counters, and random numbers.
const RESTLESS: [&str; 10] = [
    "/proc/sys/fs/dentry-state",
    "/proc/sys/fs/file-nr",
    "/proc/sys/fs/inode-",
    "/proc/sys/fs/aio-nr",
    "/proc/sys/fs/quota/",
    "/proc/sys/kernel/ns_last_pid",
    // The kernel lowers it when its own samples take long, as on a busy machine.
    "/proc/sys/kernel/perf_event_max_sample_rate",
    "/proc/sys/kernel/pty/nr",
    "/proc/sys/kernel/random/",
    "/proc/sys/net/netfilter/nf_conntrack_count",
];
const NAMESPACES: [&str; 5] = ["mnt", "net", "pid", "uts", "ipc"];

/// Everything of one bed: processes with the moment of their start, and namespaces other than this process's.
pub(crate) struct Footprint {
    name: String,
    processes: BTreeMap<u32, String>,
    namespaces: BTreeSet<PathBuf>,
}

impl Footprint {
    /// Of the bed `name`, whose keeper has this process id.
    pub(crate) fn of(name: &str, keeper: u32) -> Self {
        let processes = descendants(keeper);
        let ours = namespaces("self");
        let namespaces = processes
            .keys()
            .flat_map(|process| namespaces(&process.to_string()));
        Self {
            name: name.to_owned(),
            namespaces: namespaces
                .filter(|namespace| !ours.contains(namespace))
                .collect(),
            processes,
        }
    }

    pub(crate) fn processes(&self) -> usize {
        self.processes.len()
    }

    pub(crate) fn namespaces(&self) -> usize {
        self.namespaces.len()
    }

    /// What is left of it now: processes, namespaces, mounts, cgroups, files.
    pub(crate) fn left(&self) -> Vec<String> {
        let mut left = Vec::new();
        for (process, start) in &self.processes {
            if start_of(*process).as_ref() == Some(start) {
                left.push(format!("process {process}: {}", command_line(*process)));
            }
        }
        for process in all_processes() {
            if namespaces(&process.to_string())
                .iter()
                .any(|namespace| self.namespaces.contains(namespace))
            {
                left.push(format!(
                    "namespace of process {process}: {}",
                    command_line(process)
                ));
            }
        }
        left.extend(traces(&self.name));
        left
    }

    /// The same, given up to `limit` to become nothing.
    pub(crate) fn left_after(&self, limit: Duration) -> Vec<String> {
        wait_empty(limit, || self.left())
    }
}

/// The programs of a bed that run: their command lines name files in its folder.
pub(crate) fn programs(name: &str) -> Vec<String> {
    let folder = format!("{}/", folder(name).display());
    all_processes()
        .into_iter()
        .map(command_line)
        .filter(|line| line.contains(&folder))
        .collect()
}

/// Mounts, cgroups and files of a bed, which need no process to be found.
pub(crate) fn traces(name: &str) -> Vec<String> {
    let folder = folder(name);
    let mut left = Vec::new();
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    left.extend(
        mounts
            .lines()
            .filter(|mount| mount.contains(&format!("{}/", folder.display())))
            .map(str::to_owned),
    );
    let cgroup = format!("kubectl-trainer-testbed_{name}_");
    for hierarchy in [PathBuf::from("/sys/fs/cgroup")]
        .into_iter()
        .chain(folders("/sys/fs/cgroup"))
    {
        let groups = folders(hierarchy).into_iter();
        left.extend(
            groups
                .filter(|group| group.to_string_lossy().contains(&cgroup))
                .map(|group| group.display().to_string()),
        );
    }
    if folder.exists() {
        left.push(folder.display().to_string());
    }
    left
}

/// Waits for a list to become empty and returns what is in it at the end.
pub(crate) fn wait_empty(limit: Duration, mut list: impl FnMut() -> Vec<String>) -> Vec<String> {
    let start = Instant::now();
    loop {
        let left = list();
        if left.is_empty() || start.elapsed() > limit {
            return left;
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// Every setting under /proc/sys that does not change by itself, and the names of the network's interfaces.
pub(crate) fn settings() -> BTreeMap<PathBuf, String> {
    let mut settings = BTreeMap::new();
    read_settings(Path::new("/proc/sys"), &mut settings);
    for interface in fs::read_dir("/sys/class/net").unwrap().flatten() {
        settings.insert(interface.path(), String::new());
    }
    settings
}

/// The settings that differ, and those that came or went.
pub(crate) fn changed(before: &BTreeMap<PathBuf, String>) -> Vec<String> {
    let after = settings();
    let paths: BTreeSet<&PathBuf> = before.keys().chain(after.keys()).collect();
    let changed = paths
        .into_iter()
        .filter(|path| before.get(*path) != after.get(*path));
    changed
        .map(|path| {
            format!(
                "{}: {:?} -> {:?}",
                path.display(),
                before.get(path),
                after.get(path)
            )
        })
        .collect()
}

fn read_settings(folder: &Path, settings: &mut BTreeMap<PathBuf, String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            read_settings(&path, settings);
        } else if !RESTLESS
            .iter()
            .any(|restless| path.to_string_lossy().starts_with(restless))
        {
            // Some can only be written.
            settings.insert(path.clone(), fs::read_to_string(path).unwrap_or_default());
        }
    }
}

fn folder(name: &str) -> PathBuf {
    Path::new("/var/cache/kubectl-trainer-testbed").join(name)
}

fn folders(parent: impl AsRef<Path>) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect()
}

fn all_processes() -> Vec<u32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// A process and everything below it, each with its start.
fn descendants(process: u32) -> BTreeMap<u32, String> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![process];
    while let Some(process) = waiting.pop() {
        found.extend(start_of(process).map(|start| (process, start)));
        let threads = fs::read_dir(format!("/proc/{process}/task"))
            .into_iter()
            .flatten()
            .flatten();
        for thread in threads {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            waiting.extend(
                children
                    .split_whitespace()
                    .filter_map(|child| child.parse::<u32>().ok()),
            );
        }
    }
    found
}

/// When a process started, in the kernel's ticks; none for one that is gone or dead. Process ids come again.
fn start_of(process: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = fields.split(' ').collect();
    (fields[0] != "Z").then(|| fields[19].to_owned())
}

fn command_line(process: u32) -> String {
    fs::read_to_string(format!("/proc/{process}/cmdline"))
        .unwrap_or_default()
        .replace('\0', " ")
}

fn namespaces(process: &str) -> BTreeSet<PathBuf> {
    let links = NAMESPACES
        .iter()
        .filter_map(|kind| fs::read_link(format!("/proc/{process}/ns/{kind}")).ok());
    links.collect()
}
