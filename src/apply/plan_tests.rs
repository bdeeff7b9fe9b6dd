//! What a run would do with one object, by what the cluster said of it.

use serde_json::{Value, json};

use super::*;
use crate::cluster::MissingObject;

fn role(rules: &Value) -> Manifest {
    let place = ObjectPlace::in_namespace(ObjectKind::Role, "team-a", "r");
    let labels = json!({ "labels": { (MANAGED_BY): FIELD_MANAGER } });
    Manifest::new(place, json!({ "metadata": labels, "rules": rules }))
}

fn binding() -> Manifest {
    let place = ObjectPlace::in_namespace(ObjectKind::RoleBinding, "team-a", "b");
    let role = json!({ "kind": "Role", "name": "r" });
    Manifest::new(place, json!({ "roleRef": role }))
}

fn namespace() -> Manifest {
    let place = ObjectPlace::of_cluster(ObjectKind::Namespace, "team-a");
    Manifest::new(place, json!({}))
}

fn failure(kind: FailureKind) -> Failure {
    Failure {
        request: "apply".to_owned(),
        kind,
        target: None,
    }
}

fn forbidden() -> Failure {
    failure(FailureKind::Forbidden(Box::default()))
}

fn missing(resource: &str, name: &str) -> Failure {
    failure(FailureKind::NotFound {
        object: Some(MissingObject {
            resource: resource.to_owned(),
            name: name.to_owned(),
        }),
        message: String::new(),
    })
}

fn judged(
    manifest: Manifest,
    existing: Existing,
    live: Option<Value>,
    tried: Result<Value, Failure>,
) -> Result<Verdict, Failure> {
    let places = [namespace().place, role(&json!([])).place, binding().place];
    let wanted = Wanted { manifest, existing };
    let sight = Sight {
        live: Ok(live),
        tried,
    };
    judge(wanted, sight, &places).map(|step| step.verdict)
}

fn aligned(live: Option<Value>, tried: Result<Value, Failure>) -> Verdict {
    judged(
        role(&json!([{ "verbs": ["get"] }])),
        Existing::MustMatch,
        live,
        tried,
    )
    .unwrap()
}

#[test]
fn an_object_is_made_kept_or_changed() {
    let wanted = role(&json!([{ "verbs": ["get"] }])).body;
    assert!(matches!(aligned(None, Ok(wanted.clone())), Verdict::Create));
    let same = aligned(Some(wanted.clone()), Ok(wanted.clone()));
    assert!(matches!(same, Verdict::Keep));
    let other = role(&json!([{ "verbs": ["list"] }])).body;
    let Verdict::Change(changes) = aligned(Some(other), Ok(wanted)) else {
        panic!("no change")
    };
    assert_eq!(changes[0].path, ".rules[0].verbs");
}

#[test]
fn what_somebody_else_made_is_in_the_way_unless_it_serves_as_it_is() {
    let wanted = role(&json!([])).body;
    let foreign = json!({ "kind": "Role", "metadata": { "name": "r",
        "managedFields": [{ "manager": "helm" }] } });
    let Verdict::Conflict(conflicts) = aligned(Some(foreign.clone()), Ok(wanted.clone())) else {
        panic!("no conflict")
    };
    assert_eq!(conflicts[0].to_string(), "helm has made it");
    let kept = judged(
        role(&json!([])),
        Existing::IsKept,
        Some(foreign),
        Ok(wanted),
    );
    assert!(matches!(kept, Ok(Verdict::KeepForeign)));
}

#[test]
fn who_may_not_write_keeps_what_an_administrator_has_made() {
    let live = role(&json!([{ "verbs": ["get"] }])).body;
    assert!(matches!(
        aligned(Some(live), Err(forbidden())),
        Verdict::Keep
    ));
    assert!(matches!(
        aligned(None, Err(forbidden())),
        Verdict::Forbidden(Denial::Rule(_))
    ));
}

#[test]
fn an_object_of_others_that_is_as_it_should_be_is_no_conflict() {
    let mut live = role(&json!([{ "verbs": ["get"] }])).body;
    let conflict = || {
        failure(FailureKind::Conflict(vec![FieldConflict {
            manager: "kubectl".to_owned(),
            field: ".rules".to_owned(),
        }]))
    };
    live["rules"][0]["added"] = json!("by the server");
    let verdict = aligned(Some(live.clone()), Err(conflict()));
    assert!(matches!(verdict, Verdict::Keep));
    live["rules"][0]["verbs"] = json!(["*"]);
    let verdict = aligned(Some(live), Err(conflict()));
    assert!(matches!(verdict, Verdict::Conflict(_)));
}

#[test]
fn rules_that_the_caller_does_not_hold_are_listed() {
    let message = "roles.rbac.authorization.k8s.io \"r\" is forbidden: user \"ann\" (groups=[\"a\"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[\"jobset.x-k8s.io\"], Resources:[\"jobsets\"], Verbs:[\"get\"]}\n{APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"get\"]}";
    let rejected = failure(FailureKind::Rejected {
        message: message.to_owned(),
        webhook: None,
    });
    let Verdict::Forbidden(Denial::NotHeld(rules)) = aligned(None, Err(rejected)) else {
        panic!("not forbidden")
    };
    assert_eq!(
        rules[0],
        "{APIGroups:[\"jobset.x-k8s.io\"], Resources:[\"jobsets\"], Verbs:[\"get\"]}"
    );
    assert_eq!(rules.len(), 2);
}

#[test]
fn what_is_missing_only_until_the_run_has_made_it_is_no_fault() {
    let verdict = aligned(None, Err(missing("namespaces", "team-a")));
    assert!(matches!(verdict, Verdict::Create));
    // The server's own words for a role that is not there yet.
    let bound = judged(
        binding(),
        Existing::MustMatch,
        None,
        Err(missing("rolebindings.rbac.authorization.k8s.io", "r")),
    );
    assert!(matches!(bound, Ok(Verdict::Create)));
    let other = judged(
        binding(),
        Existing::MustMatch,
        None,
        Err(missing("clusterroles.rbac.authorization.k8s.io", "gone")),
    );
    assert!(other.is_err());
}

#[test]
fn an_object_waits_for_what_the_caller_may_not_make() {
    let step = |manifest: Manifest, verdict| Step {
        manifest,
        verdict,
        fate: Fate::Planned,
        was_there: false,
    };
    let denied = || Verdict::Forbidden(Denial::NotHeld(Vec::new()));
    let mut plan = Plan {
        steps: vec![
            step(namespace(), Verdict::Keep),
            step(role(&json!([])), denied()),
            step(binding(), Verdict::Create),
        ],
    };
    plan.hold_back();
    let Verdict::Waits(place) = &plan.steps[2].verdict else {
        panic!("does not wait")
    };
    assert_eq!(place.words(), "Role team-a/r");
    assert_eq!(plan.for_administrator().count(), 2);
    // A role that is there, if not as it should be, can be bound.
    plan.steps[1].was_there = true;
    plan.steps[2].verdict = Verdict::Create;
    plan.hold_back();
    assert!(matches!(plan.steps[2].verdict, Verdict::Create));
}
