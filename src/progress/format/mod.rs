//! The formats that can be read: one file each, all in [`FORMATS`]. To add one, find real lines with a public source, put
//! them into the corpus with their expected readings, write the file, and add its line to the table.

mod clu;
mod deepspeed;
mod detectron2;
mod epoch_lines;
mod fairseq;
mod flax;
mod hf_trainer;
mod keras;
mod maxtext;
mod megatron;
mod mlx;
mod nanogpt;
mod nemo;
mod openmmlab;
mod pytorch_examples;
mod rich;
mod tensorflow;
mod torchelastic;
mod torchtitan;
mod torchtune;
mod torchvision;
mod tqdm;
mod trees;
mod ultralytics;

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use memchr::memmem::Finder;

use crate::progress::{
    prefix,
    reading::{Kind, Progress},
    segment::{PieceEnd, Segment, segments},
};

/// Reads one framework's lines. Keeps what earlier lines of the same log said, such as the number of epochs.
pub trait ProgressFormat {
    /// `line` is one update without control sequences, launcher's and logger's prefixes.
    fn read(&mut self, line: &str) -> Option<Progress>;
}

/// A row of the table.
pub struct Format {
    pub name: &'static str,
    /// A line without any of these is not looked at.
    anchors: &'static [&'static str],
    begin: fn() -> Box<dyn ProgressFormat + Send>,
}

/// In the order in which they are asked; the first that reads something wins.
pub const FORMATS: &[Format] = &[
    nemo::FORMAT,
    megatron::FORMAT,
    tqdm::FORMAT,
    rich::FORMAT,
    ultralytics::FORMAT,
    hf_trainer::FORMAT,
    keras::FORMAT,
    deepspeed::FORMAT,
    torchtitan::FORMAT,
    torchtune::FORMAT,
    mlx::FORMAT,
    trees::FORMAT,
    pytorch_examples::FORMAT,
    torchvision::FORMAT,
    openmmlab::FORMAT,
    detectron2::FORMAT,
    fairseq::FORMAT,
    clu::FORMAT,
    flax::FORMAT,
    maxtext::FORMAT,
    nanogpt::FORMAT,
    tensorflow::FORMAT,
    epoch_lines::FORMAT,
    torchelastic::FORMAT,
];

/// All anchors at once: most lines have none, and are not looked at any further. None is never the case; without it all
/// lines would be looked at.
static ANY_ANCHOR: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let anchors = FORMATS.iter().flat_map(|format| format.anchors);
    AhoCorasick::new(anchors).ok()
});

/// What a line was read as.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The format's name.
    pub format: &'static str,
    /// The process of the pod that spoke, where the line names it.
    pub rank: Option<u32>,
    pub progress: Progress,
}

impl Reading {
    fn is_of_the_same(&self, other: &Self) -> bool {
        let subject = |reading: &Self| (reading.format, reading.rank, reading.progress.kind);
        subject(self) == subject(other) && self.progress.label == other.progress.label
    }
}

/// The anchors of each format, which all logs share.
static ANCHORS: LazyLock<Vec<Vec<Finder<'static>>>> = LazyLock::new(|| {
    let finders = |format: &Format| format.anchors.iter().map(Finder::new).collect();
    FORMATS.iter().map(finders).collect()
});

/// All formats, for the log of one container.
pub struct Readers {
    /// In the order of [`FORMATS`].
    readers: Vec<Box<dyn ProgressFormat + Send>>,
}

impl Default for Readers {
    fn default() -> Self {
        Self::new()
    }
}

impl Readers {
    pub fn new() -> Self {
        Self {
            readers: FORMATS.iter().map(|format| (format.begin)()).collect(),
        }
    }

    /// Reads a piece of a log: what its last updates say, oldest first. Of updates of one bar only the last is there; a bar
    /// and a line of metrics may well stand in one piece.
    pub fn read(&mut self, piece: &[u8], end: PieceEnd) -> Vec<Reading> {
        if ANY_ANCHOR
            .as_ref()
            .is_some_and(|anchors| !anchors.is_match(piece))
        {
            return Vec::new();
        }
        let mut updates: Vec<Segment<'_>> = segments(piece, end).collect();
        updates.reverse();
        let mut readings: Vec<Reading> = Vec::new();
        for update in &updates {
            let Some(reading) = self.read_segment(update) else {
                continue;
            };
            readings.retain(|before| !before.is_of_the_same(&reading));
            readings.push(reading);
        }
        readings
    }

    fn read_segment(&mut self, segment: &Segment<'_>) -> Option<Reading> {
        let bytes = segment.text.as_bytes();
        let mut bare = None;
        let formats = FORMATS.iter().zip(ANCHORS.iter());
        for ((format, anchors), reader) in formats.zip(&mut self.readers) {
            if !anchors.iter().any(|anchor| anchor.find(bytes).is_some()) {
                continue;
            }
            let bare = *bare.get_or_insert_with(|| prefix::strip(&segment.text));
            if let Some(progress) = reader.read(bare.text) {
                return Some(Reading {
                    format: format.name,
                    rank: bare.rank,
                    progress: checked(progress, segment.is_nested),
                });
            }
        }
        None
    }
}

/// What holds for every format: no rate or fraction that is no number, and a nested bar of unknown kind is an evaluation.
fn checked(mut progress: Progress, is_nested: bool) -> Progress {
    progress.is_nested |= is_nested;
    if progress.is_nested && progress.kind == Kind::Other {
        progress.kind = Kind::Evaluation;
    }
    progress.rate = progress.rate.filter(|rate| rate.is_finite() && *rate > 0.0);
    let is_fraction = |fraction: &f64| (0.0..=1.0).contains(fraction);
    progress.fraction = progress.fraction.filter(is_fraction);
    progress
}
