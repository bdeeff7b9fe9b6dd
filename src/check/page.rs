//! The page of a check, as `kubectl trainer explain` shows it: every word comes from the check's own file.

use std::collections::BTreeSet;

use super::{
    Category, Check, CheckId, EVERY_CHECKS_REASONS, Question, Reason, Severity, access, trainer,
};

/// All that there is to say about one check, independent of any cluster.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    pub id: CheckId,
    /// What the catalogue answers that this check stands in first.
    pub question: Question,
    pub category: Category,
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

/// The pages of all catalogues, in display order; a check that stands in several has one.
pub fn pages() -> Vec<Page> {
    let mut pages: Vec<Page> = Vec::new();
    for catalogue in trainer::CATALOGUES {
        for check in catalogue.checks {
            if pages.iter().all(|page| page.id != check.id) {
                pages.push(page(check, catalogue.question));
            }
        }
    }
    let access = access::CATALOGUE.checks.iter();
    pages.extend(access.map(|check| page(check, Question::Granted)));
    pages
}

/// Who can give a reason: the checks that have one with this code, in any case, or every check.
pub fn givers(pages: &[Page], code: &str) -> Vec<Giver> {
    let is_meant = |reason: &&&'static Reason| reason.code.eq_ignore_ascii_case(code);
    if let Some(reason) = EVERY_CHECKS_REASONS.iter().find(is_meant) {
        return vec![Giver {
            check: None,
            reason,
        }];
    }
    let of_page = |page: &Page| {
        let check = Some((page.id, page.title));
        let reasons = page.reasons.iter().filter(is_meant);
        reasons
            .map(|reason| Giver { check, reason })
            .collect::<Vec<_>>()
    };
    pages.iter().flat_map(of_page).collect()
}

/// A reason, and the check that can give it.
#[derive(Clone, Copy, Debug)]
pub struct Giver {
    /// Id and title; none where every check can.
    pub check: Option<(CheckId, &'static str)>,
    pub reason: &'static Reason,
}

/// The codes of all reasons, each once.
pub fn codes(pages: &[Page]) -> BTreeSet<&'static str> {
    let own = pages.iter().flat_map(|page| page.reasons);
    own.chain(EVERY_CHECKS_REASONS)
        .map(|reason| reason.code)
        .collect()
}

/// Ids that look like what was typed, the likeliest first; at most three.
pub fn nearest_ids(typed: &str, known: impl Iterator<Item = CheckId>) -> Vec<&'static str> {
    // All ids begin alike, which says nothing about likeness.
    fn bare(id: &str) -> &str {
        id.strip_prefix(PREFIX).unwrap_or(id)
    }
    let typed = typed.to_ascii_uppercase();
    let likeness = |id: &CheckId| strsim::jaro_winkler(bare(&typed), bare(id.0));
    let rated = known.map(|id| (likeness(&id), id.0));
    let mut near: Vec<_> = rated.filter(|(likeness, _)| *likeness > 0.8).collect();
    near.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    near.into_iter().take(3).map(|(_, id)| id).collect()
}

/// How every id begins.
const PREFIX: &str = "TRN-";

fn page<Context>(check: &Check<Context>, question: Question) -> Page {
    Page {
        id: check.id,
        question,
        category: check.category,
        title: check.title,
        severity: check.severity,
        requires: check.requires,
        about: check.page,
        hint: check.hint,
        reasons: check.reasons,
        shared_reasons: EVERY_CHECKS_REASONS,
    }
}
