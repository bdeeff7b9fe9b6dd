//! The page of a check, as `kubectl trainer explain` shows it: every word comes from the check's own file.

use super::{Check, CheckId, EVERY_CHECKS_REASONS, Reason, Severity, trainer};

/// All that there is to say about one check, independent of any cluster.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    pub id: CheckId,
    pub title: &'static str,
    pub severity: Severity,
    pub requires: &'static [CheckId],
    /// What the check looks at and why it matters; paragraphs are separated by an empty line.
    pub about: &'static str,
    /// What to do when the finding itself names no command.
    pub hint: &'static str,
    /// The check's own reasons.
    pub reasons: &'static [&'static Reason],
    /// Reasons that every check can give.
    pub shared_reasons: &'static [&'static Reason],
}

/// The pages of all catalogues, in display order.
pub fn pages() -> Vec<Page> {
    trainer::CATALOGUE
        .checks
        .iter()
        .map(|check| page(check))
        .collect()
}

fn page<Context>(check: &Check<Context>) -> Page {
    Page {
        id: check.id,
        title: check.title,
        severity: check.severity,
        requires: check.requires,
        about: check.page,
        hint: check.hint,
        reasons: check.reasons,
        shared_reasons: EVERY_CHECKS_REASONS,
    }
}
