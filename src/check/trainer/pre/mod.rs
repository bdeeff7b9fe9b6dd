//! The catalogue of `kubectl trainer verify --pre`: can the newest release be installed on this cluster, by this caller?
//! One file a check. What is there already is found as in the main catalogue, and never assumed.

mod installed;
mod jobset;
mod keeper;
mod leftovers;
mod namespace;
mod nodes;
mod rights;

use std::rc::Rc;

use crate::{
    check::{CheckId, Question, engine::Catalogue},
    cluster::Failure,
    releases::{RELEASES, Release},
};

use super::{API, IDENTITY, Part, TrainerContext, USUAL_NAMESPACES, cluster, definitions};

/// What is looked at before anything is applied, in display order.
pub const PRE: Catalogue<TrainerContext> = Catalogue {
    question: Question::Ready,
    checks: &[
        &cluster::API,
        &cluster::IDENTITY,
        &definitions::LEGACY,
        &rights::RIGHTS,
        &leftovers::LEFTOVERS,
        &installed::INSTALLED,
        &namespace::NAMESPACE,
        &jobset::JOBSET,
        &nodes::NODES,
    ],
    gates: &[API, IDENTITY],
};

const PRE_RIGHTS: CheckId = CheckId("TRN-PRE-RIGHTS");
const PRE_LEFTOVERS: CheckId = CheckId("TRN-PRE-LEFTOVERS");
const PRE_INSTALLED: CheckId = CheckId("TRN-PRE-INSTALLED");
const PRE_NAMESPACE: CheckId = CheckId("TRN-PRE-NAMESPACE");
const PRE_JOBSET: CheckId = CheckId("TRN-PRE-JOBSET");
const PRE_NODES: CheckId = CheckId("TRN-PRE-NODES");

/// What would be applied: the newest release that this program knows.
fn target() -> Option<&'static Release> {
    RELEASES.last()
}

/// Where it would be applied: where Trainer already lives, else where the project's overlay puts it.
async fn find_namespace(context: &TrainerContext) -> Result<String, Rc<Failure>> {
    let place = context.fetch_place(Part::Trainer).await?;
    let namespace = place.as_ref().as_ref().map(|place| place.namespace.clone());
    Ok(namespace.unwrap_or_else(|| USUAL_NAMESPACES[0].to_owned()))
}
