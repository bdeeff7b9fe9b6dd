//! The catalogue of `kubectl trainer access verify`: does a credential, or a service account, what its persona should,
//! and no more? `rights.rs` and `borders.rs` derive both sides of the matrix from the table of personas.

mod allowed;
mod borders;
mod context;
mod effects;
mod forbidden;
mod login;
mod rights;

pub use context::{AccessContext, Asking, Subject};

use super::{CheckId, Question, engine::Catalogue};

/// Every check, in display order.
pub const CATALOGUE: Catalogue<AccessContext> = Catalogue {
    question: Question::Granted,
    checks: &[
        &login::CREDENTIAL,
        &login::LOGIN,
        &login::IDENTITY,
        &login::PERSONA,
        &allowed::JOBS,
        &allowed::RUNTIMES,
        &allowed::CLUSTER_RUNTIMES,
        &allowed::PODS,
        &allowed::SURROUNDINGS,
        &allowed::EXTRAS,
        &forbidden::OTHER_NAMESPACES,
        &forbidden::TRAINING,
        &forbidden::SECRETS,
        &forbidden::PODS,
        &forbidden::IMPERSONATION,
        &forbidden::RIGHTS,
        &forbidden::CLUSTER,
        &effects::RUNTIMES,
        &effects::SUBMIT,
        &effects::PODS,
    ],
    gates: &[LOGIN],
};

const CREDENTIAL: CheckId = CheckId("TRN-ACCESS-CREDENTIAL");
const LOGIN: CheckId = CheckId("TRN-ACCESS-LOGIN");
const IDENTITY: CheckId = CheckId("TRN-ACCESS-IDENTITY");
const PERSONA: CheckId = CheckId("TRN-ACCESS-PERSONA");
const MAY_JOBS: CheckId = CheckId("TRN-ACCESS-MAY-JOBS");
const MAY_RUNTIMES: CheckId = CheckId("TRN-ACCESS-MAY-RUNTIMES");
const MAY_CLUSTER_RUNTIMES: CheckId = CheckId("TRN-ACCESS-MAY-CLUSTER-RUNTIMES");
const MAY_PODS: CheckId = CheckId("TRN-ACCESS-MAY-PODS");
const MAY_SURROUNDINGS: CheckId = CheckId("TRN-ACCESS-MAY-SURROUNDINGS");
const MAY_EXTRAS: CheckId = CheckId("TRN-ACCESS-MAY-EXTRAS");
const NO_OTHER_NAMESPACES: CheckId = CheckId("TRN-ACCESS-NO-OTHER-NAMESPACES");
const NO_TRAINING: CheckId = CheckId("TRN-ACCESS-NO-TRAINING");
const NO_SECRETS: CheckId = CheckId("TRN-ACCESS-NO-SECRETS");
const NO_PODS: CheckId = CheckId("TRN-ACCESS-NO-PODS");
const NO_IMPERSONATION: CheckId = CheckId("TRN-ACCESS-NO-IMPERSONATION");
const NO_RIGHTS: CheckId = CheckId("TRN-ACCESS-NO-RIGHTS");
const NO_CLUSTER: CheckId = CheckId("TRN-ACCESS-NO-CLUSTER");
const DOES_RUNTIMES: CheckId = CheckId("TRN-ACCESS-DOES-RUNTIMES");
const DOES_SUBMIT: CheckId = CheckId("TRN-ACCESS-DOES-SUBMIT");
const DOES_PODS: CheckId = CheckId("TRN-ACCESS-DOES-PODS");

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::CATALOGUE;
    use crate::check::{Category, Severity};

    #[test]
    fn ids_are_unique_and_speak() {
        let ids: BTreeSet<_> = CATALOGUE.checks.iter().map(|check| check.id.0).collect();
        assert_eq!(ids.len(), CATALOGUE.checks.len());
        for id in ids {
            let letters = id.strip_prefix("TRN-ACCESS-").unwrap();
            let speaks = |letter: char| letter.is_ascii_uppercase() || letter == '-';
            assert!(letters.chars().all(speaks), "{id}");
        }
    }

    #[test]
    fn every_check_stands_after_what_it_requires_and_with_its_kind() {
        let mut categories: Vec<Category> = Vec::new();
        for (position, check) in CATALOGUE.checks.iter().enumerate() {
            let before = &CATALOGUE.checks[..position];
            for id in check.requires {
                assert!(before.iter().any(|other| other.id == *id), "{}", check.id);
            }
            categories.push(check.category);
        }
        categories.dedup();
        assert_eq!(
            categories,
            [
                Category::Login,
                Category::Allowed,
                Category::NotAllowed,
                Category::Effects
            ]
        );
    }

    #[test]
    fn every_text_is_written_for_people() {
        for check in CATALOGUE.checks {
            assert!(check.title.chars().count() <= 43, "{}", check.title);
            assert!(!check.title.ends_with('.') && check.page.ends_with('.'));
            assert!(check.hint.starts_with(char::is_lowercase), "{}", check.hint);
            assert_eq!(check.severity, Severity::Error);
            for reason in check.reasons {
                assert!(
                    reason
                        .code
                        .starts_with(|letter: char| letter.is_ascii_uppercase())
                );
                assert!(reason.meaning.ends_with('.') && reason.mend.ends_with('.'));
            }
        }
    }
}
