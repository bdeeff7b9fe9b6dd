//! The audit log under the policy of `docs/audit-policy.yaml`, which every bed has: from a TrainJob to the credential that
//! wrote it, and to whoever had that made.

use serde_json::{Value, json};
use testbed::Testbed;

use crate::{
    bootstrap::{Team, run},
    support::{kubectl, wait_until},
    team::token_in,
    two_tiers,
};

/// What the log says of this namespace, oldest first.
pub(crate) fn entries(bed: &Testbed, namespace: &str) -> Vec<Value> {
    let log = bed.component_log("audit").unwrap();
    let entries = log
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    let of_namespace = entries.filter(|entry: &Value| entry["objectRef"]["namespace"] == namespace);
    of_namespace.collect()
}

/// Verb, resource and user of each entry that the test picks.
fn words<'a>(entries: &'a [Value], picks: impl Fn(&Value) -> bool) -> Vec<[&'a str; 3]> {
    let text = |value: &'a Value| value.as_str().unwrap_or_default();
    let picked = entries.iter().filter(|entry| picks(entry));
    let words = picked.map(|entry| {
        let object = &entry["objectRef"];
        let resource = match text(&object["subresource"]) {
            "" => text(&object["resource"]),
            part => part,
        };
        [
            text(&entry["verb"]),
            resource,
            text(&entry["user"]["username"]),
        ]
    });
    words.collect()
}

#[test]
fn an_id_leads_from_a_job_to_its_credential_and_to_who_had_that_made() {
    let Some(bed) = Testbed::shared() else { return };
    let team = Team::new(&bed, "audited");
    team.bootstrap(&["--core-only"]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("submitter.kubeconfig");
    let place = ["-n", team.name(), "-f", file.to_str().unwrap()];
    let made = run(
        &bed,
        &[&["access", "kubeconfig", "-o", "json"][..], &place].concat(),
    );
    let credential: Value = serde_json::from_str(&made.out).unwrap();
    let id = credential["id"].as_str().unwrap();

    let mut job = two_tiers::with_spec("traced", &json!({}));
    job["metadata"]["namespace"] = json!(team.name());
    let manifest = folder.path().join("job.json");
    std::fs::write(&manifest, job.to_string()).unwrap();
    let as_submitter = ["--kubeconfig", file.to_str().unwrap()];
    let create = ["create", "-f", manifest.to_str().unwrap()];
    kubectl(&bed, &[&as_submitter[..], &create].concat());
    let own = ["delete", "trainjob", "traced", "-n", team.name()];
    kubectl(&bed, &own);

    let jti = format!("JTI={id}");
    let written_with_it = |entry: &Value| {
        entry["user"]["extra"]["authentication.kubernetes.io/credential-id"] == json!([jti])
            && entry["verb"] != "get"
    };
    let user = format!("system:serviceaccount:{}:trainer-submitter", team.name());
    wait_until("the job's end is in the audit log", || {
        let entries = entries(&bed, team.name());
        !words(&entries, |entry| entry["verb"] == "delete").is_empty()
    });
    let entries = entries(&bed, team.name());
    assert_eq!(
        words(&entries, written_with_it),
        [["create", "trainjobs", &user]]
    );
    let issued = |entry: &Value| {
        entry["annotations"]["authentication.kubernetes.io/issued-credential-id"] == json!(jti)
    };
    assert_eq!(words(&entries, issued), [["create", "token", "admin"]]);
    let deleted = |entry: &Value| entry["verb"] == "delete";
    assert_eq!(words(&entries, deleted), [["delete", "trainjobs", "admin"]]);
    let token = token_in(&file);
    let log = bed.component_log("audit").unwrap();
    assert!(!log.contains(&token), "the audit log has a token");
}
