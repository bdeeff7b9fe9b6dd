//! The catalogue of `kubectl trainer verify`: is Kubeflow Trainer healthy? One file a category, or a check where it is large.
//! `context.rs` holds the shared facts, `installation.rs` what belongs to Trainer and JobSet.

mod certificates;
mod cluster;
mod context;
mod controller_rules;
mod controllers;
mod deep;
mod definition;
mod definitions;
mod deployments;
mod election;
mod endpoints;
mod grants;
mod installation;
mod installs;
mod integrations;
mod lacking_rules;
mod last_words;
mod leases;
mod manager_configuration;
mod namespace;
mod pods;
mod pre;
mod progress;
mod refusals;
mod runtime_pods;
mod runtimes;
mod schema;
mod tab;
mod termination;
mod webhooks;
mod x509;

use std::rc::Rc;

pub use context::TrainerContext;
pub(crate) use deep::{DEEP_DRY_RUNS, DEEP_LEFTOVERS, DEEP_TRAINING};
pub use deep::{LeftBehind, Trial, TrialWish};
pub(crate) use definitions::{LEGACY_KINDS, NOT_INSTALLED};
pub(crate) use installation::{
    PUBLIC_CONFIG_MAP, PUBLIC_VERSION_KEY, Part, USUAL_NAMESPACES, image_version,
};
pub use pre::PRE;

use super::{Check, CheckId, Finding, Outcome, Question, engine::Catalogue};
use crate::cluster::Failure;

/// Every check, in display order.
pub const CATALOGUE: Catalogue<TrainerContext> = Catalogue {
    question: Question::Healthy,
    checks: &[
        &cluster::API,
        &cluster::IDENTITY,
        &namespace::EXISTS,
        &namespace::ACCESS,
        &namespace::QUOTA,
        &namespace::SERVICE_ACCOUNT,
        &namespace::POD_ADMISSION,
        &definitions::LEGACY,
        &definitions::CRDS,
        &schema::CRD_SCHEMA,
        &controllers::NAMESPACE,
        &installs::INSTALLS,
        &deployments::DEPLOYMENTS,
        &endpoints::ENDPOINTS,
        &leases::LEASES,
        &controller_rules::CONTROLLER_RBAC,
        &certificates::CERTIFICATES,
        &certificates::CA_BUNDLES,
        &webhooks::WEBHOOKS,
        &runtimes::RUNTIMES,
        &runtime_pods::RUNTIME_PODS,
        &progress::PROGRESS,
        &integrations::kueue::KUEUE,
        &integrations::pod_groups::POD_GROUPS,
        &integrations::data_cache::DATA_CACHE,
        &integrations::storage_class::STORAGE_CLASS,
        &integrations::accelerators::ACCELERATORS,
        &deep::LEFTOVERS,
        &deep::DRY_RUNS,
        &deep::TRAINING,
        &tab::TAB,
    ],
    gates: &[API, IDENTITY],
};

/// Every catalogue, in the order in which their pages are shown.
pub const CATALOGUES: [&Catalogue<TrainerContext>; 2] = [&CATALOGUE, &PRE];

pub(crate) const API: CheckId = CheckId("TRN-API");
pub(crate) const IDENTITY: CheckId = CheckId("TRN-IDENTITY");
pub(crate) const NS_EXISTS: CheckId = CheckId("TRN-NS-EXISTS");
pub(crate) const NS_ACCESS: CheckId = CheckId("TRN-NS-ACCESS");
pub(crate) const NS_QUOTA: CheckId = CheckId("TRN-NS-QUOTA");
pub(crate) const NS_SERVICE_ACCOUNT: CheckId = CheckId("TRN-NS-SERVICE-ACCOUNT");
pub(crate) const NS_POD_ADMISSION: CheckId = CheckId("TRN-NS-POD-ADMISSION");
pub(crate) const LEGACY_V1: CheckId = CheckId("TRN-LEGACY-V1");
pub(crate) const CRDS: CheckId = CheckId("TRN-CRDS");
pub(crate) const CRD_SCHEMA: CheckId = CheckId("TRN-CRD-SCHEMA");
pub(crate) const NAMESPACE: CheckId = CheckId("TRN-NAMESPACE");
pub(crate) const INSTALLS: CheckId = CheckId("TRN-INSTALLS");
pub(crate) const DEPLOYMENTS: CheckId = CheckId("TRN-DEPLOYMENTS");
pub(crate) const ENDPOINTS: CheckId = CheckId("TRN-ENDPOINTS");
pub(crate) const LEASES: CheckId = CheckId("TRN-LEASES");
pub(crate) const CONTROLLER_RBAC: CheckId = CheckId("TRN-CONTROLLER-RBAC");
pub(crate) const CERTIFICATES: CheckId = CheckId("TRN-CERTIFICATES");
pub(crate) const CA_BUNDLES: CheckId = CheckId("TRN-CA-BUNDLES");
pub(crate) const WEBHOOKS: CheckId = CheckId("TRN-WEBHOOKS");
pub(crate) const RUNTIMES: CheckId = CheckId("TRN-RUNTIMES");
pub(crate) const RUNTIME_PODS: CheckId = CheckId("TRN-RUNTIME-PODS");
pub(crate) const PROGRESS: CheckId = CheckId("TRN-PROGRESS");
pub(crate) const KUEUE: CheckId = CheckId("TRN-KUEUE");
pub(crate) const POD_GROUPS: CheckId = CheckId("TRN-POD-GROUPS");
pub(crate) const DATA_CACHE: CheckId = CheckId("TRN-DATA-CACHE");
pub(crate) const STORAGE_CLASS: CheckId = CheckId("TRN-STORAGE-CLASS");
pub(crate) const TAB: CheckId = CheckId("TRN-TAB");
pub(crate) const ACCELERATORS: CheckId = CheckId("TRN-ACCELERATORS");

/// The check of any catalogue with this id.
pub fn find(id: &str) -> Option<&'static Check<TrainerContext>> {
    let mut checks = CATALOGUES.iter().flat_map(|catalogue| catalogue.checks);
    checks.find(|check| check.id.0 == id).copied()
}

/// What was judged, or the finding that a fact could not be had.
fn conclude(judged: Result<Outcome, Rc<Failure>>) -> Outcome {
    judged.unwrap_or_else(|failure| Outcome::of(Finding::of_failure(&failure)))
}

/// One outcome of several, with a summary in front of their facts. The same finding is reported once.
fn merge(summary: Option<String>, outcomes: impl IntoIterator<Item = Outcome>) -> Outcome {
    let mut findings: Vec<Finding> = Vec::new();
    let mut facts: Vec<String> = summary.into_iter().collect();
    for outcome in outcomes {
        for finding in outcome.findings {
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
        facts.extend(outcome.facts);
    }
    Outcome::new(findings, facts)
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeSet,
        fs,
        path::{Path, PathBuf},
    };

    use super::{CATALOGUES, TrainerContext};
    use crate::check::{Check, EVERY_CHECKS_REASONS, Reason, Severity, engine::Catalogue};

    type Place = (
        &'static Catalogue<TrainerContext>,
        usize,
        &'static Check<TrainerContext>,
    );

    /// Every check of every catalogue, and where it stands.
    fn places() -> impl Iterator<Item = Place> {
        CATALOGUES.into_iter().flat_map(|catalogue| {
            let checks = catalogue.checks.iter().copied().enumerate();
            checks.map(move |(position, check)| (catalogue, position, check))
        })
    }

    #[test]
    fn ids_are_unique_and_speak() {
        let mut ids = BTreeSet::new();
        for catalogue in CATALOGUES {
            let own: BTreeSet<_> = catalogue.checks.iter().map(|check| check.id.0).collect();
            assert_eq!(own.len(), catalogue.checks.len());
            ids.extend(own);
        }
        let speaks = |id: &str| {
            id.starts_with("TRN-")
                && id
                    .chars()
                    .all(|letter| letter.is_ascii_uppercase() || "-1".contains(letter))
        };
        assert!(ids.iter().all(|id| speaks(id)), "{ids:?}");
    }

    #[test]
    fn every_check_stands_after_what_it_requires() {
        for (catalogue, position, check) in places() {
            for id in check.requires {
                let before = catalogue.checks[..position]
                    .iter()
                    .any(|other| other.id == *id);
                assert!(
                    before,
                    "{} requires {id}, which does not stand before it",
                    check.id
                );
            }
        }
    }

    #[test]
    fn categories_are_not_torn_apart() {
        for catalogue in CATALOGUES {
            let categories = catalogue.checks.iter().map(|check| check.category);
            let mut categories: Vec<_> = categories.collect();
            categories.dedup();
            let unique: BTreeSet<_> = categories.iter().map(|category| category.title()).collect();
            assert_eq!(categories.len(), unique.len());
        }
    }

    #[test]
    fn every_text_is_written_for_people() {
        for (_, _, check) in places() {
            assert!(
                check.title.chars().count() <= 43,
                "{}: the title is too long for a table",
                check.id
            );
            assert!(
                !check.title.ends_with('.'),
                "{}: a title is no sentence",
                check.id
            );
            assert!(
                check.hint.chars().next().is_some_and(char::is_lowercase),
                "{}: a hint is a fragment",
                check.id
            );
            assert!(
                check.page.ends_with('.'),
                "{}: a page is made of sentences",
                check.id
            );
            for reason in check.reasons.iter().chain(EVERY_CHECKS_REASONS) {
                assert!(is_camel_case(reason.code), "{}", reason.code);
                assert!(
                    reason.meaning.ends_with('.') && reason.mend.ends_with('.'),
                    "{}",
                    reason.code
                );
            }
        }
    }

    fn is_camel_case(code: &str) -> bool {
        code.starts_with(|letter: char| letter.is_ascii_uppercase())
            && code.chars().all(|letter| letter.is_ascii_alphanumeric())
    }

    fn files_below(folder: &Path) -> Vec<PathBuf> {
        let paths = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let files = paths.flat_map(|path| {
            if path.is_dir() {
                files_below(&path)
            } else {
                vec![path]
            }
        });
        files.collect()
    }

    /// A reason can only be given by a constant, so that every constant that is on a page is all there is.
    #[test]
    fn every_reason_of_this_room_is_on_the_page_of_a_check() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/check/trainer");
        let mut declared = BTreeSet::new();
        for path in files_below(&folder) {
            let text = fs::read_to_string(path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            for rest in code.split(": Reason = Reason {").skip(1) {
                declared.insert(rest.split('"').nth(1).unwrap().to_owned());
            }
        }
        let on_pages = places().flat_map(|(_, _, check)| check.reasons);
        let on_pages: BTreeSet<_> = on_pages
            .map(|reason: &&Reason| reason.code.to_owned())
            .collect();
        assert!(declared.len() > 40, "the search is broken: {declared:?}");
        assert_eq!(declared, on_pages);
    }

    #[test]
    fn what_is_only_a_warning_never_has_dependents() {
        let light: Vec<_> = places()
            .filter(|(_, _, check)| check.severity == Severity::Warning)
            .map(|(_, _, check)| check.id)
            .collect();
        for (_, _, check) in places() {
            assert!(
                !check.requires.iter().any(|id| light.contains(id)),
                "{}",
                check.id
            );
        }
    }
}
