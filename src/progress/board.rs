//! From what the steps of a job say in their logs, and from what its objects say, to how far each step is. Knows no
//! network, clock or terminal.

use std::collections::{BTreeMap, HashMap};

use super::{
    format::{Readers, Reading},
    segment::PieceEnd,
    tracker::{Activity, Origin, Report, Source, Standing, Tracker},
};
use crate::{
    cluster::JobObservation,
    logs::{
        line::Part as LinePart,
        record::{Entry, LogSource, SourceId},
        stamp::Stamp,
    },
    train_job::{StepKind, leader_started, steps},
};

/// A line without an end that nothing followed for so long is news, and not a moment of reading what was written before.
const SETTLED: i128 = 400_000_000;

/// What a step is to the job's progress. Others have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    Dataset,
    Model,
    /// Trains; by its number among the nodes.
    Node(u32),
}

/// How far everything is that a job does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standings {
    pub training: Standing,
    /// The step whose log the training's numbers are from: `node-0`.
    pub speaker: Option<String>,
    /// The initializers' own bars.
    pub dataset: Option<Activity>,
    pub model: Option<Activity>,
}

/// Listens to all logs of one job.
#[derive(Default)]
pub struct Board {
    /// By the names of the steps.
    parts: BTreeMap<String, Part>,
    listeners: HashMap<SourceId, Listener>,
    /// The number of each pod, by its uid.
    pods: BTreeMap<String, u32>,
    /// The uid of the job, once it was seen.
    job: Option<String>,
    dataset: Tracker,
    model: Tracker,
    training: Tracker,
}

/// One container's log, as far as it was read.
struct Listener {
    part: Part,
    origin: Origin,
    readers: Readers,
    /// Of what was heard at once, before it is read: its newest moment, until that has come again.
    repeats_until: Option<Stamp>,
    /// The newest of a line without an end, and when it came.
    pending: Option<(Stamp, Vec<u8>)>,
    /// What was read last of such a line.
    heard: Vec<u8>,
    line: Line,
}

/// Whether the present line was read while it grew: then its stamp, which is that of its beginning, is not of its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Unread,
    ReadGrowing,
}

impl Board {
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what a look at the job's objects says. A source of a step that was never seen is not listened to.
    pub fn observe(&mut self, observation: &JobObservation) {
        let job = &observation.train_job.uid;
        if self.job.as_ref() != Some(job) {
            self.begin_anew(job);
        }
        let steps = steps(observation).into_iter();
        let known = steps.filter_map(|step| Some((step.name, Part::of(step.kind, step.index)?)));
        self.parts.extend(known);
        if let Some(started) = leader_started(observation) {
            self.training.leader_started(started.into());
        }
        let status = observation.train_job.trainer_status.as_ref();
        if let Some(report) = status.and_then(Report::of) {
            self.training.report(report);
        }
    }

    /// Takes what comes from a log; `now` is the moment at which it came.
    pub fn heed(&mut self, entry: &Entry<'_>, now: Stamp) {
        match entry {
            Entry::Opened { source, described } => self.open(*source, described),
            Entry::Piece {
                source,
                stamp,
                part,
                text,
                ..
            } => self.read(*source, *part, (*stamp, now), text),
            Entry::Unfinished { source, text, .. } => {
                if let Some(listener) = self.listeners.get_mut(source) {
                    listener.keep(now, text);
                }
            }
            Entry::Ended { source, .. } => self.close(*source),
            _ => {}
        }
    }

    /// Whether the training told the cluster lately how far it is, so that its log need not be asked.
    pub fn has_fresh_report(&self, now: Stamp) -> bool {
        self.training.has_fresh_report(now)
    }

    /// How far everything is at `now`.
    pub fn standings(&mut self, now: Stamp) -> Standings {
        self.read_growing(now);
        let training = self.training.standing(now);
        let source = training.training.as_ref().map(|training| training.source);
        Standings {
            speaker: source.and_then(|source| self.speaker(source)),
            training,
            dataset: self.dataset.standing(now).activity,
            model: self.model.standing(now).activity,
        }
    }

    fn speaker(&self, source: Source) -> Option<String> {
        let Source::Log { node, .. } = source else {
            return None;
        };
        let mut parts = self.parts.iter();
        let (name, _) = parts.find(|(_, part)| **part == Part::Node(node))?;
        Some(name.clone())
    }

    /// What a job of the same name said that was deleted counts no more, nor does what is still read of it.
    fn begin_anew(&mut self, job: &str) {
        *self = Self {
            job: Some(job.to_owned()),
            ..Self::default()
        };
    }

    fn open(&mut self, source: SourceId, described: &LogSource) {
        let Some(part) = self.parts.get(&described.step).copied() else {
            return;
        };
        let number = u32::try_from(self.pods.len()).unwrap_or(u32::MAX);
        let pod = self.pods.entry(described.pod_uid.clone());
        let pod = *pod.or_insert(number);
        let listener = Listener {
            part,
            origin: Origin {
                node: part.node(),
                round: described.round,
                pod,
                attempt: described.attempt,
            },
            readers: Readers::new(),
            repeats_until: None,
            pending: None,
            heard: Vec::new(),
            line: Line::Unread,
        };
        self.tracker(part).attempt_began(listener.origin);
        self.listeners.insert(source, listener);
    }

    fn read(
        &mut self,
        source: SourceId,
        part: LinePart,
        (stamp, now): (Stamp, Stamp),
        text: &[u8],
    ) {
        let Some(listener) = self.listeners.get_mut(&source) else {
            return;
        };
        // What was kept of the line is in it.
        listener.pending = None;
        if listener.repeats(stamp) {
            return;
        }
        let at = match listener.line {
            Line::Unread => stamp,
            Line::ReadGrowing => now,
        };
        let end = if part.ends_line() {
            listener.line = Line::Unread;
            PieceEnd::Line
        } else {
            PieceEnd::Cut
        };
        let readings = listener.readers.read(text, end);
        let (part, origin) = (listener.part, listener.origin);
        for reading in &readings {
            self.tracker(part).observe(origin, at, reading);
        }
    }

    /// What this source says until then was heard already, and comes again.
    pub(super) fn expect_again(&mut self, source: SourceId, until: Option<Stamp>) {
        if let Some(listener) = self.listeners.get_mut(&source) {
            listener.repeats_until = until;
        }
    }

    /// Lines that have no end, and were not overtaken by what was written behind them.
    fn read_growing(&mut self, now: Stamp) {
        let listeners = self.listeners.values_mut();
        let is_settled = |came: Stamp| came.nanoseconds_until(now) >= SETTLED;
        let grown: Vec<_> = listeners
            .filter_map(|listener| listener.read_growing(is_settled))
            .collect();
        for growth in &grown {
            self.take(growth);
        }
    }

    fn close(&mut self, source: SourceId) {
        let listener = self.listeners.remove(&source);
        if let Some(growth) = listener.and_then(|mut listener| listener.read_growing(|_| true)) {
            self.take(&growth);
        }
    }

    fn take(&mut self, growth: &Growth) {
        for reading in &growth.readings {
            self.tracker(growth.part)
                .observe(growth.origin, growth.at, reading);
        }
    }

    const fn tracker(&mut self, part: Part) -> &mut Tracker {
        match part {
            Part::Dataset => &mut self.dataset,
            Part::Model => &mut self.model,
            Part::Node(_) => &mut self.training,
        }
    }
}

/// What a line that grows said, who said it, and when.
struct Growth {
    part: Part,
    origin: Origin,
    at: Stamp,
    readings: Vec<Reading>,
}

impl Listener {
    fn repeats(&mut self, stamp: Stamp) -> bool {
        self.repeats_until = self.repeats_until.filter(|until| stamp < *until);
        self.repeats_until.is_some()
    }

    fn keep(&mut self, now: Stamp, text: &[u8]) {
        // A stream that was opened again tells the same once more.
        if self.heard != text {
            self.pending = Some((now, text.to_vec()));
        }
    }

    fn read_growing(&mut self, is_settled: impl Fn(Stamp) -> bool) -> Option<Growth> {
        let (at, text) = self.pending.take_if(|(came, _)| is_settled(*came))?;
        let readings = self.readers.read(&text, PieceEnd::Cut);
        self.line = Line::ReadGrowing;
        self.heard = text;
        Some(Growth {
            part: self.part,
            origin: self.origin,
            at,
            readings,
        })
    }
}

impl Part {
    fn of(kind: StepKind, index: u32) -> Option<Self> {
        match kind {
            StepKind::DatasetInitializer => Some(Self::Dataset),
            StepKind::ModelInitializer => Some(Self::Model),
            StepKind::Launcher => Some(Self::Node(0)),
            StepKind::Trainer => Some(Self::Node(index)),
            // Their program speaks through the launcher, or is none that trains.
            StepKind::Worker | StepKind::Other => None,
        }
    }

    const fn node(self) -> u32 {
        match self {
            Self::Node(node) => node,
            Self::Dataset | Self::Model => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::logs::{
        instance::Outcome,
        record::{LineEnd, SourceEnd},
        stamp::at,
    };

    /// A job of two nodes whose trainers started at 1000.
    fn job() -> JobObservation {
        let mut objects: Value =
            serde_json::from_str(include_str!("../train_job/objects/pair.json")).unwrap();
        let started = json!({"running": {"startedAt": "1970-01-01T00:16:40Z"}});
        for pod in objects["pods"].as_array_mut().unwrap() {
            for container in pod["status"]["containerStatuses"].as_array_mut().unwrap() {
                container["state"] = started.clone();
            }
        }
        JobObservation::of_objects(&objects)
    }

    /// A board that has seen the job, and opened these steps as sources 0, 1, and so on.
    fn board(steps: &[&str]) -> Board {
        let mut board = Board::new();
        board.observe(&job());
        for (step, number) in steps.iter().zip(0..) {
            open(&mut board, number, step, 0);
        }
        board
    }

    fn open(board: &mut Board, number: u32, step: &str, attempt: u32) {
        open_pod(board, number, (step, step), attempt);
    }

    fn open_pod(board: &mut Board, number: u32, (step, uid): (&str, &str), attempt: u32) {
        let described = LogSource {
            step: step.to_owned(),
            pod: format!("{step}-pod"),
            pod_uid: uid.to_owned(),
            container: "node".to_owned(),
            node: None,
            attempt,
            round: 0,
        };
        let source = SourceId(number);
        board.heed(&Entry::Opened { source, described }, at(1000));
    }

    fn say(board: &mut Board, number: u32, seconds: i64, text: &str) {
        let entry = Entry::Piece {
            source: SourceId(number),
            stamp: at(seconds),
            part: LinePart::Whole,
            end: LineEnd::Newline,
            text: text.as_bytes(),
        };
        board.heed(&entry, at(seconds));
    }

    fn grow(board: &mut Board, number: u32, now: i64, text: &str) {
        let entry = Entry::Unfinished {
            source: SourceId(number),
            stamp: at(1000),
            text: text.as_bytes(),
        };
        board.heed(&entry, at(now));
    }

    fn bar(done: u32) -> String {
        format!("Training: {done}%|##| {done}/100 [00:10<00:10, 5.00it/s, loss=0.5]")
    }

    fn whole_at(board: &mut Board, now: i64) -> Option<(f64, i64)> {
        let training = board.standings(at(now)).training.training?;
        Some((training.whole?, training.at.seconds))
    }

    #[test]
    fn the_first_node_leads_and_is_named() {
        let mut board = board(&["node-0", "node-1"]);
        say(&mut board, 1, 1001, &bar(50));
        assert_eq!(board.standings(at(1002)).speaker.as_deref(), Some("node-1"));
        say(&mut board, 0, 1002, &bar(40));
        let standings = board.standings(at(1003));
        assert_eq!(standings.speaker.as_deref(), Some("node-0"));
        assert!(standings.training.training.is_some());
    }

    #[test]
    fn a_step_that_nobody_knows_and_a_helper_are_not_listened_to() {
        let mut board = board(&["node-0/istio-proxy", "logger-0"]);
        say(&mut board, 0, 1001, &bar(50));
        say(&mut board, 1, 1001, &bar(50));
        assert_eq!(board.standings(at(1002)), Standings::default());
    }

    #[test]
    fn a_line_that_grows_is_of_the_moment_at_which_it_came() {
        let mut board = board(&["node-0"]);
        let growing = format!("\r{}\r{}\r 3", bar(1), bar(30));
        grow(&mut board, 0, 1050, &growing);
        assert_eq!(whole_at(&mut board, 1050), None);
        assert_eq!(whole_at(&mut board, 1051), Some((0.3, 1050)));
        // The same again, as after a stream was opened anew, is no news.
        grow(&mut board, 0, 1090, &growing);
        assert_eq!(whole_at(&mut board, 1091), Some((0.3, 1050)));
        // Its stamp is that of its beginning, and its end is younger.
        let text = format!("\r{}\r{}", bar(30), bar(40));
        let entry = Entry::Piece {
            source: SourceId(0),
            stamp: at(1000),
            part: LinePart::Whole,
            end: LineEnd::Newline,
            text: text.as_bytes(),
        };
        board.heed(&entry, at(1095));
        assert_eq!(whole_at(&mut board, 1096), Some((0.4, 1095)));
    }

    #[test]
    fn what_was_written_before_anybody_followed_keeps_its_own_time() {
        let mut board = board(&["node-0"]);
        grow(&mut board, 0, 5000, &format!("\r{}\r 3", bar(30)));
        say(&mut board, 0, 1007, &bar(31));
        assert_eq!(whole_at(&mut board, 5001), Some((0.31, 1007)));
    }

    #[test]
    fn the_last_of_a_line_that_grew_is_read_when_its_source_ends() {
        let mut board = board(&["node-0"]);
        grow(&mut board, 0, 1050, &format!("\r{}\r 3", bar(30)));
        let end = SourceEnd {
            outcome: Outcome::Incomplete,
            reconnects: 0,
        };
        let source = SourceId(0);
        board.heed(&Entry::Ended { source, end }, at(1050));
        assert_eq!(whole_at(&mut board, 1050), Some((0.3, 1050)));
    }

    #[test]
    fn a_new_attempt_begins_anew() {
        let mut board = board(&["node-0"]);
        say(&mut board, 0, 1001, &bar(50));
        open(&mut board, 1, "node-0", 1);
        assert_eq!(whole_at(&mut board, 1002), None);
        say(&mut board, 1, 1003, &bar(2));
        assert_eq!(whole_at(&mut board, 1004), Some((0.02, 1003)));
    }

    #[test]
    fn a_pod_that_takes_anothers_place_begins_anew() {
        let mut board = board(&["node-0", "node-1"]);
        say(&mut board, 0, 1001, &bar(60));
        open_pod(&mut board, 2, ("node-0", "successor"), 0);
        assert_eq!(whole_at(&mut board, 1002), None);
        say(&mut board, 0, 1003, &bar(61));
        assert_eq!(whole_at(&mut board, 1003), None, "of the pod that is gone");
        say(&mut board, 2, 1004, &bar(5));
        assert_eq!(whole_at(&mut board, 1004), Some((0.05, 1004)));
    }

    #[test]
    fn a_job_that_was_deleted_and_made_again_begins_anew() {
        let mut board = board(&["node-0"]);
        say(&mut board, 0, 1001, &bar(100));
        let mut objects: Value =
            serde_json::from_str(include_str!("../train_job/objects/pair.json")).unwrap();
        objects["trainJob"]["metadata"]["uid"] = json!("again");
        let again = JobObservation::of_objects(&objects);
        board.observe(&again);
        open_pod(&mut board, 1, ("node-0", "again-0"), 0);
        say(&mut board, 0, 1002, &bar(100));
        assert_eq!(whole_at(&mut board, 1003), None);
        say(&mut board, 1, 1004, &bar(5));
        board.observe(&again);
        assert_eq!(whole_at(&mut board, 1004), Some((0.05, 1004)));
    }

    #[test]
    fn a_report_of_the_training_leads_unless_it_is_older_than_its_pods() {
        let mut board = board(&["node-0"]);
        say(&mut board, 0, 1001, &bar(50));
        let report = |seconds: i64| {
            let mut objects: Value =
                serde_json::from_str(include_str!("../train_job/objects/pair.json")).unwrap();
            let updated = jiff::Timestamp::from_second(seconds).unwrap().to_string();
            objects["trainJob"]["status"]["trainerStatus"] =
                json!({"progressPercentage": 60, "lastUpdatedTime": updated});
            let seen = JobObservation::of_objects(&objects);
            JobObservation {
                train_job: seen.train_job,
                ..job()
            }
        };
        board.observe(&report(900));
        assert_eq!(whole_at(&mut board, 1010), Some((0.5, 1001)));
        board.observe(&report(1005));
        assert_eq!(whole_at(&mut board, 1010), Some((0.6, 1005)));
        assert_eq!(board.standings(at(1010)).speaker, None);
    }
}
