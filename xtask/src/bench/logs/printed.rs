//! Whether a program printed what the pods wrote: every line of every pod, whole, with its stamp, once, in its order.
//!
//! All pods write the same lines of one length, so a printed line is known by its end; what stands before names the pod.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::fs::{self, File};
use std::hash::Hasher as _;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use super::ground::LINE_LENGTH;
use crate::process::StepError;

/// What one pod wrote, or what was printed of one pod: how many lines, and a digest of them in their order.
#[derive(Clone, Debug, Default)]
struct Lines {
    number: usize,
    digest: DefaultHasher,
}

impl Lines {
    fn add(&mut self, line: &[u8]) {
        self.number += 1;
        self.digest.write(line);
        self.digest.write_u8(b'\n');
    }

    fn are(&self, other: &Lines) -> bool {
        self.number == other.number && self.digest.finish() == other.digest.finish()
    }
}

/// The lines that every pod wrote, with their stamps.
#[derive(Clone, Debug, Default)]
pub(super) struct Written(Lines);

impl Written {
    /// One more line, without its newline.
    pub(super) fn add(&mut self, line: &[u8]) {
        self.0.add(line);
    }

    /// Lines of one pod.
    pub(super) fn lines(&self) -> usize {
        self.0.number
    }
}

/// What a program printed, pod by pod.
#[derive(Clone, Debug, Default)]
pub(super) struct Printed {
    lines: usize,
    pods: HashMap<Vec<u8>, Lines>,
}

impl Printed {
    /// One line without its newline, which names its pod at its beginning.
    pub(super) fn add(&mut self, line: &[u8]) {
        let end = line.len().saturating_sub(LINE_LENGTH);
        let (pod, line) = line.split_at(end);
        self.add_of(pod, line);
    }

    fn add_of(&mut self, pod: &[u8], line: &[u8]) {
        self.lines += 1;
        if let Some(lines) = self.pods.get_mut(pod) {
            return lines.add(line);
        }
        self.pods.entry(pod.to_owned()).or_default().add(line);
    }

    /// Lines of all pods together.
    pub(super) fn lines(&self) -> usize {
        self.lines
    }

    /// Pods of which at least one line was printed.
    pub(super) fn pods(&self) -> usize {
        self.pods.len()
    }

    /// Adds a file that holds the lines of all pods.
    pub(super) fn read_file(&mut self, path: &Path) -> Result<(), StepError> {
        let file = File::open(path).map_err(|error| StepError::io(path.display(), error))?;
        each_line(file, |line| self.add(line)).map_err(|error| StepError::io(path.display(), error))
    }

    /// Adds a file that holds the lines of one pod and nothing else.
    pub(super) fn read_file_of(&mut self, pod: &str, path: &Path) -> Result<(), StepError> {
        let file = File::open(path).map_err(|error| StepError::io(path.display(), error))?;
        each_line(file, |line| self.add_of(pod.as_bytes(), line))
            .map_err(|error| StepError::io(path.display(), error))
    }

    /// Nothing but what so many pods wrote, all of it.
    pub(super) fn judge(&self, written: &Written, pods: usize) -> Result<(), String> {
        let (lines, expected) = (self.lines, written.lines() * pods);
        if lines != expected {
            return Err(format!("printed {lines} of {expected} lines"));
        }
        if self.pods.len() != pods {
            let found = self.pods.len();
            return Err(format!("printed lines of {found} pods, not of {pods}"));
        }
        let other = self.pods.iter().find(|(_, lines)| !lines.are(&written.0));
        other.map_or(Ok(()), |(pod, lines)| {
            let (pod, number) = (String::from_utf8_lossy(pod), lines.number);
            Err(format!(
                "printed {number} lines of {:?} that are not those of the pod",
                pod.trim_end()
            ))
        })
    }
}

fn each_line(text: impl Read, mut take: impl FnMut(&[u8])) -> std::io::Result<()> {
    let mut reader = BufReader::with_capacity(256 * 1024, text);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        take(line.strip_suffix(b"\n").unwrap_or(&line));
        line.clear();
    }
    Ok(())
}

/// Reads what was printed into a file, and removes it.
pub(super) fn take_file(
    path: &Path,
    read: impl FnOnce(&Path) -> Result<(), StepError>,
) -> Result<(), StepError> {
    read(path)?;
    fs::remove_file(path).map_err(|error| StepError::io(path.display(), error))
}

#[cfg(test)]
mod tests {
    use super::super::ground::{LINE_LENGTH, served};
    use super::{Printed, Written};

    fn line(number: u32) -> String {
        served(jiff::Timestamp::UNIX_EPOCH, number)
    }

    fn written() -> Written {
        let mut written = Written::default();
        (0..3).for_each(|number| written.add(line(number).as_bytes()));
        written
    }

    fn text(lines: &[(&str, u32)]) -> String {
        let line = |(pod, number): &(&str, u32)| [pod, " ", &line(*number), "\n"].concat();
        lines.iter().map(line).collect()
    }

    /// Of lines that are each a pod and the number of one of its lines.
    fn judge(lines: &[(&str, u32)]) -> Result<(), String> {
        judge_text(&text(lines))
    }

    fn judge_text(text: &str) -> Result<(), String> {
        let mut printed = Printed::default();
        text.lines().for_each(|line| printed.add(line.as_bytes()));
        printed.judge(&written(), 2)
    }

    #[test]
    fn two_pods_whose_lines_are_all_there_in_their_order_are_whole() {
        let lines = [("a", 0), ("b", 0), ("b", 1), ("a", 1), ("a", 2), ("b", 2)];
        assert_eq!(judge(&lines), Ok(()));
    }

    #[test]
    fn a_line_that_is_missing_repeated_swapped_or_of_another_pod_is_found() {
        let missing = [("a", 0), ("b", 0), ("b", 1), ("a", 1), ("a", 2)];
        assert_eq!(judge(&missing).unwrap_err(), "printed 5 of 6 lines");
        let other = "lines of \"a\" that are not those of the pod";
        let repeated = [("a", 0), ("a", 0), ("a", 2), ("b", 0), ("b", 1), ("b", 2)];
        assert_eq!(judge(&repeated).unwrap_err(), format!("printed 3 {other}"));
        let swapped = [("a", 1), ("a", 0), ("a", 2), ("b", 0), ("b", 1), ("b", 2)];
        assert_eq!(judge(&swapped).unwrap_err(), format!("printed 3 {other}"));
        let foreign = [("a", 0), ("a", 1), ("a", 2), ("b", 0), ("b", 1), ("c", 2)];
        let error = judge(&foreign).unwrap_err();
        assert_eq!(error, "printed lines of 3 pods, not of 2");
    }

    #[test]
    fn a_line_that_lost_or_changed_a_byte_is_found() {
        let lines = [("a", 0), ("a", 1), ("a", 2), ("b", 0), ("b", 1), ("b", 2)];
        let text = text(&lines);
        assert_eq!(judge_text(&text), Ok(()));
        let changed = text.replacen("loss=", "less=", 1);
        assert!(judge_text(&changed).is_err());
        let shorter = text.replacen("loss=", "los=", 1);
        assert!(judge_text(&shorter).is_err());
        assert_eq!(line(0).len(), LINE_LENGTH);
    }
}
