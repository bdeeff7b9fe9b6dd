//! What each follower printed, in its own format: the plugin's JSON or text, stern's JSON, kubectl's plain lines.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;

use serde::Deserialize;

use super::line::{Shape, tag_and_number};
use super::plan::Output as Format;
use super::scenario::Reason;
use super::stamp::Stamp;
use super::truth::{Source, Truth};
use super::verdict::{Printed, Text};

/// The words with which the plugin's text names a hole.
const MARKER: &str = "--- lines may be missing from ";

/// What a follower printed, source by source, each in its order.
#[derive(Debug, Default)]
pub(super) struct Output {
    pub(super) sources: BTreeMap<Source, Vec<Printed>>,
    /// Lines that no writer wrote, where only lines are expected.
    pub(super) foreign: Vec<String>,
    /// All lines, foreign ones included.
    pub(super) lines: u64,
    /// Attempts of which the follower says that nobody saw them.
    pub(super) skipped: Vec<Skipped>,
    /// Lines under a name that is not theirs, or out of the order of attempts.
    pub(super) misplaced: Vec<String>,
    pub(super) summary: Option<Summary>,
}

/// So many attempts of a pod came and went unseen before this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Skipped {
    pub(super) pod: String,
    pub(super) before: u32,
    pub(super) attempts: u64,
}

/// The plugin's own account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) lines: u64,
    pub(super) gaps: u64,
    pub(super) reconnects: u64,
}

/// An object of the plugin's JSON, or of stern's.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Object {
    r#type: String,
    step: String,
    pod: String,
    attempt: u32,
    time: String,
    text: String,
    reason: String,
    part: Option<String>,
    after: Option<String>,
    before: Option<String>,
    attempts: u64,
    lines: u64,
    gaps: u64,
    reconnects: u64,
    /// Of stern.
    pod_name: String,
    message: String,
}

impl Output {
    /// Adds a line as it was printed; what is no writer's line is foreign.
    fn line(&mut self, shape: &Shape, pod: &str, text: &str) -> Option<Source> {
        self.lines += 1;
        let Some((tag, number)) = tag_and_number(text) else {
            self.foreign.push(text.to_owned());
            return None;
        };
        let source = Source {
            pod: pod.to_owned(),
            tag: tag.to_owned(),
        };
        let text = if shape.is_whole(tag, number, text) {
            Text::Whole
        } else {
            Text::Torn {
                glued: shape.glued(tag, text),
            }
        };
        let line = Printed::Line { number, text };
        self.sources.entry(source.clone()).or_default().push(line);
        Some(source)
    }

    pub(super) fn markers(&self) -> u64 {
        let items = self.sources.values().flatten();
        items
            .filter(|item| matches!(item, Printed::Marker { .. }))
            .count() as u64
    }
}

/// The plugin's `-o json`. A marker that comes before an attempt's first line belongs to the attempt of that line.
pub(super) fn of_plugin_json(stdout: &Path, shape: &Shape, truth: &Truth) -> io::Result<Output> {
    let mut reading = Json {
        output: Output::default(),
        current: BTreeMap::new(),
        early: BTreeMap::new(),
        begun: BTreeMap::new(),
        names: BTreeMap::new(),
        newest: BTreeMap::new(),
        shape,
    };
    for_lines(stdout, |line| reading.object(line))?;
    Ok(reading.end(truth))
}

/// One attempt as the JSON names it.
type Attempt = (String, u32);

struct Json<'a> {
    output: Output,
    /// The source of an attempt's lines so far.
    current: BTreeMap<Attempt, Source>,
    /// Markers that came before the first line.
    early: BTreeMap<Attempt, Vec<Printed>>,
    /// Lines of which the end is still to come.
    begun: BTreeMap<Attempt, String>,
    /// Under which attempt the lines of a source come.
    names: BTreeMap<Source, u32>,
    /// Of each pod, the newest attempt of which a line came.
    newest: BTreeMap<String, u32>,
    shape: &'a Shape,
}

impl Json<'_> {
    fn object(&mut self, line: &str) {
        let Ok(object) = serde_json::from_str::<Object>(line) else {
            return self.output.foreign.push(line.chars().take(120).collect());
        };
        let attempt = (object.pod.clone(), object.attempt);
        match object.r#type.as_str() {
            "line" => self.line(attempt, &object),
            "gap" => self.gap(attempt, &object),
            "skipped" => self.output.skipped.push(Skipped {
                pod: object.pod,
                before: object.attempt,
                attempts: object.attempts,
            }),
            "summary" => {
                self.output.summary = Some(Summary {
                    lines: object.lines,
                    gaps: object.gaps,
                    reconnects: object.reconnects,
                });
            }
            _ => {}
        }
    }

    fn line(&mut self, attempt: Attempt, object: &Object) {
        let mut text = self.begun.remove(&attempt).unwrap_or_default();
        text.push_str(&object.text);
        if matches!(object.part.as_deref(), Some("first" | "middle")) {
            self.begun.insert(attempt, text);
            return;
        }
        // What came before the attempt's first line stands before it here too.
        if let Some(early) = self.early.remove(&attempt)
            && let Some((tag, _)) = tag_and_number(&text)
        {
            let source = Source {
                pod: object.pod.clone(),
                tag: tag.to_owned(),
            };
            self.output.sources.entry(source).or_default().extend(early);
        }
        match self.output.line(self.shape, &object.pod, &text) {
            Some(source) => {
                self.judge_names(&source, object);
                self.current.insert(attempt, source);
            }
            None => self.piece(&attempt, object),
        }
    }

    /// What no writer wrote stands beside markers all the same.
    fn piece(&mut self, attempt: &Attempt, object: &Object) {
        if let Some(source) = self.current.get(attempt) {
            let items = self.output.sources.entry(source.clone()).or_default();
            items.push(Printed::Piece(Stamp::parse(&object.time)));
        }
    }

    /// A writer's tag is one attempt of one pod of one step, and the attempts of a pod come one after the other.
    fn judge_names(&mut self, source: &Source, object: &Object) {
        let (pod, tag, attempt) = (&source.pod, &source.tag, object.attempt);
        if object.step != step_of(pod) {
            let text = format!("a line of {pod} came as one of {:?}", object.step);
            self.output.misplaced.push(text);
        }
        let first = *self.names.entry(source.clone()).or_insert(attempt);
        if first != attempt {
            let text = format!("{pod} {tag}: lines of attempt {first} came as ones of {attempt}");
            self.output.misplaced.push(text);
        }
        let newest = self.newest.entry(pod.clone()).or_insert(attempt);
        if attempt < *newest {
            let text = format!("{pod}: a line of attempt {attempt} came after ones of {newest}");
            self.output.misplaced.push(text);
        }
        *newest = attempt.max(*newest);
    }

    fn gap(&mut self, attempt: Attempt, object: &Object) {
        let stamp = |text: &Option<String>| text.as_deref().and_then(Stamp::parse);
        let marker = Printed::Marker {
            after: stamp(&object.after),
            before: stamp(&object.before),
            reason: Reason::parse(&object.reason),
        };
        match self.current.get(&attempt) {
            Some(source) => {
                let items = self.output.sources.entry(source.clone()).or_default();
                items.push(marker);
            }
            None => self.early.entry(attempt).or_default().push(marker),
        }
    }

    /// Attempts as the plugin counts them are those of the node's files. A marker of an attempt without lines is one of
    /// an attempt of which nothing was printed.
    fn end(mut self, truth: &Truth) -> Output {
        for (source, attempt) in &self.names {
            let written = truth.get(source).and_then(|written| written.attempt);
            if let Some(written) = written.filter(|written| written != attempt) {
                let (pod, tag) = (&source.pod, &source.tag);
                let text = format!("{pod} {tag}: attempt {written} came as attempt {attempt}");
                self.output.misplaced.push(text);
            }
        }
        for ((pod, attempt), markers) in std::mem::take(&mut self.early) {
            let silent = truth.iter().find(|(source, written)| {
                source.pod == pod
                    && written.attempt.is_none_or(|of| of == attempt)
                    && !self.output.sources.contains_key(source)
            });
            match silent.map(|(source, _)| source.clone()) {
                Some(source) => {
                    self.output.sources.insert(source, markers);
                }
                None => self
                    .output
                    .foreign
                    .push(format!("a marker of {pod}, of which all was printed")),
            }
        }
        self.output
    }
}

/// The plugin's text: lines on one side, markers on the other, put together by their stamps. Each line stands behind
/// its step's name where there are several; the writers' tags tell the pods apart.
pub(super) fn of_plugin_text(
    (stdout, stderr): (&Path, &Path),
    shape: &Shape,
    truth: &Truth,
) -> io::Result<Output> {
    let pods: BTreeMap<&str, &str> = truth
        .keys()
        .map(|source| (source.tag.as_str(), source.pod.as_str()))
        .collect();
    let mut output = Output::default();
    let mut steps: BTreeMap<Source, String> = BTreeMap::new();
    for_lines(stdout, |line| {
        let (step, text) = line.split_once(" | ").unwrap_or(("", line));
        let tag = text.split(' ').next().unwrap_or_default();
        let pod = pods.get(tag).copied().unwrap_or_default();
        if step.trim() != step_of(pod) && (!pod.is_empty() || step.is_empty()) {
            let text = format!("a line of {pod:?} came behind {step:?}");
            output.misplaced.push(text);
        }
        if let Some(source) = output.line(shape, pod, text) {
            steps
                .entry(source)
                .or_insert_with(|| step.trim().to_owned());
        }
    })?;
    for_lines(stderr, |line| {
        if let Some(marker) = TextMarker::parse(line)
            && !marker.place(&mut output, &steps, truth)
        {
            output.foreign.push(line.to_owned());
        }
        if line.contains("came and went unseen") {
            output.misplaced.push(line.to_owned());
        }
        if let Some(summary) = text_summary(line) {
            output.summary = Some(summary);
        }
    })?;
    Ok(output)
}

/// A hole as the plugin's text names it.
struct TextMarker<'a> {
    step: &'a str,
    after: Option<Stamp>,
    before: Option<Stamp>,
    reason: Option<Reason>,
}

impl<'a> TextMarker<'a> {
    fn parse(line: &'a str) -> Option<TextMarker<'a>> {
        let why = line
            .split_once('(')
            .and_then(|(_, rest)| rest.split_once(')'))
            .map_or("", |(why, _)| why);
        let words: Vec<&str> = line.strip_prefix(MARKER)?.split(' ').collect();
        let behind = |word: &str| {
            let at = words.iter().position(|found| *found == word)?;
            Stamp::parse(words.get(at + 1)?)
        };
        Some(TextMarker {
            step: words.first()?,
            after: behind("between").or_else(|| behind("after")),
            before: behind("and").or_else(|| behind("before")),
            reason: Reason::parse(why),
        })
    }

    /// Puts the marker behind the line that it names, in a source of its step; whether there is one.
    fn place(self, output: &mut Output, steps: &BTreeMap<Source, String>, truth: &Truth) -> bool {
        for (source, items) in &mut output.sources {
            let ours = steps.get(source).is_some_and(|step| step == self.step);
            let stamp_of = |item: &Printed| match item {
                Printed::Line { number, .. } => {
                    let index = usize::try_from(number - 1).ok()?;
                    truth.get(source)?.stamps.get(index)?.clone()
                }
                Printed::Marker { .. } | Printed::Piece(_) => None,
            };
            let at = match (&self.after, &self.before) {
                (Some(_), _) => items
                    .iter()
                    .rposition(|item| stamp_of(item) == self.after)
                    .map(|at| at + 1),
                (None, Some(_)) => items.iter().position(|item| stamp_of(item) == self.before),
                (None, None) => None,
            };
            if let Some(at) = at.filter(|_| ours) {
                let Self {
                    after,
                    before,
                    reason,
                    ..
                } = self;
                let marker = Printed::Marker {
                    after,
                    before,
                    reason,
                };
                items.insert(at, marker);
                return true;
            }
        }
        false
    }
}

/// `4 nodes · 1,203,441 lines · 7 reconnects · no gaps · 12m03s · Complete`
fn text_summary(line: &str) -> Option<Summary> {
    let count = |word: &str| {
        line.split(" · ").find_map(|part| {
            let (number, of) = part.split_once(' ')?;
            let named =
                of == word || of.strip_suffix('s') == Some(word) || of == format!("{word}s");
            let number = if number == "no" { "0" } else { number };
            named.then(|| number.replace(',', "").parse().ok())?
        })
    };
    Some(Summary {
        lines: count("line")?,
        gaps: count("gap").unwrap_or(0),
        reconnects: count("reconnect").unwrap_or(0),
    })
}

/// stern's `-o json`.
pub(super) fn of_stern(stdout: &Path, shape: &Shape) -> io::Result<Output> {
    let mut output = Output::default();
    for_lines(stdout, |line| match serde_json::from_str::<Object>(line) {
        Ok(object) => drop(output.line(shape, &object.pod_name, &object.message)),
        Err(_) => output.foreign.push(line.chars().take(120).collect()),
    })?;
    Ok(output)
}

/// What `kubectl logs -f` of these pods printed, one file each.
pub(super) fn of_kubectl(files: &[(String, &Path)], shape: &Shape) -> io::Result<Output> {
    let mut output = Output::default();
    for (pod, stdout) in files {
        for_lines(stdout, |line| drop(output.line(shape, pod, line)))?;
    }
    Ok(output)
}

/// `node-1` of `writer-node-0-1-abcde`: a pod's step, by the index at the end of its name.
fn step_of(pod: &str) -> String {
    let index = pod.rsplit('-').nth(1).unwrap_or_default();
    format!("node-{index}")
}

/// How many writers have had a line printed by the plugin so far.
pub(super) fn writers_shown(stdout: &Path, format: Format) -> io::Result<u64> {
    let mut writers = BTreeSet::new();
    for_lines(stdout, |line| {
        let (name, text) = match format {
            Format::Json => match serde_json::from_str::<Object>(line) {
                Ok(object) if object.r#type == "line" => (object.pod, object.text),
                _ => return,
            },
            Format::Text => match line.split_once(" | ") {
                Some((step, text)) => (step.trim().to_owned(), text.to_owned()),
                None => return,
            },
        };
        if let Some((tag, _)) = tag_and_number(&text) {
            writers.insert((name, tag.to_owned()));
        }
    })?;
    Ok(writers.len() as u64)
}

/// Each line without its end, whatever bytes are in it.
fn for_lines(path: &Path, mut each: impl FnMut(&str)) -> io::Result<()> {
    let mut file = BufReader::new(File::open(path)?);
    let mut line = Vec::new();
    while file.read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line);
        each(text.strip_suffix('\n').unwrap_or(&text));
        line.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::bench::lossless::verdict::Written;

    const SHAPE: Shape = Shape {
        base: 2,
        spread: 5,
        long_every: 0,
        long: 0,
    };

    fn source(tag: &str) -> Source {
        Source {
            pod: "writer-node-0-0-abcde".to_owned(),
            tag: tag.to_owned(),
        }
    }

    fn whole(number: u64) -> Printed {
        Printed::Line {
            number,
            text: Text::Whole,
        }
    }

    fn marker(after: Option<&str>, before: Option<&str>) -> Printed {
        let stamp = |text: Option<&str>| text.and_then(Stamp::parse);
        Printed::Marker {
            after: stamp(after),
            before: stamp(before),
            reason: Some(Reason::Rotated),
        }
    }

    fn file(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("out");
        fs::write(&path, text).unwrap();
        (home, path)
    }

    fn line(tag: &str, number: u64) -> String {
        SHAPE.text(tag, number)
    }

    fn json(attempt: u32, text: &str) -> String {
        format!(
            r#"{{"type":"line","step":"node-0","pod":"writer-node-0-0-abcde","attempt":{attempt},"time":"x","text":"{text}"}}"#
        ) + "\n"
    }

    const GAP: &str = r#"{"type":"gap","pod":"writer-node-0-0-abcde","attempt":0,"after":"2026-01-31T12:00:01.5Z","before":null,"reason":"rotated"}"#;

    #[test]
    fn the_plugins_json_is_read_with_markers_in_their_place_and_its_summary() {
        let text = json(0, &line("abcd1234", 1))
            + GAP
            + "\n"
            + &json(0, &line("abcd1234", 4))
            + r#"{"type":"summary","lines":2,"gaps":1,"reconnects":3}"#
            + "\n";
        let (_home, path) = file(&text);
        let output = of_plugin_json(&path, &SHAPE, &Truth::new()).unwrap();
        let expected = [
            whole(1),
            marker(Some("2026-01-31T12:00:01.5Z"), None),
            whole(4),
        ];
        assert_eq!(output.sources[&source("abcd1234")], expected);
        assert_eq!((output.lines, output.markers()), (2, 1));
        let summary = Summary {
            lines: 2,
            gaps: 1,
            reconnects: 3,
        };
        assert_eq!(output.summary, Some(summary));
    }

    #[test]
    fn a_marker_before_the_first_line_or_without_any_line_finds_its_attempt() {
        let (_home, path) = file(&(GAP.to_owned() + "\n" + &json(0, &line("abcd1234", 3))));
        let output = of_plugin_json(&path, &SHAPE, &Truth::new()).unwrap();
        assert_eq!(output.sources[&source("abcd1234")].len(), 2);
        assert_eq!(output.sources[&source("abcd1234")][1], whole(3));

        let (_home, path) = file(&(GAP.to_owned() + "\n"));
        let truth = Truth::from([(source("abcd1234"), Written::default())]);
        let output = of_plugin_json(&path, &SHAPE, &truth).unwrap();
        assert_eq!(output.sources[&source("abcd1234")].len(), 1);
    }

    #[test]
    fn lines_under_another_name_or_attempt_and_attempts_that_go_back_are_found() {
        let read = |text: String, truth: &Truth| {
            let (_home, path) = file(&text);
            of_plugin_json(&path, &SHAPE, truth).unwrap().misplaced
        };
        let one = json(0, &line("abcd1234", 1));
        let none = Truth::new();
        assert_eq!(read(one.clone(), &none), [""; 0]);
        let other_step = one.replace("\"node-0\"", "\"node-1\"");
        assert_eq!(read(other_step, &none).len(), 1);
        assert_eq!(
            read(one.clone() + &json(1, &line("abcd1234", 2)), &none).len(),
            1
        );
        let back = json(1, &line("efgh1234", 1)) + &one;
        assert_eq!(read(back, &none).len(), 1);
        let second = Written {
            attempt: Some(1),
            ..Written::default()
        };
        let truth = Truth::from([(source("abcd1234"), second)]);
        assert_eq!(read(one, &truth).len(), 1);
    }

    #[test]
    fn every_line_of_text_stands_behind_the_name_of_its_step() {
        let truth = Truth::from([(source("abcd1234"), Written::default())]);
        let (_said, stderr) = file("");
        for (prefix, misplaced) in [("node-0 | ", 0), ("node-1 | ", 1), ("", 1)] {
            let (_home, stdout) = file(&format!("{prefix}{}\n", line("abcd1234", 1)));
            let output = of_plugin_text((&stdout, &stderr), &SHAPE, &truth).unwrap();
            assert_eq!(output.misplaced.len(), misplaced, "{prefix:?}");
        }
    }

    #[test]
    fn only_a_line_of_a_writer_shows_that_the_plugin_prints() {
        let started = "{\"type\":\"started\",\"pod\":\"writer-node-0-0-abcde\"}\n";
        let (_home, path) = file(&(started.to_owned() + &json(0, "failed to watch file")));
        assert_eq!(writers_shown(&path, Format::Json).unwrap(), 0);
        let (_home, path) = file(&json(0, &line("abcd1234", 1)));
        assert_eq!(writers_shown(&path, Format::Json).unwrap(), 1);
        let (_home, path) = file(&format!("node-0 | {}\n", line("abcd1234", 1)));
        assert_eq!(writers_shown(&path, Format::Text).unwrap(), 1);
    }

    #[test]
    fn torn_and_foreign_text_is_told_from_lines() {
        let text =
            json(0, &line("abcd1234", 1)[..18]) + &json(0, "failed to watch file") + "no json\n";
        let (_home, path) = file(&text);
        let output = of_plugin_json(&path, &SHAPE, &Truth::new()).unwrap();
        let torn = Printed::Line {
            number: 1,
            text: Text::Torn { glued: None },
        };
        let piece = Printed::Piece(None);
        assert_eq!(output.sources[&source("abcd1234")], [torn, piece]);
        assert_eq!(output.foreign, ["failed to watch file", "no json"]);
    }

    #[test]
    fn the_plugins_text_takes_its_markers_from_the_other_side() {
        let stamp = |second: u32| Stamp::parse(&format!("2026-01-31T12:00:0{second}Z"));
        let truth = Truth::from([(
            source("abcd1234"),
            Written {
                stamps: (1..=4).map(stamp).collect(),
                ..Written::default()
            },
        )]);
        let lines: String = [1, 2, 4]
            .map(|number| format!("node-0 | {}\n", line("abcd1234", number)))
            .concat();
        let said = "following node-0\n--- lines may be missing from node-0 between 2026-01-31T12:00:02.000000000Z and 2026-01-31T12:00:04.000000000Z (log rotated) ---\n1 node · 3 lines · 1 reconnect · 1 gap · 3s · Complete\n";
        let ((_home, stdout), (_other, stderr)) = (file(&lines), file(said));
        let output = of_plugin_text((&stdout, &stderr), &SHAPE, &truth).unwrap();
        let hole = marker(Some("2026-01-31T12:00:02Z"), Some("2026-01-31T12:00:04Z"));
        assert_eq!(
            output.sources[&source("abcd1234")],
            [whole(1), whole(2), hole, whole(4)]
        );
        let summary = Summary {
            lines: 3,
            gaps: 1,
            reconnects: 1,
        };
        assert_eq!(output.summary, Some(summary));
        assert!(output.foreign.is_empty());
    }

    #[test]
    fn summaries_in_words_are_understood() {
        let summary =
            text_summary("4 nodes · 1,203,441 lines · 7 reconnects · no gaps · 12m03s · Complete");
        let expected = Summary {
            lines: 1_203_441,
            gaps: 0,
            reconnects: 7,
        };
        assert_eq!(summary, Some(expected));
        assert_eq!(text_summary("following node-0"), None);
    }

    #[test]
    fn the_rivals_lines_are_read_as_they_print_them() {
        let text = format!(
            "{{\"message\":\"{}\",\"nodeName\":\"n1\",\"podName\":\"writer-node-0-0-abcde\",\"containerName\":\"node\"}}\n",
            line("abcd1234", 2)
        );
        let (_home, path) = file(&text);
        let output = of_stern(&path, &SHAPE).unwrap();
        assert_eq!(output.sources[&source("abcd1234")], [whole(2)]);

        let (_home, path) = file(&(line("abcd1234", 2) + "\nunexpected EOF\n"));
        let output = of_kubectl(
            &[("writer-node-0-0-abcde".to_owned(), path.as_path())],
            &SHAPE,
        )
        .unwrap();
        assert_eq!(output.sources[&source("abcd1234")], [whole(2)]);
        assert_eq!(output.foreign, ["unexpected EOF"]);
    }
}
