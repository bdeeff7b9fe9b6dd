//! What somebody could do with the token of each persona beyond what it is for: every try is made by the administrator
//! first, for whom it works, and then with the token.

mod caller;
mod tries;

use serde_json::{Value, json};
use testbed::{BUSYBOX_IMAGE, Testbed};

use self::{
    caller::{Answer, Caller},
    tries::{Guard, PORT, Place, Try, VICTIM},
};
use crate::{
    bootstrap::{Team, run},
    own_runtimes::training_runtime,
    support::{apply, kubectl},
    two_tiers,
};

/// Whom the tries are made as. Each has the account that `bootstrap` makes for it.
const PERSONAS: [&str; 6] = ["viewer", "submitter", "ci", "admin", "user-code", "system"];
/// So many tries have to be refused to each.
const FEWEST: usize = 40;

/// What some personas may do by their purpose: to them, these tries have to succeed.
struct Purpose {
    personas: &'static [&'static str],
    tries: &'static [&'static str],
    reason: &'static str,
}

const PURPOSES: [Purpose; 5] = [
    Purpose {
        personas: &["submitter", "ci", "admin", "system"],
        tries: &["read a log", "submit a job", "delete somebody's job"],
        reason: "the jobs of a namespace are everybody's who trains in it",
    },
    Purpose {
        personas: &["submitter", "admin", "system"],
        tries: &["change somebody's job", "keep a job from going"],
        reason: "suspending a job is a change of it, and a role knows no fields",
    },
    Purpose {
        personas: &["admin", "system"],
        tries: &[
            "delete all jobs",
            "make a runtime",
            "change a runtime",
            "delete a runtime",
        ],
        reason: "the jobs and runtimes of the namespace are theirs",
    },
    Purpose {
        personas: &["admin"],
        tries: &["take a viewer's rights away"],
        reason: "who passes roles on takes them back",
    },
    Purpose {
        personas: &["system"],
        tries: &["train with "],
        reason: "the policy keeps others from being the platform, and not the platform",
    },
];

/// Why a persona may do this; none where it must not.
fn purpose(persona: &str, attempt: &Try) -> Option<&'static str> {
    let is_meant = |purpose: &&Purpose| {
        let mut tries = purpose.tries.iter();
        purpose.personas.contains(&persona)
            && tries.any(|name| match attempt.guard {
                Guard::Roles => attempt.name == *name,
                Guard::Tiers => attempt.name.starts_with(name),
            })
    };
    PURPOSES.iter().find(is_meant).map(|it| it.reason)
}

/// What refused a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    /// No rule gives the right.
    Roles,
    /// Nobody grants what they do not hold.
    Escalation,
    /// The policy of two tiers.
    Tiers,
}

/// What refused this account; none where nothing did. Any other answer is no refusal.
fn refusal(answer: &Answer, user: &str) -> Option<Refusal> {
    let said = |words: &str| answer.text.contains(words);
    if answer.status.as_u16() != 403 {
        return None;
    }
    if said(two_tiers::REFUSED) {
        return Some(Refusal::Tiers);
    }
    if said("attempting to grant RBAC permissions not currently held") {
        return Some(Refusal::Escalation);
    }
    let cannot = format!("User \\\"{user}\\\" cannot ");
    said(&cannot).then_some(Refusal::Roles)
}

const fn is_done(answer: &Answer) -> bool {
    matches!(answer.status.as_u16(), 101 | 200..=299)
}

/// What there is to be had in a namespace.
fn loot(namespace: &str) -> Vec<Value> {
    let script = format!(
        "mkdir /www; echo found > /www/index.html; echo ready; exec httpd -f -p {PORT} -h /www"
    );
    let container =
        json!({ "name": "main", "image": BUSYBOX_IMAGE, "command": ["sh", "-c", script] });
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

/// All personas in one namespace with two tiers, a quota and limits, and what they could reach for in it and in another.
fn scene<'a>(bed: &'a Testbed, own: &Team<'_>, other: &Team<'_>) -> Request<'a> {
    own.bootstrap(&[
        "--two-tier",
        "--persona",
        "submitter",
        "--quota",
        "trainjobs=50",
        "--limits",
        "cpu=50m",
    ]);
    for persona in ["viewer", "ci", "admin"] {
        own.bootstrap(&["--persona", persona]);
    }
    // Until the quota is counted, it refuses everything.
    let counted = "--for=jsonpath={.status.hard}";
    let quota = [
        "wait",
        counted,
        "--timeout=60s",
        "resourcequota",
        "--all",
        "-n",
        own.name(),
    ];
    kubectl(bed, &quota);
    for team in [own, other] {
        for object in loot(team.name()) {
            apply(bed, &object);
        }
    }
    for team in [own, other] {
        let ready = [
            "wait",
            "--for=condition=Ready",
            "--timeout=60s",
            "pod",
            VICTIM,
            "-n",
        ];
        kubectl(bed, &[&ready[..], &[team.name()]].concat());
    }
    two_tiers::wait_for_policy(own, "trainer-submitter");
    Request::make(bed, &format!("{}-attack", own.name()))
}

/// What is wrong with the answers to one persona, and how many tries were refused by what.
#[derive(Default)]
struct Outcome {
    wrong: Vec<String>,
    refused: Vec<Refusal>,
    meant: usize,
}

impl Outcome {
    fn add(&mut self, persona: &str, attempt: &Try, answer: &Answer, user: &str) {
        let told = || {
            format!(
                "{persona}, {}: {} {}",
                attempt.name, answer.status, answer.text
            )
        };
        if let Some(reason) = purpose(persona, attempt) {
            self.meant += 1;
            if !is_done(answer) {
                self.wrong.push(format!("{} (meant: {reason})", told()));
            }
            return;
        }
        // Who may make TrainJobs has only the policy before them.
        let trains = ["submitter", "ci", "admin"].contains(&persona);
        match (refusal(answer, user), attempt.guard) {
            (Some(Refusal::Tiers), Guard::Tiers) if trains => self.refused.push(Refusal::Tiers),
            (Some(refusal), guard)
                if refusal != Refusal::Tiers && !(trains && guard == Guard::Tiers) =>
            {
                self.refused.push(refusal);
            }
            _ => self.wrong.push(told()),
        }
    }

    fn count(&self, refusal: Refusal) -> usize {
        self.refused.iter().filter(|it| **it == refusal).count()
    }

    fn summary(&self, persona: &str) -> String {
        format!(
            "{persona}: {} refused ({} by roles, {} by what one holds, {} by the policy), {} meant",
            self.refused.len(),
            self.count(Refusal::Roles),
            self.count(Refusal::Escalation),
            self.count(Refusal::Tiers),
            self.meant
        )
    }
}

fn token(team: &Team<'_>, account: &str) -> String {
    let minted = run(team.bed(), &["access", "token", account, "-n", team.name()]);
    assert_eq!(minted.code, 0, "{account}: {}", minted.err);
    minted.out.trim().to_owned()
}

async fn attack(team: &Team<'_>, persona: &str, tries: &[Try]) -> Outcome {
    let account = format!("trainer-{persona}");
    let caller = Caller::with_token(team.bed(), token(team, &account));
    let user = format!("system:serviceaccount:{}:{account}", team.name());
    let mut outcome = Outcome::default();
    for attempt in tries {
        let answer = caller.send(&attempt.call).await;
        outcome.add(persona, attempt, &answer, &user);
    }
    outcome
}

/// Every try as the administrator: what does not work for them says nothing about anybody else.
async fn prove(administrator: &Caller, tries: &[Try]) {
    let mut impossible = Vec::new();
    for attempt in tries {
        let answer = administrator.send(&attempt.call).await;
        if !is_done(&answer) {
            impossible.push(format!(
                "{}: {} {}",
                attempt.name, answer.status, answer.text
            ));
        }
    }
    assert!(impossible.is_empty(), "as administrator: {impossible:#?}");
}

#[test]
fn no_persona_gets_further_than_it_is_meant_to() {
    let Some(bed) = Testbed::shared() else { return };
    let (own, other) = (Team::new(&bed, "attacks"), Team::new(&bed, "attacks-other"));
    let request = scene(&bed, &own, &other);
    let tries = tries::every(&Place {
        bed: &bed,
        own: own.name(),
        other: other.name(),
        request: &request.name,
    });
    let mut names: Vec<_> = tries.iter().map(|it| &it.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), tries.len(), "two tries have one name");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let outcomes = runtime.unwrap().block_on(async {
        prove(&Caller::administrator(&bed), &tries).await;
        let mut outcomes = Vec::new();
        for persona in PERSONAS {
            outcomes.push((persona, attack(&own, persona, &tries).await));
        }
        outcomes
    });
    println!("{} tries, each done as administrator first", tries.len());
    for (persona, outcome) in outcomes {
        println!("{}", outcome.summary(persona));
        assert_eq!(outcome.wrong, [] as [String; 0]);
        assert!(outcome.refused.len() >= FEWEST, "{persona}: too few tries");
    }
}
