//! A job's progress for machines: phases, how far each step is, and how a run ended, one JSON object a line.
//! `docs/schemas/progress.schema.json` is the contract.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde::Serialize;

use super::{progress_rows::JobProgress, progress_words::age};
use crate::{
    logs::stamp::Stamp,
    progress::{
        board::Standings,
        reading::{Count, Epoch, Role},
        tracker::{Activity, LastValue, Source, Training},
    },
    train_job::{Phase, PhaseState},
};

/// A phase of a job.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PhaseObject<'a> {
    phase: &'static str,
    state: &'static str,
    began: Option<String>,
    ended: Option<String>,
    nodes: Option<NodesObject>,
    /// What the job waits for, for people.
    waiting_for: Option<&'a str>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct NodesObject {
    reached: usize,
    wanted: usize,
}

/// How far everything is that a job does.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StandingsObject<'a> {
    training: Option<TrainingObject<'a>>,
    /// What goes on beside the training, or before anything is known of it.
    activity: Option<ActivityObject<'a>>,
    dataset: Option<ActivityObject<'a>>,
    model: Option<ActivityObject<'a>>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TrainingObject<'a> {
    whole: Option<f64>,
    part: Option<f64>,
    step: Option<CountObject>,
    epoch: Option<EpochObject>,
    steps_per_second: Option<f64>,
    /// At `source_time`.
    remaining_seconds: Option<u64>,
    metrics: BTreeMap<&'a str, MetricObject>,
    finished: bool,
    source: &'static str,
    /// Of a log.
    format: Option<&'static str>,
    node: Option<&'a str>,
    rank: Option<u32>,
    source_time: String,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct CountObject {
    done: u64,
    total: Option<u64>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct EpochObject {
    stated: f64,
    total: Option<f64>,
}

#[derive(Clone, Debug, Serialize)]
struct MetricObject {
    value: MetricValue,
    time: String,
    role: Option<&'static str>,
}

/// JSON has no word for what is no number.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(untagged)]
enum MetricValue {
    Number(f64),
    Word(&'static str),
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ActivityObject<'a> {
    kind: &'static str,
    label: &'a str,
    step: Option<CountObject>,
    steps_per_second: Option<f64>,
    remaining_seconds: Option<u64>,
    source_time: String,
}

impl<'a> PhaseObject<'a> {
    pub fn of(phase: &'a Phase) -> Self {
        let time = |moment: Option<Timestamp>| moment.map(|moment| moment.to_string());
        Self {
            phase: phase.kind.name(),
            state: match phase.state {
                PhaseState::Waiting => "waiting",
                PhaseState::Running => "running",
                PhaseState::Finished => "finished",
                PhaseState::Failed => "failed",
            },
            began: time(phase.began),
            ended: time(phase.ended),
            nodes: phase.nodes.map(|nodes| NodesObject {
                reached: nodes.reached,
                wanted: nodes.wanted,
            }),
            waiting_for: phase.why.as_ref().map(|wait| wait.text.as_str()),
        }
    }
}

impl<'a> StandingsObject<'a> {
    pub fn of(standings: &'a Standings) -> Self {
        let activity = |activity: &'a Option<Activity>| activity.as_ref().map(ActivityObject::of);
        let training = standings.training.training.as_ref();
        Self {
            training: training.map(|training| TrainingObject::of(training, standings)),
            activity: activity(&standings.training.activity),
            dataset: activity(&standings.dataset),
            model: activity(&standings.model),
        }
    }

    /// Whether any step said anything.
    const fn is_empty(&self) -> bool {
        self.training.is_none()
            && self.activity.is_none()
            && self.dataset.is_none()
            && self.model.is_none()
    }
}

impl<'a> TrainingObject<'a> {
    fn of(training: &'a Training, standings: &'a Standings) -> Self {
        let (source, format, rank) = match training.source {
            Source::TrainerStatus => ("trainer-status", None, None),
            Source::Log { format, rank, .. } => ("log", Some(format), Some(rank)),
        };
        let metrics = training.metrics.iter();
        Self {
            whole: training.whole,
            part: training.part,
            step: training.step.map(CountObject::of),
            epoch: training.epoch.map(EpochObject::of),
            steps_per_second: training.rate,
            remaining_seconds: training.remaining.map(|remaining| remaining.as_secs()),
            metrics: metrics
                .map(|(name, last)| (name.as_str(), MetricObject::of(name, *last)))
                .collect(),
            finished: training.is_finished,
            source,
            format,
            node: standings.speaker.as_deref(),
            rank,
            source_time: training.at.to_string(),
        }
    }
}

impl CountObject {
    const fn of(count: Count) -> Self {
        Self {
            done: count.done,
            total: count.total,
        }
    }
}

impl EpochObject {
    const fn of(epoch: Epoch) -> Self {
        Self {
            stated: epoch.stated,
            total: epoch.total,
        }
    }
}

impl MetricObject {
    fn of(name: &str, last: LastValue) -> Self {
        let value = match last.value {
            value if value.is_finite() => MetricValue::Number(value),
            value if value.is_nan() => MetricValue::Word("NaN"),
            value if value > 0.0 => MetricValue::Word("Infinity"),
            _ => MetricValue::Word("-Infinity"),
        };
        Self {
            value,
            time: last.at.to_string(),
            role: Role::of(name).map(role_word),
        }
    }
}

impl<'a> ActivityObject<'a> {
    fn of(activity: &'a Activity) -> Self {
        Self {
            kind: activity.kind.name(),
            label: &activity.label,
            step: activity.step.map(CountObject::of),
            steps_per_second: activity.rate,
            remaining_seconds: activity.remaining.map(|remaining| remaining.as_secs()),
            source_time: activity.at.to_string(),
        }
    }
}

const fn role_word(role: Role) -> &'static str {
    match role {
        Role::Loss => "loss",
        Role::ValidationLoss => "validation-loss",
        Role::Accuracy => "accuracy",
        Role::ValidationAccuracy => "validation-accuracy",
        Role::LearningRate => "learning-rate",
        Role::GradientNorm => "gradient-norm",
        Role::Throughput => "throughput",
    }
}

/// Which job the events are about.
#[derive(Clone, Debug, Serialize)]
pub struct EventJob {
    pub namespace: String,
    pub job: String,
}

/// What every event has.
#[derive(Serialize)]
struct Event<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    time: String,
    #[serde(flatten)]
    job: &'a EventJob,
    #[serde(flatten)]
    body: Body<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Body<'a> {
    Phase(&'a PhaseObject<'a>),
    #[serde(rename_all = "camelCase")]
    Progress {
        #[serde(flatten)]
        standings: &'a StandingsObject<'a>,
        /// Of what is said of the training.
        source_age_seconds: Option<f64>,
    },
    Notice {
        text: &'a str,
    },
    Heartbeat {
        following: u64,
        lines: u64,
    },
    #[serde(rename_all = "camelCase")]
    End {
        outcome: &'a str,
        seconds: f64,
        exit_code: u8,
    },
}

/// What is said when nothing happens.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// Sources that are read.
    pub following: u64,
    /// That were read so far.
    pub lines: u64,
}

/// How a run ended.
#[derive(Clone, Copy, Debug)]
pub struct RunEnd<'a> {
    /// In a word of the schema.
    pub outcome: &'a str,
    pub took: Duration,
    pub exit_code: u8,
}

/// Says what has changed since it was said last, an event a line.
#[derive(Debug)]
pub struct ProgressEvents {
    job: EventJob,
    /// Each phase as it was told, without the moment.
    phases: BTreeMap<&'static str, String>,
    standings: String,
}

impl ProgressEvents {
    pub const fn new(job: EventJob) -> Self {
        Self {
            job,
            phases: BTreeMap::new(),
            standings: String::new(),
        }
    }

    /// What is new of the phases. Those that have not begun are told as soon as they are known.
    pub fn phases(&mut self, phases: &[Phase], now: Timestamp) -> Vec<String> {
        let mut events = Vec::new();
        for phase in phases {
            let object = PhaseObject::of(phase);
            let text = json(&object);
            if self.phases.get(object.phase) != Some(&text) {
                self.phases.insert(object.phase, text);
                events.push(self.event("phase", Body::Phase(&object), now));
            }
        }
        events
    }

    /// What is new of how far the steps are.
    pub fn progress(&mut self, progress: JobProgress<'_>, now: Timestamp) -> Option<String> {
        let standings = StandingsObject::of(progress.standings);
        let text = json(&standings);
        if text == self.standings || (standings.is_empty() && self.standings.is_empty()) {
            return None;
        }
        self.standings = text;
        let training = progress.standings.training.training.as_ref();
        let since = |training: &Training| age(training.at, Stamp::from(now)).as_secs_f64();
        let body = Body::Progress {
            standings: &standings,
            source_age_seconds: training.map(since),
        };
        Some(self.event("progress", body, now))
    }

    /// What is said to people.
    pub fn notice(&self, text: &str, now: Timestamp) -> String {
        self.event("notice", Body::Notice { text }, now)
    }

    pub fn heartbeat(&self, reading: Reading, now: Timestamp) -> String {
        let Reading { following, lines } = reading;
        self.event("heartbeat", Body::Heartbeat { following, lines }, now)
    }

    /// The last event.
    pub fn end(&self, end: RunEnd<'_>, now: Timestamp) -> String {
        let body = Body::End {
            outcome: end.outcome,
            seconds: end.took.as_secs_f64(),
            exit_code: end.exit_code,
        };
        self.event("end", body, now)
    }

    fn event(&self, kind: &'static str, body: Body<'_>, now: Timestamp) -> String {
        json(&Event {
            kind,
            time: now.to_string(),
            job: &self.job,
            body,
        })
    }
}

/// Writing these types to memory cannot fail.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::Value;
    use snapbox::{assert_data_eq, str};

    use super::*;
    use crate::{
        progress::{reading::Kind, tracker::Standing},
        train_job::{NodeCount, PhaseKind, Wait, Weight},
    };

    fn time(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn events() -> ProgressEvents {
        ProgressEvents::new(EventJob {
            namespace: "team".to_owned(),
            job: "train".to_owned(),
        })
    }

    fn waits() -> Phase {
        Phase {
            kind: PhaseKind::Scheduling,
            state: PhaseState::Running,
            began: Some(time(1)),
            ended: None,
            nodes: Some(NodeCount {
                reached: 0,
                wanted: 2,
            }),
            why: Some(Wait {
                weight: Weight::Standing,
                topic: "no node fits".to_owned(),
                text: "node-0: no node fits".to_owned(),
            }),
        }
    }

    fn standings() -> Standings {
        let last = |value| LastValue {
            value,
            at: time(8).into(),
        };
        let metrics = [("loss", f64::NAN), ("speed", 0.5)];
        let training = Training {
            whole: Some(0.25),
            part: None,
            step: Some(Count::new(25, Some(100))),
            epoch: Some(Epoch::numbered(1)),
            rate: Some(2.5),
            remaining: Some(Duration::from_secs(30)),
            metrics: metrics
                .map(|(name, value)| (name.to_owned(), last(value)))
                .into(),
            is_finished: false,
            source: Source::Log {
                format: "tqdm",
                node: 0,
                rank: 3,
            },
            at: time(8).into(),
        };
        let activity = Activity {
            kind: Kind::Evaluation,
            label: "Evaluating".to_owned(),
            step: None,
            rate: None,
            remaining: None,
            node: 0,
            at: time(9).into(),
        };
        Standings {
            training: Standing {
                training: Some(training),
                activity: Some(activity),
            },
            speaker: Some("node-0".to_owned()),
            ..Standings::default()
        }
    }

    #[track_caller]
    fn assert_follows_schema(events: &[String]) {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/docs/schemas/progress.schema.json"
        );
        let schema: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        for event in events {
            let event: Value = serde_json::from_str(event).unwrap();
            let errors: Vec<_> = validator.iter_errors(&event).collect();
            assert!(errors.is_empty(), "{event}: {errors:#?}");
        }
    }

    #[test]
    fn every_event_has_its_job_and_follows_the_schema() {
        let mut all = events();
        let standings = standings();
        let progress = JobProgress {
            phases: &[],
            standings: &standings,
        };
        let mut said = all.phases(&[waits()], time(10));
        said.extend(all.progress(progress, time(10)));
        said.push(all.notice("following node-0", time(11)));
        let reading = Reading {
            following: 2,
            lines: 1000,
        };
        said.push(all.heartbeat(reading, time(41)));
        let end = RunEnd {
            outcome: "Complete",
            took: Duration::from_millis(41_500),
            exit_code: 0,
        };
        said.push(all.end(end, time(42)));
        assert_follows_schema(&said);
        assert_data_eq!(
            said.join("\n"),
            str![[r#"
{"type":"phase","time":"1970-01-01T00:00:10Z","namespace":"team","job":"train","phase":"scheduling","state":"running","began":"1970-01-01T00:00:01Z","ended":null,"nodes":{"reached":0,"wanted":2},"waitingFor":"node-0: no node fits"}
{"type":"progress","time":"1970-01-01T00:00:10Z","namespace":"team","job":"train","training":{"whole":0.25,"part":null,"step":{"done":25,"total":100},"epoch":{"stated":1.0,"total":null},"stepsPerSecond":2.5,"remainingSeconds":30,"metrics":{"loss":{"value":"NaN","time":"1970-01-01T00:00:08.000000000Z","role":"loss"},"speed":{"value":0.5,"time":"1970-01-01T00:00:08.000000000Z","role":null}},"finished":false,"source":"log","format":"tqdm","node":"node-0","rank":3,"sourceTime":"1970-01-01T00:00:08.000000000Z"},"activity":{"kind":"evaluation","label":"Evaluating","step":null,"stepsPerSecond":null,"remainingSeconds":null,"sourceTime":"1970-01-01T00:00:09.000000000Z"},"dataset":null,"model":null,"sourceAgeSeconds":2.0}
{"type":"notice","time":"1970-01-01T00:00:11Z","namespace":"team","job":"train","text":"following node-0"}
{"type":"heartbeat","time":"1970-01-01T00:00:41Z","namespace":"team","job":"train","following":2,"lines":1000}
{"type":"end","time":"1970-01-01T00:00:42Z","namespace":"team","job":"train","outcome":"Complete","seconds":41.5,"exitCode":0}
"#]]
        );
    }

    #[test]
    fn only_what_has_changed_is_an_event() {
        let mut events = events();
        assert_eq!(events.phases(&[waits()], time(10)).len(), 1);
        assert!(events.phases(&[waits()], time(11)).is_empty());
        let over = Phase {
            why: None,
            ..waits()
        };
        assert_eq!(events.phases(&[over], time(12)).len(), 1);
        let (nothing, some) = (Standings::default(), standings());
        let progress = |standings| JobProgress {
            phases: &[],
            standings,
        };
        assert_eq!(events.progress(progress(&nothing), time(12)), None);
        assert!(events.progress(progress(&some), time(12)).is_some());
        // Not even a metric that is no number.
        assert_eq!(events.progress(progress(&some), time(13)), None);
        assert!(events.progress(progress(&nothing), time(14)).is_some());
        assert_eq!(events.progress(progress(&nothing), time(15)), None);
    }
}
