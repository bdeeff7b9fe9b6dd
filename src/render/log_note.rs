//! What is said beside the lines of a log: where lines may be missing, which steps are followed, and how it all ended.

use std::{collections::HashSet, time::Duration};

use crate::{
    logs::{record::GapReason, stamp::Stamp, tally::Tally},
    prose,
    style::{Role, Style},
};

/// More steps than this are counted and not named.
const NAMED: usize = 8;

/// The marker of a hole, on a line of its own.
pub fn render_gap(
    step: &str,
    (after, before): (Option<Stamp>, Option<Stamp>),
    reason: GapReason,
    style: Style,
) -> String {
    let place = match (after, before) {
        (Some(after), Some(before)) => format!(" between {after} and {before}"),
        (Some(after), None) => format!(" after {after}"),
        (None, Some(before)) => format!(" before {before}"),
        (None, None) => String::new(),
    };
    let why = gap_words(reason);
    let text = format!("--- lines may be missing from {step}{place} ({why}) ---");
    style.paint(Role::Warning, &text)
}

const fn gap_words(reason: GapReason) -> &'static str {
    match reason {
        GapReason::Rotated => "log rotated",
        GapReason::OutOfReach => "two restarts later",
        GapReason::PodGone => "pod gone",
        GapReason::NodeLost => "node lost",
        GapReason::NoAnswer => "no answer",
        GapReason::BufferFull => "buffer full: --buffer takes more",
    }
}

/// The marker of attempts that nobody saw.
pub fn render_skipped(step: &str, attempts: u32, style: Style) -> String {
    let text = match attempts {
        1 => format!("--- one attempt of {step} came and went unseen ---"),
        several => format!("--- {several} attempts of {step} came and went unseen ---"),
    };
    style.paint(Role::Warning, &text)
}

/// What the kubelet or the API server says in place of the container.
pub fn render_message(step: &str, text: &[u8], style: Style) -> String {
    let text = prose::visible(String::from_utf8_lossy(text).trim_end());
    format!("{} {text}", style.paint(Role::Muted, &format!("{step}:")))
}

/// Whether something happened, and whether it belongs before the lines that follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    None,
    Expected,
    Pressing,
}

/// What happened to several steps since the last note, each kind on one line.
#[derive(Debug, Default)]
pub struct Notes {
    /// Steps that were not there before.
    started: Vec<String>,
    /// Steps of which another attempt or pod runs now.
    restarted: Vec<String>,
    ended: Vec<String>,
    known: HashSet<String>,
    /// Steps that are there, before anything could be read: perhaps nothing may be.
    unheard: Vec<String>,
    hearing: Hearing,
}

/// Whether anything could be read yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Hearing {
    #[default]
    Nothing,
    Something,
}

impl Notes {
    /// A step has something to read. Who may read one may mostly read all: until then none is said to be followed.
    pub fn open(&mut self, step: &str) -> News {
        match self.hearing {
            Hearing::Something => self.start(step),
            Hearing::Nothing => {
                self.unheard.push(step.to_owned());
                News::None
            }
        }
    }

    /// The step can be read.
    pub fn hear(&mut self, _step: &str) -> News {
        if self.hearing == Hearing::Something {
            return News::None;
        }
        self.hearing = Hearing::Something;
        for step in std::mem::take(&mut self.unheard) {
            self.start(&step);
        }
        News::Pressing
    }

    /// The step may not be read, so that it never was followed.
    pub fn refuse(&mut self, step: &str) -> News {
        for steps in [&mut self.unheard, &mut self.started] {
            steps.retain(|known| known != step);
        }
        News::None
    }

    fn start(&mut self, step: &str) -> News {
        if self.known.insert(step.to_owned()) {
            self.started.push(step.to_owned());
            return News::Expected;
        }
        push_new(&mut self.restarted, step);
        if self.started.iter().any(|started| started == step) {
            News::Expected
        } else {
            News::Pressing
        }
    }

    pub fn end(&mut self, step: &str) -> News {
        if !self.known.contains(step) {
            return News::None;
        }
        push_new(&mut self.ended, step);
        News::Expected
    }

    pub const fn is_empty(&self) -> bool {
        self.started.is_empty() && self.restarted.is_empty() && self.ended.is_empty()
    }

    /// One line for each kind that happened, and a clean slate. A step that ended and was started again was restarted.
    pub fn take(&mut self, style: Style) -> Vec<String> {
        let Self {
            started,
            mut restarted,
            mut ended,
            known,
            unheard,
            hearing,
        } = std::mem::take(self);
        (self.known, self.unheard, self.hearing) = (known, unheard, hearing);
        ended.retain(|step| !restarted.contains(step));
        // What had restarted before anybody looked is not news.
        restarted.retain(|step| !started.contains(step));
        let kinds = [
            ("following", started),
            ("restarted:", restarted),
            ("ended:", ended),
        ];
        let kinds = kinds.iter().filter(|(_, steps)| !steps.is_empty());
        kinds
            .map(|(word, steps)| style.paint(Role::Muted, &format!("{word} {}", list_steps(steps))))
            .collect()
    }
}

fn push_new(steps: &mut Vec<String>, step: &str) {
    if !steps.iter().any(|known| known == step) {
        steps.push(step.to_owned());
    }
}

/// `node-0 to node-999`, or the names, or how many there are.
pub fn list_steps(steps: &[String]) -> String {
    if let Some(range) = range(steps) {
        return range;
    }
    let mut steps = steps.to_vec();
    steps.sort_by_cached_key(|step| numbered(step).unwrap_or_else(|| (step.clone(), 0)));
    if steps.len() <= NAMED {
        return steps.join(", ");
    }
    format!(
        "{} and {} more",
        steps[..NAMED].join(", "),
        steps.len() - NAMED
    )
}

/// `node-12` as `node` and 12.
fn numbered(step: &str) -> Option<(String, usize)> {
    let (name, number) = step.rsplit_once('-')?;
    Some((name.to_owned(), number.parse().ok()?))
}

/// The first and last name, where all the numbers between are there.
fn range(steps: &[String]) -> Option<String> {
    if steps.len() < 3 {
        return None;
    }
    let mut numbered = steps
        .iter()
        .map(|step| numbered(step))
        .collect::<Option<Vec<_>>>()?;
    numbered.sort_unstable();
    let ((first_name, first), (last_name, last)) = (numbered.first()?, numbered.last()?);
    let whole = first_name == last_name && last - first + 1 == steps.len();
    whole.then(|| format!("{first_name}-{first} to {last_name}-{last}"))
}

/// How a run ended, for its summary.
#[derive(Clone, Copy, Debug)]
pub struct SummaryEnd<'a> {
    /// Steps whose pods are gone, and their logs with them.
    pub gone: &'a [String],
    /// None where it is of no interest.
    pub took: Option<Duration>,
    pub outcome: &'a str,
}

/// Said where the pods of a job that is over are gone.
pub fn render_gone(gone: &[String]) -> String {
    format!(
        "the pods of {} are gone, and their logs with them",
        list_steps(gone)
    )
}

/// Said where there never was a pod to read.
pub fn render_never(job: &str) -> String {
    format!("TrainJob \"{job}\" ended before it had a pod: there is nothing to read")
}

/// Said at the end where none of the containers was asked for.
pub fn render_other_containers(there: &[String]) -> String {
    format!(
        "no container is called as it was asked for; there are: {}",
        list_steps(there)
    )
}

/// What is said where nothing else was for long.
pub fn render_heartbeat(tally: &Tally, awaited: Option<&str>) -> String {
    let lines = counted(tally.lines, "line");
    match (tally.being_read(), awaited) {
        (0, Some(awaited)) => format!("still waiting ({awaited}); {lines} so far"),
        (0, None) => format!("still waiting for the job; {lines} so far"),
        (followed, _) => format!(
            "still following {}; {lines} so far",
            counted(followed, "container")
        ),
    }
}

/// `2 nodes · 1,203,441 lines · 7 reconnects · no gaps · 12m03s · Complete`
pub fn render_summary(tally: &Tally, shown: Option<u64>, end: SummaryEnd<'_>) -> String {
    let SummaryEnd {
        gone,
        took,
        outcome,
    } = end;
    let steps = tally.steps();
    let noun = if steps
        .iter()
        .all(|step| step.starts_with("node-") && !step.contains('/'))
    {
        "node"
    } else {
        "step"
    };
    let mut parts = vec![
        counted(steps.len() as u64, noun),
        match shown {
            None => counted(tally.lines, "line"),
            Some(shown) => format!("{}, {} shown", counted(tally.lines, "line"), grouped(shown)),
        },
        counted(tally.reconnects, "reconnect"),
        match (tally.gaps, gone) {
            (0, []) => "no gaps".to_owned(),
            (0, gone) => format!("logs of {} gone", counted(gone.len() as u64, "step")),
            (gaps, _) => counted(gaps, "gap"),
        },
    ];
    if tally.skipped > 0 {
        parts.push(format!("{} unseen", counted(tally.skipped, "attempt")));
    }
    parts.extend(took.map(render_span));
    if !outcome.is_empty() {
        parts.push(outcome.to_owned());
    }
    parts.join(" · ")
}

/// `1 line`, `1,203,441 lines`.
pub fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(number))
}

pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A time that passed: `4.2s`, `12m03s`, `1h02m`.
fn render_span(span: Duration) -> String {
    let seconds = span.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, _) => format!("{:.1}s", span.as_secs_f64()),
        (0, minutes, seconds) => format!("{minutes}m{seconds:02}s"),
        (hours, minutes, _) => format!("{hours}h{minutes:02}m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::record::{Entry, LogSource, SourceId};

    #[test]
    fn a_gap_names_its_two_moments_and_its_reason() {
        let at = |seconds| {
            Some(Stamp {
                seconds,
                nanoseconds: 0,
            })
        };
        let gap = |span, reason| render_gap("node-1", span, reason, Style::Plain);
        assert_eq!(
            gap((at(0), at(1)), GapReason::Rotated),
            "--- lines may be missing from node-1 between 1970-01-01T00:00:00.000000000Z and \
             1970-01-01T00:00:01.000000000Z (log rotated) ---"
        );
        assert_eq!(
            gap((at(0), None), GapReason::NodeLost),
            "--- lines may be missing from node-1 after 1970-01-01T00:00:00.000000000Z (node lost) ---"
        );
        assert_eq!(
            gap((None, at(0)), GapReason::OutOfReach),
            "--- lines may be missing from node-1 before 1970-01-01T00:00:00.000000000Z (two restarts later) ---"
        );
        assert_eq!(
            gap((None, None), GapReason::PodGone),
            "--- lines may be missing from node-1 (pod gone) ---"
        );
        assert_eq!(
            gap((at(0), None), GapReason::NoAnswer),
            "--- lines may be missing from node-1 after 1970-01-01T00:00:00.000000000Z (no answer) ---"
        );
    }

    #[test]
    fn a_message_is_one_line_and_moves_no_cursor() {
        assert_eq!(
            render_message("node-0", b"no such\x1b[2J\nfile\xff\n", Style::Plain),
            "node-0: no such^[[2J\\nfile\u{fffd}"
        );
    }

    #[test]
    fn notes_of_a_thousand_nodes_are_one_line() {
        let mut notes = Notes::default();
        for node in (0..1000).rev() {
            notes.start(&format!("node-{node}"));
        }
        assert_eq!(notes.take(Style::Plain), ["following node-0 to node-999"]);
        assert!(notes.is_empty());
        for node in (0..100).step_by(2) {
            notes.end(&format!("node-{node}"));
        }
        assert_eq!(
            notes.take(Style::Plain),
            [
                "ended: node-0, node-2, node-4, node-6, node-8, node-10, node-12, node-14 and 42 more"
            ]
        );
    }

    #[test]
    fn a_step_that_may_not_be_read_is_neither_followed_nor_ended() {
        let mut notes = Notes::default();
        for step in ["node-0", "node-1"] {
            assert_eq!(notes.open(step), News::None);
        }
        assert_eq!(notes.refuse("node-0"), News::None);
        assert!(notes.is_empty());
        assert_eq!(notes.hear("node-1"), News::Pressing);
        assert_eq!(notes.open("node-2"), News::Expected);
        notes.refuse("node-2");
        assert_eq!(notes.take(Style::Plain), ["following node-1"]);
        assert_eq!(notes.end("node-0"), News::None);
        notes.end("node-1");
        assert_eq!(notes.take(Style::Plain), ["ended: node-1"]);
    }

    #[test]
    fn a_step_that_comes_again_was_restarted() {
        let mut notes = Notes::default();
        notes.start("node-1");
        notes.start("node-0");
        assert_eq!(notes.take(Style::Plain), ["following node-0, node-1"]);
        notes.end("node-1");
        notes.end("node-0");
        notes.start("node-1");
        assert_eq!(
            notes.take(Style::Plain),
            ["restarted: node-1", "ended: node-0"]
        );
    }

    #[test]
    fn the_summary_says_what_was_shown_and_what_is_gone() {
        let summary = |shown, gone: &[&str]| {
            let gone: Vec<_> = gone.iter().map(|step| (*step).to_owned()).collect();
            let end = SummaryEnd {
                gone: &gone,
                took: None,
                outcome: "Failed",
            };
            render_summary(&Tally::default(), shown, end)
        };
        assert_eq!(
            summary(None, &[]),
            "0 nodes · 0 lines · 0 reconnects · no gaps · Failed"
        );
        assert_eq!(
            summary(Some(0), &["node-0", "node-1"]),
            "0 nodes · 0 lines, 0 shown · 0 reconnects · logs of 2 steps gone · Failed"
        );
        assert_eq!(
            render_gone(&["node-1".to_owned(), "node-0".to_owned()]),
            "the pods of node-0, node-1 are gone, and their logs with them"
        );
    }

    #[test]
    fn a_heartbeat_says_what_is_waited_for_or_how_much_is_followed() {
        let mut tally = Tally::default();
        assert_eq!(
            render_heartbeat(&tally, Some("TrainJob a: suspended")),
            "still waiting (TrainJob a: suspended); 0 lines so far"
        );
        tally.count(&Entry::Opened {
            source: SourceId(0),
            described: LogSource {
                step: "node-0".to_owned(),
                pod: String::new(),
                pod_uid: String::new(),
                container: String::new(),
                node: None,
                attempt: 0,
                round: 0,
            },
        });
        assert_eq!(
            render_heartbeat(&tally, Some("TrainJob a: suspended")),
            "still following 1 container; 0 lines so far"
        );
    }

    #[test]
    fn spans_and_numbers_are_easy_to_read() {
        let span = |milliseconds| render_span(Duration::from_millis(milliseconds));
        assert_eq!(
            [span(4_230), span(723_000), span(3_725_000)],
            ["4.2s", "12m03s", "1h02m"]
        );
        assert_eq!(
            [
                counted(1, "line"),
                counted(1_203_441, "line"),
                counted(0, "line")
            ],
            ["1 line", "1,203,441 lines", "0 lines"]
        );
    }
}
