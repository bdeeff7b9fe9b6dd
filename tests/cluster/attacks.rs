//! What somebody could do with the token of each persona beyond what it is for: every try is made by the administrator
//! first, for whom it works, and then with the token.

mod caller;
mod outcome;
mod tries;

use std::env;

use serde_json::{Value, json};
use testbed::{BUSYBOX_IMAGE, RELEASE_VARIABLE, Testbed};

use self::{
    caller::Caller,
    outcome::{IN_ONE_TIER, Outcome, WITH_LOGS, is_done},
    tries::{PORT, Place, Try, VICTIM},
};
use crate::{
    bootstrap::{Team, run},
    own_runtimes::training_runtime,
    support::{apply, kubectl},
    two_tiers,
};

/// So many refusals that differ are the fewest for each persona.
const FEWEST: usize = 40;

/// Whom the tries are made as, with the number of refusals that differ on the newest release. Each has the account that
/// `bootstrap` makes for it.
type Cast = &'static [(&'static str, usize)];

const IN_TWO_TIERS: Cast = &[
    ("viewer", 133),
    ("submitter", 154),
    ("ci", 155),
    ("admin", 151),
    ("user-code", 137),
    ("system", 125),
];
const WITHOUT_TIERS: Cast = &[(WITH_LOGS, 126), (IN_ONE_TIER, 123)];

/// What is of two tiers, and cannot be tried where there are none.
const OF_TIERS: [&str; 8] = [
    "a token of the platform's account",
    "delete the platform's account",
    "join the binding of the platform's right",
    "a pod as the platform",
    "soften the policy of two tiers",
    "delete the policy of two tiers",
    "let the policy of two tiers only warn",
    "unbind the policy of two tiers",
];

/// What there is to be had in a namespace.
fn loot(namespace: &str) -> Vec<Value> {
    let script = format!(
        "mkdir /www; echo found > /www/index.html; echo ready; exec httpd -f -p {PORT} -h /www"
    );
    let container = json!({
        "name": "main", "image": BUSYBOX_IMAGE, "command": ["sh", "-c", script],
        "readinessProbe": { "tcpSocket": { "port": PORT }, "periodSeconds": 1 },
    });
    let metadata = || json!({ "name": VICTIM, "namespace": namespace });
    let core = |kind: &str, mut fields: Value| {
        fields["apiVersion"] = json!("v1");
        fields["kind"] = json!(kind);
        fields["metadata"] = metadata();
        fields
    };
    let mut runtime = training_runtime();
    runtime["metadata"]["name"] = json!(VICTIM);
    runtime["metadata"]["namespace"] = json!(namespace);
    let mut job = two_tiers::with_spec(VICTIM, &json!({}));
    job["metadata"]["namespace"] = json!(namespace);
    vec![
        core("Secret", json!({ "stringData": { "a": "a" } })),
        core("ConfigMap", json!({ "data": { "a": "a" } })),
        core(
            "Pod",
            json!({ "spec": { "containers": [container], "terminationGracePeriodSeconds": 0 } }),
        ),
        runtime,
        job,
    ]
}

/// A request for a certificate, gone with the test.
struct Request<'a> {
    bed: &'a Testbed,
    name: String,
}

impl<'a> Request<'a> {
    fn make(bed: &'a Testbed, name: &str) -> Self {
        bed.apply(&tries::certificate_request(name).to_string())
            .unwrap();
        Self {
            bed,
            name: name.to_owned(),
        }
    }
}

impl Drop for Request<'_> {
    fn drop(&mut self) {
        drop(
            self.bed
                .kubectl(&["delete", "certificatesigningrequest", &self.name]),
        );
    }
}

/// The personas of a namespace with a quota and limits: the submitter with these flags, then the others.
fn establish(team: &Team<'_>, flags: &[&str], others: &[&[&str]]) {
    let limits = ["--quota", "trainjobs=50", "--limits", "cpu=50m"];
    team.bootstrap(&[&["--persona", "submitter"], &limits[..], flags].concat());
    for other in others {
        team.bootstrap(&[&["--persona"], *other].concat());
    }
    // Until the quota is counted, it refuses everything.
    wait(team, "jsonpath={.status.hard}", &["resourcequota", "--all"]);
}

fn wait(team: &Team<'_>, condition: &str, objects: &[&str]) {
    let condition = format!("--for={condition}");
    let words = ["wait", &condition, "--timeout=60s", "-n", team.name()];
    kubectl(team.bed(), &[&words[..], objects].concat());
}

/// All personas in a namespace with two tiers, two in one without, and what they could reach for there and in another.
fn scene<'a>(bed: &'a Testbed, own: &Team<'_>, plain: &Team<'_>, other: &Team<'_>) -> Request<'a> {
    establish(own, &["--two-tier"], &[&["viewer"], &["ci"], &["admin"]]);
    establish(plain, &[], &[&["viewer", "--logs"]]);
    let teams = [own, plain, other];
    let items: Vec<_> = teams.iter().flat_map(|team| loot(team.name())).collect();
    apply(
        bed,
        &json!({ "apiVersion": "v1", "kind": "List", "items": items }),
    );
    for team in teams {
        wait(team, "condition=Ready", &["pod", VICTIM]);
    }
    two_tiers::wait_for_policy(own, "trainer-submitter");
    Request::make(bed, &format!("{}-attack", own.name()))
}

fn token(team: &Team<'_>, account: &str) -> String {
    let minted = run(team.bed(), &["access", "token", account, "-n", team.name()]);
    assert_eq!(minted.code, 0, "{account}: {}", minted.err);
    minted.out.trim().to_owned()
}

async fn attack(team: &Team<'_>, persona: &str, tries: &[Try]) -> Outcome {
    let account = format!("trainer-{}", persona.split(' ').next().unwrap());
    let caller = Caller::with_token(team.bed(), token(team, &account));
    let user = format!("system:serviceaccount:{}:{account}", team.name());
    let mut outcome = Outcome::default();
    for attempt in tries {
        let answer = caller.send(&attempt.call).await;
        outcome.add(persona, attempt, &answer, &user);
    }
    outcome
}

/// Those of the tries that work for the administrator, which are all but these: what does not work for them says
/// nothing about anybody else.
async fn proven(bed: &Testbed, tries: Vec<Try>, absent: &[&str]) -> Vec<Try> {
    let administrator = Caller::administrator(bed);
    let (mut possible, mut impossible, mut said) = (Vec::new(), Vec::new(), Vec::new());
    for attempt in tries {
        let answer = administrator.send(&attempt.call).await;
        if is_done(&answer) {
            possible.push(attempt);
        } else {
            said.push(format!("{} {}", answer.status, answer.text));
            impossible.push(attempt.name);
        }
    }
    assert_eq!(impossible, absent, "as administrator: {said:#?}");
    possible
}

/// All tries in one namespace as everybody there; gives how many there are, and how many refusals differ.
async fn attack_all(
    team: &Team<'_>,
    cast: Cast,
    tries: Vec<Try>,
    absent: &[&str],
) -> (usize, Vec<(&'static str, usize)>) {
    let tries = proven(team.bed(), tries, absent).await;
    let mut differing = Vec::new();
    for (persona, _) in cast {
        let outcome = attack(team, persona, &tries).await;
        assert_eq!(outcome.wrong, [] as [String; 0]);
        let summary = outcome.summary(persona);
        assert!(outcome.distinct() >= FEWEST, "too few tries: {summary}");
        differing.push((*persona, outcome.distinct()));
    }
    (tries.len(), differing)
}

/// The documents have the numbers of the newest release.
fn assert_told(count: usize, differing: &[(&str, usize)]) {
    let numbers = differing
        .iter()
        .map(|(persona, number)| format!("{persona} {number}"));
    let numbers = numbers.collect::<Vec<_>>().join(", ");
    let documents = [
        include_str!("../../docs/threats.md"),
        include_str!("../../docs/acceptance.md"),
        include_str!("../../CHANGELOG.md"),
    ];
    for document in documents {
        let title = document.lines().next().unwrap();
        assert!(document.contains(&format!("{count} tries")), "{title}");
        assert!(document.contains(&numbers), "{title}: {numbers}");
    }
}

#[test]
fn no_persona_gets_further_than_it_is_meant_to() {
    let Some(bed) = Testbed::shared() else { return };
    let [own, plain, other] =
        ["attacks", "attacks-plain", "attacks-other"].map(|hint| Team::new(&bed, hint));
    let request = scene(&bed, &own, &plain, &other);
    let every = |team: &Team<'_>| {
        tries::every(&Place {
            bed: &bed,
            own: team.name(),
            other: other.name(),
            request: &request.name,
        })
    };
    let tries = every(&own);
    let mut names: Vec<_> = tries.iter().map(|it| &it.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), tries.len(), "two tries have one name");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (count, mut differing) = runtime.block_on(attack_all(&own, IN_TWO_TIERS, tries, &[]));
    let (_, in_one) = runtime.block_on(attack_all(&plain, WITHOUT_TIERS, every(&plain), &OF_TIERS));
    differing.extend(in_one);
    if env::var_os(RELEASE_VARIABLE).is_none() {
        assert_eq!(differing, [IN_TWO_TIERS, WITHOUT_TIERS].concat());
        assert_told(count, &differing);
    }
}
