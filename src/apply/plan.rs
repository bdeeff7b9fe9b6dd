//! What a run would do with each object, judged from what is there and from the server's dry run. Pure.

use serde_json::Value;

use super::diff::{FieldChange, compare, covers};
use crate::cluster::{
    FIELD_MANAGER, Failure, FailureKind, FieldConflict, MANAGED_BY, Manifest, MissingRule,
    ObjectKind, ObjectPlace,
};

/// An object that shall be there.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub manifest: Manifest,
    pub existing: Existing,
}

/// What happens with an object of that name that this program did not make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It is in the way, unless it already is as it should be.
    MustMatch,
    /// It serves as it is, and is never changed.
    IsKept,
}

/// What a run does, in the order in which it does it.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    pub steps: Vec<Step>,
}

#[derive(Clone, Debug)]
pub struct Step {
    pub manifest: Manifest,
    pub verdict: Verdict,
    pub fate: Fate,
    was_there: bool,
}

/// Whether a step has been taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Planned,
    /// The server was asked, and nobody waited for its answer.
    Begun,
    Done,
}

/// What shall happen to an object, or why nothing can.
#[derive(Clone, Debug)]
pub enum Verdict {
    Keep,
    /// It is there, and somebody else's.
    KeepForeign,
    Create,
    Change(Vec<FieldChange>),
    /// Somebody else has set a field otherwise, or has made the object.
    Conflict(Vec<FieldConflict>),
    /// The server takes no such object, in its own words.
    Refused(String),
    /// The caller may not do it.
    Forbidden(Denial),
    /// It needs this object, which the caller may not make.
    Waits(ObjectPlace),
}

/// What the caller lacks.
#[derive(Clone, Debug)]
pub enum Denial {
    Rule(Box<MissingRule>),
    /// Nobody may grant what they do not hold: these rules, as the server lists them.
    NotHeld(Vec<String>),
}

impl Plan {
    /// Whether something stands in the way that only a person can judge; then nothing is written.
    pub fn is_obstructed(&self) -> bool {
        self.steps.iter().any(Step::is_obstacle)
    }

    /// What somebody with more rights has to do.
    pub fn for_administrator(&self) -> impl Iterator<Item = &Step> {
        let beyond =
            |step: &&Step| matches!(step.verdict, Verdict::Forbidden(_) | Verdict::Waits(_));
        self.steps.iter().filter(beyond)
    }

    /// What needs an object that is not there, and that the caller may not make, waits for it.
    pub(super) fn hold_back(&mut self) {
        for index in 0..self.steps.len() {
            let step = &self.steps[index];
            if step.fate == Fate::Done || !matches!(step.verdict, Verdict::Create) {
                continue;
            }
            let needs = needs(&step.manifest);
            let blocked = self.steps.iter().find(|other| {
                let beyond = matches!(other.verdict, Verdict::Forbidden(_) | Verdict::Waits(_));
                beyond && !other.was_there && needs.contains(&other.manifest.place)
            });
            if let Some(place) = blocked.map(|step| step.manifest.place.clone()) {
                self.steps[index].verdict = Verdict::Waits(place);
            }
        }
    }
}

impl Step {
    pub fn is_obstacle(&self) -> bool {
        matches!(self.verdict, Verdict::Conflict(_) | Verdict::Refused(_))
    }

    /// Whether this step would write something.
    pub fn is_write(&self) -> bool {
        matches!(self.verdict, Verdict::Create | Verdict::Change(_))
    }
}

/// What the cluster says of one object.
pub(super) struct Sight {
    pub(super) live: Result<Option<Value>, Failure>,
    /// The answer to the dry run.
    pub(super) tried: Result<Value, Failure>,
}

/// Judges one object. `others` are all that shall be there: what is missing only because it will be made is no fault.
pub(super) fn judge(wanted: Wanted, sight: Sight, others: &[ObjectPlace]) -> Result<Step, Failure> {
    let live = match sight.live {
        Ok(live) => live,
        // Whether it is there is hidden; the dry run tells whether the caller may write it.
        Err(failure) if matches!(failure.kind, FailureKind::Forbidden(_)) => None,
        Err(failure) => return Err(failure),
    };
    let verdict = match &live {
        Some(live) if wanted.existing == Existing::IsKept && !is_own(live) => Verdict::KeepForeign,
        live => judge_attempt(&wanted.manifest, live.as_ref(), sight.tried, others)?,
    };
    Ok(Step {
        manifest: wanted.manifest,
        verdict,
        fate: Fate::Planned,
        was_there: live.is_some(),
    })
}

fn judge_attempt(
    manifest: &Manifest,
    live: Option<&Value>,
    tried: Result<Value, Failure>,
    others: &[ObjectPlace],
) -> Result<Verdict, Failure> {
    match tried {
        Ok(result) => Ok(live.map_or(Verdict::Create, |live| judge_result(live, &result))),
        Err(failure) => {
            let verdict = judge_failure(failure, manifest, others)?;
            let others_turn = matches!(verdict, Verdict::Forbidden(_) | Verdict::Conflict(_));
            // Somebody else has done it; a conflict is then only about what the server has added by itself.
            if others_turn && live.is_some_and(|live| covers(live, &manifest.body)) {
                return Ok(Verdict::Keep);
            }
            Ok(verdict)
        }
    }
}

fn judge_result(live: &Value, result: &Value) -> Verdict {
    let changes = compare(live, result);
    if changes.is_empty() {
        return Verdict::Keep;
    }
    if is_own(live) {
        return Verdict::Change(changes);
    }
    Verdict::Conflict(vec![FieldConflict {
        manager: maker(live),
        field: String::new(),
    }])
}

/// Why an apply did not succeed, if that is something to tell of this object and not of the connection.
pub(super) fn judge_failure(
    failure: Failure,
    manifest: &Manifest,
    others: &[ObjectPlace],
) -> Result<Verdict, Failure> {
    // Of a binding whose role is missing the server says that a binding of the role's name is.
    let is_planned = |name: &str| {
        let mut needs = needs(manifest).into_iter();
        needs.any(|place| place.name == name && others.contains(&place))
    };
    match failure.kind {
        FailureKind::Forbidden(rule) => Ok(Verdict::Forbidden(Denial::Rule(rule))),
        FailureKind::Conflict(conflicts) => Ok(Verdict::Conflict(conflicts)),
        FailureKind::Rejected { message, .. } => Ok(match rules_not_held(&message) {
            Some(rules) => Verdict::Forbidden(Denial::NotHeld(rules)),
            None => Verdict::Refused(message),
        }),
        FailureKind::NotFound {
            object: Some(missing),
            ..
        } if is_planned(&missing.name) => Ok(Verdict::Create),
        kind => Err(Failure { kind, ..failure }),
    }
}

/// The rules in the answer to who would grant more than they hold; the wording is that of Kubernetes'
/// `pkg/registry/rbac/validation`.
fn rules_not_held(message: &str) -> Option<Vec<String>> {
    let (_, rules) =
        message.split_once("is attempting to grant RBAC permissions not currently held:")?;
    let rules = rules.lines().map(str::trim);
    Some(
        rules
            .take_while(|line| !line.starts_with("; resolution errors"))
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect(),
    )
}

/// Whether this program made the object: its label says so, or the server's records of managers.
fn is_own(live: &Value) -> bool {
    live["metadata"]["labels"][MANAGED_BY] == FIELD_MANAGER
        || managers(live).any(|manager| manager == FIELD_MANAGER)
}

fn managers(live: &Value) -> impl Iterator<Item = &str> {
    let entries = live["metadata"]["managedFields"].as_array();
    let names = entries.into_iter().flatten();
    names.filter_map(|entry| entry["manager"].as_str())
}

fn maker(live: &Value) -> String {
    managers(live).next().unwrap_or("somebody else").to_owned()
}

/// The objects without which this one makes no sense.
fn needs(manifest: &Manifest) -> Vec<ObjectPlace> {
    let place = &manifest.place;
    let namespace = place.namespace.as_ref();
    let namespace = namespace.map(|name| ObjectPlace::of_cluster(ObjectKind::Namespace, name));
    let role = &manifest.body["roleRef"];
    let role = role["name"].as_str().map(|name| ObjectPlace {
        kind: if role["kind"] == "Role" {
            ObjectKind::Role
        } else {
            ObjectKind::ClusterRole
        },
        namespace: place.namespace.clone().filter(|_| role["kind"] == "Role"),
        name: name.to_owned(),
    });
    let policy = manifest.body["spec"]["policyName"].as_str();
    let policy = policy.map(|name| ObjectPlace::of_cluster(ObjectKind::AdmissionPolicy, name));
    let other = manifest.needs.clone();
    let every = [namespace, role, policy, other];
    every.into_iter().flatten().collect()
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
