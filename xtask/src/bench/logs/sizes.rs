//! How large the measurement is. The limits hold for the sizes that are the default; smaller ones show that it works.

use std::path::{Path, PathBuf};

use super::figure::Judging;

const LINES: usize = 600_000;
const PODS: u16 = 1000;
const ROUNDS: usize = 7;
const FOLLOW_SECONDS: u64 = 40;
const STOPPED_SECONDS: u64 = 600;

/// The sizes, and what is measured.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Options of logs")]
pub(crate) struct LogsArgs {
    /// Lines of all pods together
    #[arg(long, default_value_t = LINES)]
    pub(super) lines: usize,
    /// Pods of the large job
    #[arg(long, default_value_t = PODS)]
    pods: u16,
    /// How often each program is run
    #[arg(long, default_value_t = ROUNDS)]
    pub(super) rounds: usize,
    /// Seconds for which stern and kubectl may open followed logs, and for which lines come once all are open
    #[arg(long, default_value_t = FOLLOW_SECONDS)]
    pub(super) follow_seconds: u64,
    /// Seconds after which the memory is looked at while nobody reads what is printed
    #[arg(long, default_value_t = STOPPED_SECONDS)]
    pub(super) stopped_seconds: u64,
    /// Another build of the plugin than the release, to look at
    #[arg(long, value_name = "FILE")]
    plugin: Option<PathBuf>,
}

/// A size that a figure rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    Lines,
    Pods,
    Rounds,
    Follow,
    Stopped,
}

impl LogsArgs {
    /// The plugin to measure, when it is not to be built.
    pub(in super::super) fn plugin(&self) -> Option<&Path> {
        self.plugin.as_deref()
    }

    /// How often each program is run, where a few times are enough.
    pub(in super::super) fn rounds(&self) -> usize {
        self.rounds
    }

    /// Whether that is as often as limits ask.
    pub(in super::super) fn judging_of_rounds(&self) -> Judging {
        self.judging(&[Size::Rounds])
    }

    pub(super) fn pods(&self) -> u16 {
        self.pods
    }

    /// Whether a figure that rests on these sizes can be held to its limit.
    pub(super) fn judging(&self, sizes: &[Size]) -> Judging {
        if sizes.iter().any(|size| self.is_reduced(*size)) {
            return Judging::Reduced;
        }
        Judging::Judged
    }

    fn is_reduced(&self, size: Size) -> bool {
        match size {
            Size::Lines => self.lines < LINES,
            Size::Pods => self.pods < PODS,
            Size::Rounds => self.rounds < ROUNDS,
            Size::Follow => self.follow_seconds < FOLLOW_SECONDS,
            Size::Stopped => self.stopped_seconds < STOPPED_SECONDS,
        }
    }

    /// What a row of a reading of all lines begins with.
    pub(super) fn sizes_of_volume(&self, pods: usize) -> String {
        format!("{pods} pods, {} lines", self.lines)
    }
}
