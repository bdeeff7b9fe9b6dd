//! Which checks of a catalogue one run makes: those that apply to the question, or those that the user named together
//! with what they require.

use std::{collections::BTreeSet, fmt};

use super::{Category, Check, CheckId, Question, Stage, engine::Catalogue};

/// Whether the question is also about what the caller may do in one namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NamespaceView {
    /// The checks of [`Category::Namespace`] are made only if they are named.
    #[default]
    Off,
    On,
}

/// Whether something may be made, and removed again, to see whether it works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trials {
    #[default]
    Off,
    On,
}

/// Whether somebody types at a terminal, whom TAB may help.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Typing {
    /// The checks of [`Category::Plugin`] are made only if they are named.
    #[default]
    Off,
    On,
}

/// What a warning counts as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strictness {
    /// Something to look at, and no more.
    #[default]
    Lenient,
    /// A failure, for the verdict and for how the program ends.
    Strict,
}

/// What the user asked for. Ids are taken in any case.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wishes<'a> {
    /// If any: these checks and what they require, and no others.
    pub only: &'a [String],
    /// Not these; what requires them is made all the same.
    pub skip: &'a [String],
    pub namespace: NamespaceView,
    pub trials: Trials,
    pub typing: Typing,
    pub strictness: Strictness,
}

/// The checks of one run.
pub struct Selection<Context: 'static> {
    pub(super) question: Question,
    /// In the catalogue's order.
    pub(super) entries: Vec<Entry<Context>>,
    pub(super) gates: &'static [CheckId],
    /// Checks that apply, and that the user did not want.
    pub(super) left_out: Vec<CheckId>,
    pub(super) strictness: Strictness,
}

/// One check of a run.
pub(super) struct Entry<Context: 'static> {
    pub(super) check: &'static Check<Context>,
    /// What it waits for in this run: where a required check is not made, what that one requires instead.
    pub(super) requires: Vec<CheckId>,
}

/// Wishes that cannot be fulfilled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SelectionFault {
    /// No check of the catalogue has this id, which is as it was typed.
    Unknown(String),
    /// Named for both.
    Contradiction(CheckId),
    /// It tries something, which nobody asked for.
    IsTrial(CheckId),
    /// Every check was left out.
    NothingLeft,
}

impl fmt::Display for SelectionFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(id) => write!(formatter, "there is no check \"{id}\" in this run"),
            Self::Contradiction(id) => {
                write!(
                    formatter,
                    "{id} is named by both --only and --skip; name it once"
                )
            }
            Self::IsTrial(id) => {
                write!(formatter, "{id} is made only with --deep")
            }
            Self::NothingLeft => {
                write!(formatter, "--skip leaves no check to make; skip fewer")
            }
        }
    }
}

impl std::error::Error for SelectionFault {}

impl<Context> Catalogue<Context> {
    /// The checks of one run.
    pub fn select(&self, wishes: &Wishes<'_>) -> Result<Selection<Context>, SelectionFault> {
        let only = self.parse_ids(wishes.only)?;
        let skip = self.parse_ids(wishes.skip)?;
        if let Some(id) = only.intersection(&skip).next() {
            return Err(SelectionFault::Contradiction(*id));
        }
        let is_tried = |check: &Check<Context>| check.category.stage() == Stage::Trying;
        let trials_are_on = wishes.trials == Trials::On;
        let mut in_only = only.iter().filter_map(|id| self.find(*id));
        if let Some(check) = in_only.find(|check| !trials_are_on && is_tried(check)) {
            return Err(SelectionFault::IsTrial(check.id));
        }
        let named = |check: &Check<Context>| only.contains(&check.id);
        let namespace_is_asked =
            wishes.namespace == NamespaceView::On || self.of_namespaces().any(named);
        let applies = |check: &Check<Context>| match check.category {
            Category::Namespace => namespace_is_asked,
            Category::Plugin => wishes.typing == Typing::On || named(check),
            _ => trials_are_on || !is_tried(check),
        };
        let wanted = self.with_required(&only);
        let is_made = |check: &Check<Context>| {
            (only.is_empty() || wanted.contains(&check.id)) && !skip.contains(&check.id)
        };
        let applying = self.checks.iter().copied().filter(|check| applies(check));
        let (made, left_out): (Vec<_>, Vec<_>) = applying.partition(|check| is_made(check));
        if made.is_empty() {
            return Err(SelectionFault::NothingLeft);
        }
        let ids: BTreeSet<_> = made.iter().map(|check| check.id).collect();
        let entries = made.into_iter().map(|check| Entry {
            check,
            requires: self.nearest_made(check, &ids),
        });
        Ok(Selection {
            question: self.question,
            entries: entries.collect(),
            gates: self.gates,
            left_out: left_out.into_iter().map(|check| check.id).collect(),
            strictness: wishes.strictness,
        })
    }

    fn of_namespaces(&self) -> impl Iterator<Item = &'static Check<Context>> {
        let checks = self.checks.iter().copied();
        checks.filter(|check| check.category == Category::Namespace)
    }

    fn find(&self, id: CheckId) -> Option<&'static Check<Context>> {
        self.checks.iter().copied().find(|check| check.id == id)
    }

    fn parse_ids(&self, typed: &[String]) -> Result<BTreeSet<CheckId>, SelectionFault> {
        let parse = |typed: &String| {
            let mut ids = self.checks.iter().map(|check| check.id);
            ids.find(|id| id.0.eq_ignore_ascii_case(typed))
                .ok_or_else(|| SelectionFault::Unknown(typed.clone()))
        };
        typed.iter().map(parse).collect()
    }

    /// These checks, and all that they require.
    fn with_required(&self, ids: &BTreeSet<CheckId>) -> BTreeSet<CheckId> {
        let mut wanted = ids.clone();
        // A check stands after what it requires, so one walk from the end finds everything.
        for check in self.checks.iter().rev() {
            if wanted.contains(&check.id) {
                wanted.extend(check.requires);
            }
        }
        wanted
    }

    /// The required checks, or what they require where they are not made.
    fn nearest_made(&self, check: &Check<Context>, made: &BTreeSet<CheckId>) -> Vec<CheckId> {
        let mut found = Vec::new();
        for id in check.requires {
            let deeper = match self.find(*id) {
                Some(required) if !made.contains(id) => self.nearest_made(required, made),
                _ => vec![*id],
            };
            for id in deeper {
                if !found.contains(&id) {
                    found.push(id);
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Outcome, Retry, Severity};

    const fn check(
        id: &'static str,
        category: Category,
        requires: &'static [CheckId],
    ) -> Check<()> {
        Check {
            id: CheckId(id),
            category,
            title: id,
            hint: "",
            page: "",
            reasons: &[],
            severity: Severity::Error,
            requires,
            retry: Retry::Never,
            run: |()| Box::pin(async { Outcome::default() }),
        }
    }

    const API: Check<()> = check("API", Category::Cluster, &[]);
    const IDENTITY: Check<()> = check("IDENTITY", Category::Cluster, &[CheckId("API")]);
    const QUOTA: Check<()> = check("QUOTA", Category::Namespace, &[CheckId("IDENTITY")]);
    const PODS: Check<()> = check("PODS", Category::Controllers, &[CheckId("IDENTITY")]);
    const CALLS: Check<()> = check("CALLS", Category::Webhooks, &[CheckId("PODS")]);

    const CATALOGUE: Catalogue<()> = Catalogue {
        question: Question::Healthy,
        checks: &[&API, &IDENTITY, &QUOTA, &PODS, &CALLS],
        gates: &[CheckId("API")],
    };

    /// Ids made, each with what it waits for, and ids left out.
    fn chosen(wishes: &Wishes<'_>) -> Result<(Vec<String>, Vec<&'static str>), SelectionFault> {
        let selection = CATALOGUE.select(wishes)?;
        let made = selection.entries.iter().map(|entry| {
            let requires: Vec<_> = entry.requires.iter().map(|id| id.0).collect();
            format!("{}({})", entry.check.id, requires.join(" "))
        });
        let left_out = selection.left_out.iter().map(|id| id.0);
        Ok((made.collect(), left_out.collect()))
    }

    fn words(ids: &[&str]) -> Vec<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn without_wishes_everything_is_made_but_what_is_about_a_namespace() {
        let (made, left_out) = chosen(&Wishes::default()).unwrap();
        assert_eq!(
            made,
            ["API()", "IDENTITY(API)", "PODS(IDENTITY)", "CALLS(PODS)"]
        );
        assert_eq!(left_out, [] as [&str; 0]);
        let asked = Wishes {
            namespace: NamespaceView::On,
            ..Wishes::default()
        };
        assert_eq!(chosen(&asked).unwrap().0[2], "QUOTA(IDENTITY)");
    }

    #[test]
    fn only_brings_what_is_required_and_is_taken_in_any_case() {
        let only = words(&["pods"]);
        let (made, left_out) = chosen(&Wishes {
            only: &only,
            ..Wishes::default()
        })
        .unwrap();
        assert_eq!(made, ["API()", "IDENTITY(API)", "PODS(IDENTITY)"]);
        assert_eq!(left_out, ["CALLS"]);
    }

    #[test]
    fn a_check_of_a_namespace_that_is_named_is_made() {
        let only = words(&["QUOTA"]);
        let (made, left_out) = chosen(&Wishes {
            only: &only,
            ..Wishes::default()
        })
        .unwrap();
        assert_eq!(made, ["API()", "IDENTITY(API)", "QUOTA(IDENTITY)"]);
        assert_eq!(left_out, ["PODS", "CALLS"]);
    }

    #[test]
    fn what_requires_a_skipped_check_waits_for_what_that_one_requires() {
        let skip = words(&["IDENTITY", "PODS"]);
        let (made, left_out) = chosen(&Wishes {
            skip: &skip,
            ..Wishes::default()
        })
        .unwrap();
        assert_eq!(made, ["API()", "CALLS(API)"]);
        assert_eq!(left_out, ["IDENTITY", "PODS"]);
    }

    #[test]
    fn wishes_that_make_no_sense_are_refused() {
        let (pods, moon) = (words(&["pods"]), words(&["API", "MOON"]));
        let all = words(&["API", "IDENTITY", "PODS", "CALLS"]);
        let fault = |only: &[String], skip: &[String]| {
            let wishes = Wishes {
                only,
                skip,
                ..Wishes::default()
            };
            chosen(&wishes).unwrap_err()
        };
        assert_eq!(
            fault(&pods, &pods),
            SelectionFault::Contradiction(CheckId("PODS"))
        );
        assert_eq!(
            fault(&moon, &[]),
            SelectionFault::Unknown("MOON".to_owned())
        );
        assert_eq!(
            fault(&[], &moon),
            SelectionFault::Unknown("MOON".to_owned())
        );
        assert_eq!(fault(&[], &all), SelectionFault::NothingLeft);
    }
}
