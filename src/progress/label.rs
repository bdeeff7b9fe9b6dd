//! What a bar's description says of what it counts.

use crate::progress::reading::{Epoch, Kind};
use crate::progress::scan::Scan;

/// Words of descriptions and what they mean; the first row with a word that the description contains counts. Each was
/// seen in the corpus.
const MEANINGS: &[(&[&str], Kind)] = &[
    (
        &["upload", "pushing", "writing", "merging", "copying"],
        Kind::Checkpoint,
    ),
    (
        &["download", "fetching", "dl completed", "dl size", "pulling"],
        Kind::Download,
    ),
    (
        &[
            "saving the dataset",
            "resolving data",
            "split",
            "extract",
            "shuffling",
            "flatten",
        ],
        Kind::Dataset,
    ),
    (&["saving"], Kind::Checkpoint),
    (
        &[
            "loading dataset",
            "load datafile",
            "loading files",
            "loading data",
        ],
        Kind::Dataset,
    ),
    (
        &[
            "loading",
            "checkpoint shards",
            "transforming weights",
            "materializing",
            "cuda graph",
        ],
        Kind::ModelLoad,
    ),
    (
        &[
            "token",
            "pack",
            "preprocess",
            "pre-process",
            "convert",
            "group",
            "template",
            "truncat",
        ],
        Kind::Preprocessing,
    ),
    (&["map", "filter", "generating", "cast"], Kind::Dataset),
    (
        &[
            "valid",
            "eval",
            "test",
            "predict",
            "sanity",
            "calculating loss",
            "inference",
            "processed prompts",
            "transcrib",
            "map@",
            "images  instances",
            "images     targets",
        ],
        Kind::Evaluation,
    ),
];

/// Descriptions of a training begin with one of these words.
const TRAINING: &[&str] = &[
    "train",
    "training",
    "epoch",
    "epochs",
    "step",
    "steps",
    "iter",
    "iteration",
    "iterations",
    "fit",
    "finetuning",
    "optimizing",
];

/// Units of bars that count bytes.
const BYTES: &[&str] = &["B", "iB", "byte", "bytes"];

/// What the bar counts.
pub(crate) fn kind(label: &str, unit: &str) -> Kind {
    let lower = label.to_lowercase();
    // `Class  Images  Instances  Box(P … mAP50-95)` has a `map` in it.
    if lower.contains("images") && lower.contains("map") {
        return Kind::Evaluation;
    }
    let known = MEANINGS
        .iter()
        .find(|(words, _)| words.iter().any(|word| lower.contains(word)))
        .map(|(_, kind)| *kind);
    // `tokenizer_config.json:  0%| … B/s` is a file on its way, whatever its name.
    let counts_bytes = BYTES.contains(&unit.trim_start_matches(['k', 'K', 'M', 'G', 'T']));
    if counts_bytes {
        return known
            .filter(|kind| *kind == Kind::Checkpoint)
            .unwrap_or(Kind::Download);
    }
    // Conda's rows: `scipy-1.7.3          | 21.8 MB   | : 100% 1.0/1`.
    if lower.contains(" mb ") || lower.contains(" kb ") {
        return Kind::Download;
    }
    if let Some(kind) = known {
        return kind;
    }
    let first = lower.split(|character: char| !character.is_alphanumeric() && character != '_');
    if first
        .into_iter()
        .find(|word| !word.is_empty())
        .is_some_and(|word| TRAINING.contains(&word))
        || lower.contains("|loss")
        || lower.contains("epochs")
    {
        return Kind::Training;
    }
    match unit {
        "ba" | "examples" | "tables" | "ex" | "splits" | "file" | "files" if label.is_empty() => {
            Kind::Dataset
        }
        _ => Kind::Other,
    }
}

/// A description that a percentage follows, without its number: `Class  Images: 10` of `Class  Images: 100% ━━━`.
pub(crate) fn before_percentage(text: &str) -> &str {
    let text =
        text.trim_end_matches(|character: char| character.is_ascii_digit() || character == '.');
    text.trim_end_matches([':', ' '])
}

/// The epoch in a description: `Epoch 3`, `Epoch 2/4`, `train   Epoch   0`, torchtune's `1|149|Loss`, YOLO's `70/1000  6.73G`.
pub(crate) fn epoch(label: &str) -> Option<Epoch> {
    let named = label.find("poch").and_then(|at| label.get(at + 4..));
    if let Some(text) = named {
        let mut scan = Scan::new(text.trim_start_matches([':', ' ', '[', 's']));
        let number = scan.count()?;
        return Some(match scan.literal("/").and_then(|()| scan.count()) {
            Some(total) => Epoch::from_one(number, Some(total)),
            None => Epoch::numbered(number),
        });
    }
    let mut scan = Scan::new(label);
    let number = scan.blanks().count()?;
    if scan.literal("|").is_some() && label.contains("|Loss") {
        return Some(Epoch::from_one(number, None));
    }
    yolo_epoch(label)
}

/// `     70/1000      6.73G      1.081 …        640`: a row of a table with a memory column.
fn yolo_epoch(label: &str) -> Option<Epoch> {
    let mut words = label.split_whitespace();
    let (number, total) = words.next()?.split_once('/')?;
    let is_memory = words.next().is_some_and(|word| word.ends_with('G'));
    let epoch = Epoch::from_one(number.parse().ok()?, Some(total.parse().ok()?));
    is_memory.then_some(epoch)
}
