//! The catalogue of `kubectl trainer verify`: is Kubeflow Trainer healthy? One file a category, or a check where it is large.
//! `context.rs` holds the shared facts, `installation.rs` what belongs to Trainer and JobSet.

mod certificates;
mod cluster;
mod context;
mod controllers;
mod definition;
mod definitions;
mod deployments;
mod endpoints;
mod installation;
mod pods;
mod runtimes;
mod schema;
mod webhooks;
mod x509;

use std::rc::Rc;

pub use context::TrainerContext;

use super::{Check, CheckId, Finding, Outcome, engine::Catalogue};
use crate::cluster::Failure;

/// Every check, in display order.
pub const CATALOGUE: Catalogue<TrainerContext> = Catalogue {
    checks: &[
        &cluster::API,
        &cluster::IDENTITY,
        &definitions::LEGACY,
        &definitions::CRDS,
        &schema::CRD_SCHEMA,
        &controllers::NAMESPACE,
        &deployments::DEPLOYMENTS,
        &endpoints::ENDPOINTS,
        &certificates::CERTIFICATES,
        &certificates::CA_BUNDLES,
        &webhooks::WEBHOOKS,
        &runtimes::RUNTIMES,
    ],
    gates: &[API, IDENTITY],
};

pub(crate) const API: CheckId = CheckId("TRN-API");
pub(crate) const IDENTITY: CheckId = CheckId("TRN-IDENTITY");
pub(crate) const LEGACY_V1: CheckId = CheckId("TRN-LEGACY-V1");
pub(crate) const CRDS: CheckId = CheckId("TRN-CRDS");
pub(crate) const CRD_SCHEMA: CheckId = CheckId("TRN-CRD-SCHEMA");
pub(crate) const NAMESPACE: CheckId = CheckId("TRN-NAMESPACE");
pub(crate) const DEPLOYMENTS: CheckId = CheckId("TRN-DEPLOYMENTS");
pub(crate) const ENDPOINTS: CheckId = CheckId("TRN-ENDPOINTS");
pub(crate) const CERTIFICATES: CheckId = CheckId("TRN-CERTIFICATES");
pub(crate) const CA_BUNDLES: CheckId = CheckId("TRN-CA-BUNDLES");
pub(crate) const WEBHOOKS: CheckId = CheckId("TRN-WEBHOOKS");
pub(crate) const RUNTIMES: CheckId = CheckId("TRN-RUNTIMES");

/// The check of this catalogue with this id.
pub fn find(id: &str) -> Option<&'static Check<TrainerContext>> {
    CATALOGUE
        .checks
        .iter()
        .copied()
        .find(|check| check.id.0 == id)
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
