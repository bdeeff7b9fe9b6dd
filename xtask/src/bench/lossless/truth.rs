//! What was really written: the files of container logs on a node, kept from the kubelet that rotates them away, and
//! read in the format of container runtimes.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::line::tag_and_number;
use super::stamp::Stamp;
use super::verdict::{LastFile, Written};

/// One attempt of one container: the pod's name and the writer's tag, which is another for each attempt.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Source {
    pub(super) pod: String,
    pub(super) tag: String,
}

pub(super) type Truth = BTreeMap<Source, Written>;

/// Keeps hard links to every log file of a namespace's pods, so that rotated and removed ones stay readable. It must
/// look more often than the kubelet rotates, which is every three seconds at most.
pub(super) struct Keeper {
    logs: PathBuf,
    folder: PathBuf,
    namespace: String,
    kept: Vec<Kept>,
}

/// A file that was a pod's log, in the order of writing.
#[derive(Debug)]
struct Kept {
    pod: String,
    attempt: u32,
    /// None for a copy.
    inode: Option<u64>,
    path: PathBuf,
}

impl Kept {
    fn is_empty(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|metadata| metadata.len() == 0)
    }
}

/// A log file as it lies on the node now.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    attempt: u32,
    /// Rotated ones come first, by the time in their names.
    place: Place,
    path: PathBuf,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Rotated(String),
    Current,
}

impl Keeper {
    /// Of the pods in a namespace on a node whose logs lie in `logs`; links are made in `folder`, on the same disk.
    pub(super) fn new(logs: PathBuf, folder: PathBuf, namespace: &str) -> io::Result<Keeper> {
        fs::create_dir_all(&folder)?;
        Ok(Keeper {
            logs,
            folder,
            namespace: namespace.to_owned(),
            kept: Vec::new(),
        })
    }

    /// Links what is new.
    pub(super) fn look(&mut self) {
        for (pod, found) in self.found() {
            // A file that is gone meanwhile was seen under another name before, or will be.
            let Ok(metadata) = fs::metadata(&found.path) else {
                continue;
            };
            let inode = metadata.ino();
            if self.kept.iter().any(|kept| kept.inode == Some(inode)) {
                continue;
            }
            let path = self.new_path();
            if fs::hard_link(&found.path, &path).is_ok() {
                self.kept.push(Kept {
                    pod,
                    attempt: found.attempt,
                    inode: Some(inode),
                    path,
                });
            }
        }
    }

    fn new_path(&self) -> PathBuf {
        self.folder.join(format!("{:06}", self.kept.len()))
    }

    fn found(&self) -> Vec<(String, Found)> {
        let prefix = format!("{}_", self.namespace);
        let mut all = Vec::new();
        for folder in entries(&self.logs) {
            let name = name(&folder);
            let Some(pod) = name
                .strip_prefix(&prefix)
                .and_then(|rest| rest.split('_').next())
            else {
                continue;
            };
            let mut files: Vec<Found> = entries(&folder)
                .iter()
                .flat_map(|container| entries(container))
                .filter_map(found)
                .collect();
            files.sort();
            all.extend(files.into_iter().map(|file| (pod.to_owned(), file)));
        }
        all
    }

    /// Cuts the current log files of a pod to nothing, keeping a copy of each.
    pub(super) fn truncate(&mut self, pod: &str) -> io::Result<()> {
        self.look();
        let current = self
            .found()
            .into_iter()
            .filter(|(of, found)| of == pod && found.place == Place::Current)
            .max_by_key(|(_, found)| found.attempt);
        let Some((_, found)) = current else {
            return Err(io::Error::other(format!("{pod} has no log file")));
        };
        let inode = fs::metadata(&found.path)?.ino();
        let path = self.new_path();
        fs::copy(&found.path, &path)?;
        fs::File::options()
            .write(true)
            .open(&found.path)?
            .set_len(0)?;
        let copy = Kept {
            pod: pod.to_owned(),
            attempt: found.attempt,
            inode: None,
            path,
        };
        let at = self.kept.iter().position(|kept| kept.inode == Some(inode));
        self.kept.insert(at.unwrap_or(self.kept.len()), copy);
        Ok(())
    }

    /// Everything that the kept files hold.
    pub(super) fn truth(&self) -> io::Result<Truth> {
        let mut readers: BTreeMap<&str, CriReader> = BTreeMap::new();
        let mut truth = Truth::new();
        for kept in &self.kept {
            let reader = readers.entry(&kept.pod).or_default();
            let of = (kept.pod.as_str(), Some(kept.attempt));
            reader.read(&kept.path, of, &mut truth)?;
        }
        for (source, written) in &mut truth {
            let attempt = written.attempt;
            let mut files = self.kept.iter().rev();
            let last = files.find(|kept| kept.pod == source.pod && Some(kept.attempt) == attempt);
            if last.is_some_and(Kept::is_empty) {
                written.last_file = LastFile::Empty;
            }
        }
        Ok(truth)
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// `0.log` is the current file of the first attempt, `0.log.20260131-120000` a rotated one; those that the kubelet
/// compresses were seen before.
fn found(path: PathBuf) -> Option<Found> {
    let name = name(&path);
    let (attempt, rest) = name.split_once(".log")?;
    let place = match rest.strip_prefix('.') {
        None if rest.is_empty() => Place::Current,
        Some(time)
            if time
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'-') =>
        {
            Place::Rotated(time.to_owned())
        }
        _ => return None,
    };
    Some(Found {
        attempt: attempt.parse().ok()?,
        place,
        path,
    })
}

/// Reads the files of one pod, one after the other: `2026-01-31T12:00:00.000000000Z stdout F text`, where `P` in place
/// of `F` stands for a line that goes on in the next record.
#[derive(Default)]
pub(super) struct CriReader {
    /// The line that has begun: its stamp and text.
    begun: Option<(Option<Stamp>, String)>,
    files: usize,
}

impl CriReader {
    /// Adds a file of a pod's attempt.
    pub(super) fn read(
        &mut self,
        path: &Path,
        (pod, attempt): (&str, Option<u32>),
        truth: &mut Truth,
    ) -> io::Result<()> {
        let mut file = BufReader::new(fs::File::open(path)?);
        let mut record = String::new();
        let mut starts_file = self.files > 0;
        self.files += 1;
        while file.read_line(&mut record)? > 0 {
            let begins = self.begun.is_none();
            if let Some((stamp, text)) = self.record(record.trim_end_matches('\n'))
                && let Some((tag, number)) = tag_and_number(&text)
            {
                let source = Source {
                    pod: pod.to_owned(),
                    tag: tag.to_owned(),
                };
                let written = truth.entry(source).or_default();
                written.attempt = attempt;
                put(written, number, stamp);
                if starts_file && begins {
                    written.file_starts.insert(number);
                }
                starts_file = false;
            }
            record.clear();
        }
        Ok(())
    }

    /// The line that this record completes.
    fn record(&mut self, record: &str) -> Option<(Option<Stamp>, String)> {
        let mut fields = record.splitn(4, ' ');
        let (stamp, _, tag) = (fields.next()?, fields.next()?, fields.next()?);
        let text = fields.next().unwrap_or_default();
        let (stamp, mut line) = self
            .begun
            .take()
            .unwrap_or_else(|| (Stamp::parse(stamp), String::new()));
        line.push_str(text);
        if tag == "F" {
            return Some((stamp, line));
        }
        self.begun = Some((stamp, line));
        None
    }
}

/// Lines that no file tells of, as those that are written while a file is truncated, have no stamp.
fn put(written: &mut Written, number: u64, stamp: Option<Stamp>) {
    let length = usize::try_from(number).unwrap_or(0);
    if written.stamps.len() < length {
        written.stamps.resize(length, None);
    }
    written.stamps[length - 1] = stamp;
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMESPACE: &str = "space";

    fn record(number: u64, text: &str) -> String {
        format!("2026-01-31T12:00:{number:02}.000000000Z stdout F abcd1234 {number:08} {text}.\n")
    }

    fn node() -> (tempfile::TempDir, PathBuf, Keeper) {
        let home = tempfile::tempdir().unwrap();
        let container = home.path().join("pods/space_writer_uid/node");
        fs::create_dir_all(&container).unwrap();
        let logs = home.path().join("pods");
        let keeper = Keeper::new(logs, home.path().join("kept"), NAMESPACE).unwrap();
        (home, container, keeper)
    }

    fn only(truth: &Truth) -> &Written {
        assert_eq!(truth.len(), 1, "{truth:?}");
        truth.values().next().unwrap()
    }

    #[test]
    fn files_that_were_rotated_and_removed_stay_in_the_truth_in_their_order() {
        let (_home, container, mut keeper) = node();
        let current = container.join("0.log");
        for file in 0..4 {
            let lines: String = (1..=3).map(|line| record(file * 3 + line, "x")).collect();
            fs::write(&current, lines).unwrap();
            keeper.look();
            keeper.look();
            let rotated = container.join(format!("0.log.20260131-12000{file}"));
            fs::rename(&current, &rotated).unwrap();
            if file > 0 {
                fs::remove_file(container.join(format!("0.log.20260131-12000{}", file - 1)))
                    .unwrap();
            }
            fs::write(container.join(format!("0.log.20260131-12000{file}.gz")), "").unwrap();
        }
        keeper.look();
        let truth = keeper.truth().unwrap();
        let written = only(&truth);
        assert_eq!(written.last_file, LastFile::Filled);
        assert_eq!(written.stamps.len(), 12);
        assert!(written.stamps.is_sorted() && written.stamps.iter().all(Option::is_some));
        assert_eq!(written.file_starts, [4, 7, 10].into());
        fs::write(&current, "").unwrap();
        keeper.look();
        let truth = keeper.truth().unwrap();
        assert_eq!(only(&truth).last_file, LastFile::Empty);
    }

    #[test]
    fn a_truncated_file_keeps_what_stood_in_it_and_lines_between_have_no_stamp() {
        let (_home, container, mut keeper) = node();
        let current = container.join("0.log");
        fs::write(&current, record(1, "x") + &record(2, "x")).unwrap();
        keeper.truncate("writer").unwrap();
        assert_eq!(fs::read_to_string(&current).unwrap(), "");
        fs::write(&current, record(4, "x")).unwrap();
        let truth = keeper.truth().unwrap();
        let stamped: Vec<bool> = only(&truth).stamps.iter().map(Option::is_some).collect();
        assert_eq!(stamped, [true, true, false, true]);
        assert_eq!(only(&truth).file_starts, [4].into());
    }

    #[test]
    fn a_line_in_several_records_is_one_line_with_the_first_stamp() {
        let (_home, container, mut keeper) = node();
        let parts =
            "2026-01-31T12:00:01Z stdout P abcd1234 00000\n2026-01-31T12:00:02Z stdout F 001 x.\n";
        fs::write(container.join("0.log"), parts).unwrap();
        keeper.look();
        let truth = keeper.truth().unwrap();
        assert_eq!(only(&truth).stamps, [Stamp::parse("2026-01-31T12:00:01Z")]);
    }

    #[test]
    fn logs_of_other_namespaces_are_not_kept() {
        let (home, _container, mut keeper) = node();
        let other = home.path().join("pods/spaceship_writer_uid/node");
        fs::create_dir_all(&other).unwrap();
        fs::write(other.join("0.log"), record(1, "x")).unwrap();
        keeper.look();
        assert!(keeper.truth().unwrap().is_empty());
    }
}
