//! What a user may type after `logs`, under the names that kubectl or stern have for it.

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, ValueEnum};
use jiff::Timestamp;
use regex::{Regex, bytes};

use super::values::{
    parse_bytes_pattern, parse_job, parse_moment, parse_node, parse_pattern, parse_since,
    parse_size, parse_tail,
};
use crate::{
    cli::parse_duration,
    logs::filter::Patterns,
    render::log_line::Stamps,
    train_job::{Helpers, InitContainers, Selection},
};

/// Show the log lines of every node of a TrainJob
///
/// Every line is shown once, in the order of its container, with the name of its step before it: `node-0` and so on, as
/// the Kubeflow SDK names them. Where lines may be missing, a marker says between which two moments and why. With -f it
/// waits for pods that are not there yet, follows restarts, opens again what breaks, and ends with the job: with 0 when
/// it is complete, with 1 when it failed.
///
/// Lines go to standard output, everything else to standard error.
#[derive(clap::Args, Debug, Default)]
pub struct LogsArgs {
    /// TrainJob: its name, the beginning of it, trainjob/NAME, or @last; without one, the only job of the namespace
    #[arg(value_name = "JOB", value_parser = parse_job)]
    pub(super) job: Option<String>,
    #[command(flatten)]
    pub(super) reading: ReadingArgs,
    #[command(flatten)]
    pub(super) sources: SourceArgs,
    #[command(flatten)]
    pub(super) lines: LineArgs,
    #[command(flatten)]
    pub(super) files: FileArgs,
    #[command(flatten)]
    pub(super) progress: ProgressArg,
    #[command(flatten)]
    habits: HabitArgs,
}

/// Following for the sake of the progress alone, what was said before is heard as far as this.
const LINES_BEFORE: u32 = 200;

impl LogsArgs {
    /// What `progress -w` asks for.
    pub(super) fn for_progress(wish: ProgressWish, sources: SourceArgs) -> Self {
        Self {
            reading: ReadingArgs {
                follow: true,
                tail: Some(Tail::Lines(LINES_BEFORE)),
                ..ReadingArgs::default()
            },
            sources,
            progress: ProgressArg { wish },
            ..Self::default()
        }
    }
}

/// The same for every command that follows a job.
#[derive(clap::Args, Clone, Copy, Debug, Default)]
pub(in crate::commands) struct ProgressArg {
    /// How far a job is that is followed: bars on a terminal and lines elsewhere (auto), tty, plain, json events, or none
    #[arg(
        id = "progress",
        long = "progress",
        value_name = "auto|tty|plain|json|none",
        default_value = "auto",
        hide_default_value = true,
        hide_possible_values = true
    )]
    pub(in crate::commands) wish: ProgressWish,
}

/// How the progress of a job is shown that is followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(in crate::commands) enum ProgressWish {
    #[default]
    Auto,
    Tty,
    Plain,
    Json,
    None,
}

/// How much is read.
#[derive(clap::Args, Debug, Default)]
pub(super) struct ReadingArgs {
    /// Follow until the job is over
    #[arg(short, long)]
    pub(super) follow: bool,
    /// Only the last lines of each container that runs already; -1 means all
    #[arg(long, value_name = "LINES", value_parser = parse_tail, allow_negative_numbers = true)]
    pub(super) tail: Option<Tail>,
    /// Only lines younger than this, such as 90s or 2h
    #[arg(long, value_name = "DURATION", value_parser = parse_since)]
    pub(super) since: Option<Duration>,
    /// Only lines since this moment, such as 2026-11-21T11:55:00Z
    #[arg(long, value_name = "TIME", value_parser = parse_moment, conflicts_with = "since")]
    pub(super) since_time: Option<Timestamp>,
    /// Also the attempt before the present one of each container
    #[arg(short, long)]
    pub(super) previous: bool,
}

/// `--tail`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tail {
    All,
    Lines(u32),
}

/// Whose lines are shown.
#[derive(clap::Args, Debug, Default)]
#[command(next_help_heading = "Whose lines")]
pub(super) struct SourceArgs {
    /// Only this step, such as dataset-initializer, node-0 or node; may be repeated, or a list with commas
    #[arg(long, value_name = "STEP", value_delimiter = ',')]
    step: Vec<String>,
    /// Only this node, by its number; may be repeated, or a list with commas
    #[arg(long, value_name = "NUMBER", value_delimiter = ',', value_parser = parse_node)]
    node: Vec<u32>,
    /// Only containers whose name matches
    #[arg(short, long, value_name = "REGEX", value_parser = parse_pattern)]
    container: Option<Regex>,
    /// Not containers whose name matches
    #[arg(short = 'E', long, value_name = "REGEX", value_parser = parse_pattern)]
    exclude_container: Option<Regex>,
    /// Also sidecars, and pods that only serve the others
    #[arg(long)]
    all_containers: bool,
    /// Also init containers
    #[arg(long)]
    init_containers: bool,
}

impl SourceArgs {
    /// Without names, all.
    pub(super) fn of_steps(step: Vec<String>) -> Self {
        Self {
            step,
            ..Self::default()
        }
    }

    pub(super) fn of_nobody() -> Self {
        Self {
            // Every name matches.
            exclude_container: Regex::new("").ok(),
            ..Self::default()
        }
    }

    pub(super) fn selection(&self) -> Selection {
        Selection {
            steps: self.step.clone(),
            nodes: self.node.clone(),
            containers: self.container.clone(),
            exclude_containers: self.exclude_container.clone(),
            helpers: if self.all_containers {
                Helpers::Shown
            } else {
                Helpers::Hidden
            },
            init_containers: if self.init_containers || self.all_containers {
                InitContainers::Shown
            } else {
                InitContainers::Hidden
            },
        }
    }
}

/// Which lines are shown, and how.
#[derive(clap::Args, Debug, Default)]
#[command(next_help_heading = "Lines")]
pub(super) struct LineArgs {
    /// Only lines that match; may be repeated: one match is enough
    #[arg(short, long, value_name = "REGEX", value_parser = parse_bytes_pattern, action = ArgAction::Append)]
    include: Vec<bytes::Regex>,
    /// Not lines that match; may be repeated
    #[arg(short, long, value_name = "REGEX", value_parser = parse_bytes_pattern, action = ArgAction::Append)]
    exclude: Vec<bytes::Regex>,
    /// Let stand out what matches; may be repeated
    #[arg(short = 'H', long, value_name = "REGEX", value_parser = parse_bytes_pattern, action = ArgAction::Append)]
    highlight: Vec<bytes::Regex>,
    /// Sort the lines of all nodes by time; with -f, as far as they come within this time of each other
    #[arg(
        long,
        value_name = "WINDOW",
        value_parser = parse_duration,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "2s"
    )]
    pub(super) merge: Option<Duration>,
    /// When each line was written, in UTC: full, or short without year and fraction
    #[arg(
        short,
        long,
        value_name = "full|short",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "full",
        hide_possible_values = true
    )]
    timestamps: Option<StampFormat>,
    /// Format: text, json (one object a line), or raw (the lines and nothing else)
    #[arg(
        short,
        long,
        value_name = "FORMAT",
        default_value = "text",
        hide_possible_values = true,
        hide_default_value = true
    )]
    pub(super) output: Format,
    /// Nothing beside lines but where some may be missing, and errors
    #[arg(long)]
    pub(super) only_log_lines: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    #[default]
    Text,
    Json,
    Raw,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum StampFormat {
    #[value(alias = "default")]
    Full,
    Short,
}

impl LineArgs {
    pub(super) fn patterns(&self) -> Patterns {
        Patterns {
            include: self.include.clone(),
            exclude: self.exclude.clone(),
            highlight: self.highlight.clone(),
        }
    }

    pub(super) const fn stamps(&self) -> Stamps {
        match self.timestamps {
            None => Stamps::Hidden,
            Some(StampFormat::Full) => Stamps::Full,
            Some(StampFormat::Short) => Stamps::Short,
        }
    }
}

/// What becomes of the lines.
#[derive(clap::Args, Debug, Default)]
#[command(next_help_heading = "Files and limits")]
pub(super) struct FileArgs {
    /// Save all that is read in this new folder: for each node its bytes, and an index
    #[arg(long, value_name = "FOLDER")]
    pub(super) save: Option<PathBuf>,
    /// Show what --save has saved, without a cluster
    #[arg(
        long,
        value_name = "FOLDER",
        conflicts_with_all = ["job", "follow", "save", "previous"]
    )]
    pub(super) from: Option<PathBuf>,
    /// What may wait on disk while the terminal does not take it, such as 1GiB; the default is 256MiB
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(super) buffer: Option<u64>,
    /// End with 1 where lines may be missing
    #[arg(long)]
    pub(super) strict: bool,
}

/// What users of kubectl and stern are used to type, and what holds here anyway.
#[derive(clap::Args, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "flags that mean nothing, so that none can be taken for another"
)]
struct HabitArgs {
    #[arg(long, hide = true, conflicts_with = "follow")]
    no_follow: bool,
    #[arg(long, hide = true, value_name = "NUMBER")]
    max_log_requests: Option<i32>,
    #[arg(long, hide = true)]
    ignore_errors: bool,
    #[arg(long, hide = true)]
    all_pods: bool,
    #[arg(long, hide = true)]
    prefix: bool,
}
