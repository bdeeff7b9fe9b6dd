//! torchrun's agent: `[default] Starting worker group`. When it says so again, the processes begin anew within the same
//! container, mostly from the last checkpoint.

use super::{Format, ProgressFormat};
use crate::progress::reading::{Progress, Stage};

pub(super) const FORMAT: Format = Format {
    name: "torchelastic",
    anchors: &["Starting worker group"],
    begin: || Box::new(TorchElastic),
};

struct TorchElastic;

impl ProgressFormat for TorchElastic {
    fn read(&mut self, line: &str) -> Option<Progress> {
        let (before, after) = line.split_once("] Starting worker group")?;
        (after.is_empty() && before.contains('[')).then(|| Progress {
            stage: Stage::Begins,
            ..Progress::training()
        })
    }
}
