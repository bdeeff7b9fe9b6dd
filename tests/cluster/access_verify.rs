//! `access verify` on a real cluster: what bootstrap makes verifies clean, and each fault that is planted is found.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use rcgen::{KeyPair, SigningKey as _};
use serde_json::{Value, json};
use snapbox::{assert_data_eq, str};
use testbed::{Testbed, User};

use crate::{
    bootstrap::{Ended, Team, run, run_as},
    schemas::assert_follows,
    support::{Trouble, Verified, expect_from, failed, kubectl, paste, skipped, unknown, warned},
    team::{id_of, token_in},
};

const PERSONAS: [&str; 6] = ["viewer", "submitter", "ci", "admin", "system", "user-code"];
/// What is skipped where nobody knows who logs in.
const AFTER_IDENTITY: [&str; 17] = [
    "PERSONA",
    "MAY-JOBS",
    "MAY-RUNTIMES",
    "MAY-CLUSTER-RUNTIMES",
    "MAY-PODS",
    "MAY-SURROUNDINGS",
    "MAY-EXTRAS",
    "NO-OTHER-NAMESPACES",
    "NO-TRAINING",
    "NO-SECRETS",
    "NO-PODS",
    "NO-IMPERSONATION",
    "NO-RIGHTS",
    "NO-CLUSTER",
    "DOES-RUNTIMES",
    "DOES-SUBMIT",
    "DOES-PODS",
];

#[track_caller]
fn verified(ended: &Ended) -> Verified {
    let report = serde_json::from_str(&ended.out);
    let report: Value =
        report.unwrap_or_else(|error| panic!("{error}: {}{}", ended.out, ended.err));
    assert_follows("verify", &report);
    assert_eq!(report["question"], "granted");
    assert_eq!(report["exitCode"], ended.code);
    Verified {
        exit_code: ended.code,
        report,
    }
}

/// `access verify` of a kubeconfig and no more.
fn verify_file(file: &Path, arguments: &[&str]) -> Verified {
    let arguments = [&["access", "verify", "-o", "json"], arguments].concat();
    verified(&run_as(&file.to_owned(), &arguments))
}

/// `access verify` with the administrator's login.
fn verify_as_admin(bed: &Testbed, arguments: &[&str]) -> Verified {
    let arguments = [&["access", "verify", "-o", "json"], arguments].concat();
    verified(&run(bed, &arguments))
}

/// The first fact of a check.
fn fact<'a>(verified: &'a Verified, id: &str) -> &'a str {
    let mut checks = verified.report["checks"].as_array().unwrap().iter();
    let check = checks.find(|check| check["id"] == id).unwrap();
    check["facts"][0].as_str().unwrap_or_default()
}

struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A persona of the team, and the kubeconfig that bootstrap writes.
    #[track_caller]
    fn persona(&self, team: &Team<'_>, persona: &str) -> PathBuf {
        let file = self.at(persona);
        team.bootstrap(&["--persona", persona, "-f", file.to_str().unwrap()]);
        file
    }

    /// The administrator's kubeconfig with another user.
    fn with_user(&self, team: &Team<'_>, name: &str, user: &Value) -> PathBuf {
        let admin = team.bed().kubeconfig(&User::Admin).unwrap();
        let text = fs::read_to_string(admin).unwrap();
        let mut config: Value = serde_json::from_str(&text).unwrap();
        for (field, value) in user.as_object().unwrap() {
            config["users"][0]["user"][field] = value.clone();
        }
        config["contexts"][0]["context"]["namespace"] = team.name().into();
        let file = self.at(name);
        fs::write(&file, config.to_string()).unwrap();
        file
    }
}

type OwnedTrouble = (String, String, String);

fn owned((id, state, reason): Trouble<'_>) -> OwnedTrouble {
    (id.to_owned(), state.to_owned(), reason.to_owned())
}

fn troubles(report: &Verified) -> Vec<OwnedTrouble> {
    report.troubles().into_iter().map(owned).collect()
}

/// These, and all that is skipped where nobody knows who logs in.
fn with_rest(first: &[Trouble<'_>]) -> Vec<OwnedTrouble> {
    let first = first.iter().copied().map(owned);
    let rest = AFTER_IDENTITY.iter();
    let rest = rest.map(|id| owned(skipped(&format!("TRN-ACCESS-{id}"))));
    first.chain(rest).collect()
}

#[test]
fn each_persona_that_bootstrap_makes_may_what_it_should_and_no_more() {
    let Some(bed) = Testbed::shared() else { return };
    let team = Team::new(&bed, "access-clean");
    let files = Files::new();
    for persona in PERSONAS {
        let file = files.persona(&team, persona);
        let report = expect_from(|| verify_file(&file, &[]), (0, &[]));
        let known = fact(&report, "TRN-ACCESS-PERSONA");
        assert!(known.starts_with(&format!("{persona}, as ")), "{known}");
        let submits = fact(&report, "TRN-ACCESS-DOES-SUBMIT");
        let must_not = ["viewer", "user-code"].contains(&persona);
        let expected = if must_not {
            "refused, as it should be"
        } else {
            "dry run of "
        };
        assert!(submits.starts_with(expected), "{persona}: {submits}");
    }
    let told = run_as(&files.at("ci"), &["access", "verify"]);
    assert_data_eq!(
        told.out.replace(team.name(), "team-a"),
        str![[r#"
Login
  ✓ ok       The login is one token and nothing else      a token of team-a/trainer-ci
  ✓ ok       The API server takes the credential          ends in [..]
  ✓ ok       It logs in as the service account            system:serviceaccount:team-a:trainer-ci
  ✓ ok       It is known what the account is for          ci, as RoleBinding kubectl-trainer-ci-trainer-ci says
Allowed
  ✓ ok       It may use TrainJobs as its persona does     get, list, watch, create, delete
  ✓ ok       It may use the namespace's runtimes          get, list
  ✓ ok       It may read the cluster's runtimes           get, list
  ✓ ok       It may read pods, and logs if it should      get, list
  ✓ ok       It may read what a job depends on            list, get
  ✓ ok       Its further rights are known                 the persona ci has no such right
Not allowed
  ✓ ok       It may nothing in kube-system or everywhere  none of 10 rights
  ✓ ok       No more of TrainJobs and runtimes            none of 16 rights
  ✓ ok       It may not read or write Secrets             none of 8 rights
  ✓ ok       It may not run or enter pods itself          none of 33 rights
  ✓ ok       It may not become somebody else              none of 6 rights
  ✓ ok       It may not grant rights                      none of 23 rights
  ✓ ok       It may not change the cluster                none of 41 rights
Effects
  ✓ ok       It lists the runtimes                        8 runtimes
  ✓ ok       It submits training, or is refused           dry run of deepspeed-distributed
  ✓ ok       It reads pods and logs, or is refused        pods read, logs read

Service account team-a/trainer-ci may do what it should and no more: all 20 checks passed.

"#]]
    );
    // What one persona has is too much for another.
    let report = verify_file(&files.at("admin"), &["--persona", "viewer"]);
    let expected = [
        failed("TRN-ACCESS-NO-TRAINING", "TooWide"),
        failed("TRN-ACCESS-NO-RIGHTS", "TooWide"),
        failed("TRN-ACCESS-DOES-SUBMIT", "NotRefused"),
    ];
    assert_eq!(
        (report.exit_code, report.troubles().as_slice()),
        (1, &expected[..])
    );
    let detail = report.detail("TRN-ACCESS-NO-RIGHTS");
    let binding = format!(
        "RoleBinding {}/kubectl-trainer-admin-delegate-trainer-admin of Role kubectl-trainer-admin-delegate allows it",
        team.name()
    );
    assert!(detail.ends_with(&binding), "{detail}");
    assert!(
        detail.contains("create, patch, delete rolebindings.rbac"),
        "{detail}"
    );
}

#[test]
fn an_account_is_verified_with_a_token_of_its_own_or_by_acting_as_it() {
    let Some(bed) = Testbed::shared() else { return };
    let team = Team::new(&bed, "access-account");
    let files = Files::new();
    let viewer = files.persona(&team, "viewer");
    team.bootstrap(&[]);
    let account = format!("{}/trainer-submitter", team.name());
    let secrets = || kubectl(&bed, &["get", "secrets", "-n", team.name(), "-o", "name"]);
    let before = secrets();
    let report = expect_from(|| verify_as_admin(&bed, &[&account]), (0, &[]));
    assert_eq!(
        fact(&report, "TRN-ACCESS-IDENTITY"),
        format!("system:serviceaccount:{}:trainer-submitter", team.name())
    );
    assert_eq!(secrets(), before);
    let no_login = ["CREDENTIAL", "LOGIN", "IDENTITY"]
        .map(|id| (format!("TRN-ACCESS-{id}"), "skipped", "NoLoginTest"));
    let no_login: Vec<Trouble<'_>> = no_login
        .iter()
        .map(|(id, state, reason)| (id.as_str(), *state, *reason))
        .collect();
    let acted = verify_as_admin(&bed, &["--service-account", &account]);
    assert_eq!((acted.exit_code, acted.troubles()), (0, no_login.clone()));
    let detail = acted.detail("TRN-ACCESS-LOGIN");
    assert_eq!(
        detail,
        "asked by acting as the account: this is no test of a login"
    );
    assert!(fact(&acted, "TRN-ACCESS-DOES-SUBMIT").starts_with("dry run of "));
    // A viewer may not act as somebody else, nor ask about them.
    let refused = verify_file(&viewer, &["--service-account", &account]);
    assert_eq!(refused.exit_code, 4);
    let troubles = refused.troubles();
    assert_eq!(troubles[..3], no_login);
    let rest: Vec<_> = troubles[3..].to_vec();
    let every = AFTER_IDENTITY[1..].iter();
    let every: Vec<_> = every.map(|id| format!("TRN-ACCESS-{id}")).collect();
    let every: Vec<_> = every.iter().map(|id| unknown(id)).collect();
    assert_eq!(rest, every);
    assert!(
        refused
            .detail("TRN-ACCESS-MAY-JOBS")
            .contains("impersonate"),
        "{:#?}",
        refused.problems()
    );
}

#[test]
fn a_right_that_is_too_wide_is_named_with_the_binding_that_gives_it() {
    let Some(bed) = Testbed::shared() else { return };
    let team = Team::new(&bed, "access-faults");
    let files = Files::new();
    let file = files.persona(&team, "submitter");
    expect_from(|| verify_file(&file, &[]), (0, &[]));
    // By hand, and too wide.
    let wide = format!("{}-wide", team.name());
    let subject = format!("--serviceaccount={}:trainer-submitter", team.name());
    kubectl(
        &bed,
        &[
            "create",
            "clusterrolebinding",
            &wide,
            "--clusterrole=cluster-admin",
            &subject,
        ],
    );
    let every = [
        "OTHER-NAMESPACES",
        "TRAINING",
        "SECRETS",
        "PODS",
        "IMPERSONATION",
        "RIGHTS",
        "CLUSTER",
    ];
    let every = every.map(|id| format!("TRN-ACCESS-NO-{id}"));
    let every: Vec<_> = every.iter().map(|id| failed(id, "TooWide")).collect();
    let report = expect_from(
        || verify_file(&file, &["--persona", "submitter"]),
        (1, &every),
    );
    let finding = report.finding("TRN-ACCESS-NO-SECRETS");
    assert_eq!(
        finding["detail"].as_str().unwrap(),
        format!(
            "service account {0}/trainer-submitter may get, list, watch, create, update, patch, delete, deletecollection secrets in namespace {0}, and the persona submitter must not: ClusterRoleBinding {wide} of ClusterRole cluster-admin allows it",
            team.name()
        )
    );
    assert_eq!(
        finding["advice"].as_str().unwrap(),
        format!(
            "an administrator takes the account out of it with: kubectl edit clusterrolebinding {wide}"
        )
    );
    kubectl(&bed, &["delete", "clusterrolebinding", &wide]);
    expect_from(|| verify_file(&file, &[]), (0, &[]));
    // On one object only, which no question about all of them sees.
    let here = ["-n", team.name()];
    let role = [
        "create",
        "role",
        "one-secret",
        "--verb=get",
        "--resource=secrets",
        "--resource-name=db",
    ];
    kubectl(&bed, &[&role[..], &here].concat());
    let binding = [
        "create",
        "rolebinding",
        "one-secret",
        "--role=one-secret",
        &subject,
    ];
    kubectl(&bed, &[&binding[..], &here].concat());
    let expected = [failed("TRN-ACCESS-NO-SECRETS", "TooWide")];
    let report = expect_from(|| verify_file(&file, &[]), (1, &expected));
    let detail = report.detail("TRN-ACCESS-NO-SECRETS");
    assert!(
        detail.contains(" may get secrets db in namespace "),
        "{detail}"
    );
    let binding = format!("RoleBinding {}/one-secret of Role one-secret", team.name());
    assert!(detail.contains(&binding), "{detail}");
}

#[test]
fn a_missing_rule_is_named_and_granted_by_the_printed_command() {
    let Some(bed) = Testbed::shared() else { return };
    let team = Team::new(&bed, "access-missing");
    let files = Files::new();
    let file = files.persona(&team, "submitter");
    expect_from(|| verify_file(&file, &[]), (0, &[]));
    // The SDK cannot do without it.
    remove_rule(&team, "trainingruntimes");
    let expected = [
        failed("TRN-ACCESS-MAY-RUNTIMES", "RightMissing"),
        failed("TRN-ACCESS-DOES-RUNTIMES", "Refused"),
        failed("TRN-ACCESS-DOES-SUBMIT", "Refused"),
    ];
    let report = expect_from(|| verify_file(&file, &[]), (1, &expected));
    assert_eq!(
        report.detail("TRN-ACCESS-MAY-RUNTIMES"),
        format!(
            "service account {0}/trainer-submitter may not get, list, watch trainingruntimes.trainer.kubeflow.org in namespace {0}, and the persona submitter must",
            team.name()
        )
    );
    let told = run_as(&file, &["access", "verify"]);
    assert_data_eq!(
        told.out.replace(team.name(), "team-a"),
        str![[r#"
Login
  ✓ ok       The login is one token and nothing else      a token of team-a/trainer-submitter
  ✓ ok       The API server takes the credential          ends in [..]
  ✓ ok       It logs in as the service account            system:serviceaccount:team-a:trainer-submitter
  ✓ ok       It is known what the account is for          submitter, as RoleBinding kubectl-trainer-submitter-trainer-submitter says
Allowed
  ✓ ok       It may use TrainJobs as its persona does     get, list, watch, create, patch, delete
  ✗ failed   It may use the namespace's runtimes
             RightMissing: service account team-a/trainer-submitter may not get, list, watch trainingruntimes.trainer.kubeflow.org in namespace team-a, and the persona submitter must
             hint: an administrator of the namespace grants it with: kubectl trainer bootstrap team-a --persona submitter --service-account trainer-submitter
             see:  kubectl trainer explain TRN-ACCESS-MAY-RUNTIMES
  ✓ ok       It may read the cluster's runtimes           get, list
  ✓ ok       It may read pods, and logs if it should      get, list, watch
  ✓ ok       It may read what a job depends on            get, list, watch
  ✓ ok       Its further rights are known                 14 of 14
Not allowed
  ✓ ok       It may nothing in kube-system or everywhere  none of 10 rights
  ✓ ok       No more of TrainJobs and runtimes            none of 14 rights
  ✓ ok       It may not read or write Secrets             none of 8 rights
  ✓ ok       It may not run or enter pods itself          none of 33 rights
  ✓ ok       It may not become somebody else              none of 6 rights
  ✓ ok       It may not grant rights                      none of 23 rights
  ✓ ok       It may not change the cluster                none of 41 rights
Effects
  ✗ failed   It lists the runtimes
             Refused: the server says that it may not list trainingruntimes.trainer.kubeflow.org in namespace team-a
             hint: try it yourself: kubectl --kubeconfig [..] get trainingruntimes,clustertrainingruntimes -n NAMESPACE
             see:  kubectl trainer explain TRN-ACCESS-DOES-RUNTIMES
  ✗ failed   It submits training, or is refused
             Refused: the server says that it may not list trainingruntimes.trainer.kubeflow.org in namespace team-a
             hint: see what stands in the way with kubectl trainer verify -n NAMESPACE
             see:  kubectl trainer explain TRN-ACCESS-DOES-SUBMIT
  ✓ ok       It reads pods and logs, or is refused        pods read, logs read

Service account team-a/trainer-submitter does not have the access that it should: 3 failed (TRN-ACCESS-MAY-RUNTIMES, TRN-ACCESS-DOES-RUNTIMES, TRN-ACCESS-DOES-SUBMIT), 17 ok.

"#]]
    );
    let advice = report.finding("TRN-ACCESS-MAY-RUNTIMES")["advice"]
        .as_str()
        .unwrap();
    let (_, command) = advice.split_once(": ").unwrap();
    let words: Vec<_> = command
        .split(' ')
        .skip_while(|word| *word != "bootstrap")
        .collect();
    kubectl(&bed, &["delete", "role", ROLE, "-n", team.name()]);
    let mended = run(&bed, &words);
    assert_eq!(mended.code, 0, "{command}: {}{}", mended.out, mended.err);
    expect_from(|| verify_file(&file, &[]), (0, &[]));
}

const ROLE: &str = "kubectl-trainer-submitter";

/// Takes the rule about this resource out of the submitter's Role.
fn remove_rule(team: &Team<'_>, resource: &str) {
    let namespace = ["-n", team.name()];
    let get = ["get", "role", ROLE, "-o", "json"];
    let role = kubectl(team.bed(), &[&get[..], &namespace].concat());
    let role: Value = serde_json::from_str(&role).unwrap();
    let mut rules = role["rules"].as_array().unwrap().iter();
    let at = rules.position(|rule| rule["resources"] == json!([resource]));
    let patch = json!([{ "op": "remove", "path": format!("/rules/{}", at.unwrap()) }]);
    let patch = format!("--patch={patch}");
    let change = ["patch", "role", ROLE, "--type=json", &patch];
    kubectl(team.bed(), &[&change[..], &namespace].concat());
}

#[track_caller]
fn expect_provider_told(files: &Files, team: &Team<'_>, token: &str) {
    // kubectl ignores a provider beside a token; others would log in with it.
    let user = json!({
        "token": token, "client-certificate": null, "client-key": null,
        "auth-provider": { "name": "oidc", "config": { "id-token": "sesame" } },
    });
    let provider = files.with_user(team, "provider", &user);
    let expected = [failed("TRN-ACCESS-CREDENTIAL", "OtherLogin")];
    expect_from(|| verify_file(&provider, &[]), (1, &expected));
}

#[test]
fn a_login_that_is_not_the_tokens_or_is_not_taken_is_told_by_its_cause() {
    let Some(bed) = Testbed::shared() else { return };
    let team = Team::new(&bed, "access-login");
    let files = Files::new();
    let file = files.persona(&team, "ci");
    let token = token_in(&file);
    // An administrator's certificate wins over the token beside it.
    let both = files.with_user(&team, "both", &json!({ "token": token }));
    let report = verify_file(&both, &[]);
    let expected = [
        failed("TRN-ACCESS-CREDENTIAL", "CertificateBesideToken"),
        failed("TRN-ACCESS-IDENTITY", "SomebodyElse"),
    ];
    assert_eq!(
        (report.exit_code, troubles(&report)),
        (1, with_rest(&expected))
    );
    assert_eq!(
        report.detail("TRN-ACCESS-IDENTITY"),
        format!(
            "the server sees admin, and not system:serviceaccount:{}:trainer-ci",
            team.name()
        )
    );
    // A token of the bed's own key, of this very account, whose time is over.
    let uid = kubectl(
        &bed,
        &[
            "get",
            "serviceaccount",
            "trainer-ci",
            "-n",
            team.name(),
            "-o",
            "jsonpath={.metadata.uid}",
        ],
    );
    let alone = |name: &str, token: &str| {
        let user = json!({ "token": token, "client-certificate": null, "client-key": null });
        files.with_user(&team, name, &user)
    };
    expect_provider_told(&files, &team, &token);
    let live = alone("live", &signed_token(&bed, team.name(), &uid, 600));
    expect_from(|| verify_file(&live, &[]), (0, &[]));
    let expired = alone("expired", &signed_token(&bed, team.name(), &uid, -7230));
    let report = verify_file(&expired, &[]);
    let identity = skipped("TRN-ACCESS-IDENTITY");
    let expected = [failed("TRN-ACCESS-LOGIN", "TokenExpired"), identity];
    assert_eq!(
        (report.exit_code, troubles(&report)),
        (3, with_rest(&expected))
    );
    let detail = report.detail("TRN-ACCESS-LOGIN");
    assert!(
        detail.starts_with("the token expired 2h ago, at 2"),
        "{detail}"
    );
    // A token that was taken back.
    let revoked = run(
        &bed,
        &[
            "access",
            "revoke",
            &id_of(&token),
            "-n",
            team.name(),
            "--yes",
        ],
    );
    assert_eq!(revoked.code, 0, "{}", revoked.err);
    let expected = with_rest(&[failed("TRN-ACCESS-LOGIN", "TokenNotAccepted"), identity]);
    let expected: Vec<Trouble<'_>> = expected
        .iter()
        .map(|(id, state, reason)| (id.as_str(), state.as_str(), reason.as_str()))
        .collect();
    let report = expect_from(|| verify_file(&file, &[]), (3, &expected));
    let detail = report.detail("TRN-ACCESS-LOGIN");
    assert!(
        detail.starts_with("the token has not expired (it would live until 2"),
        "{detail}"
    );
}

#[test]
fn an_account_without_a_persona_and_a_context_without_its_namespace_are_told() {
    let Some(bed) = Testbed::shared() else { return };
    let team = Team::new(&bed, "access-bare");
    let bare = User::ServiceAccount {
        namespace: team.name(),
        name: "bot",
        rules: &[],
    };
    let file = bed.kubeconfig(&bare).unwrap();
    let mut expected = vec![
        warned("TRN-ACCESS-CREDENTIAL", "OtherNamespace"),
        failed("TRN-ACCESS-PERSONA", "PersonaUnknown"),
    ];
    let rest: Vec<_> = AFTER_IDENTITY[1..]
        .iter()
        .map(|id| format!("TRN-ACCESS-{id}"))
        .collect();
    expected.extend(rest.iter().map(|id| skipped(id)));
    let report = verify_file(&file, &[]);
    assert_eq!((report.exit_code, report.troubles()), (1, expected));
    // The command that is shown gives the context its namespace.
    let mend = report.mend("TRN-ACCESS-CREDENTIAL").to_owned();
    paste(&bed, &mend);
    team.bootstrap(&["--service-account", "bot", "--persona", "ci"]);
    let report = expect_from(|| verify_file(&file, &[]), (0, &[]));
    let known = fact(&report, "TRN-ACCESS-PERSONA");
    assert_eq!(known, "ci, as RoleBinding kubectl-trainer-ci-bot says");
}

/// A token of the account `trainer-ci` as the bed's API server itself would sign it, which ends so many seconds from now.
fn signed_token(bed: &Testbed, namespace: &str, uid: &str, lives: i64) -> String {
    let key = bed.admin_files().key.with_file_name("service-accounts.key");
    let key = KeyPair::from_pem(&fs::read_to_string(key).unwrap()).unwrap();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let end = i64::try_from(now).unwrap() + lives;
    let claims = json!({
        "iss": "https://kubernetes.default.svc",
        "aud": ["https://kubernetes.default.svc"],
        "sub": format!("system:serviceaccount:{namespace}:trainer-ci"),
        "iat": end - 10_000,
        "nbf": end - 10_000,
        "exp": end,
        "kubernetes.io": {
            "namespace": namespace,
            "serviceaccount": { "name": "trainer-ci", "uid": uid },
        },
    });
    let encode = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let header = json!({ "alg": "ES256", "typ": "JWT" });
    let body = format!("{}.{}", encode(&header), encode(&claims));
    let signature = fixed_size(&key.sign(body.as_bytes()).unwrap());
    format!("{body}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

/// The two numbers of a signature, 32 bytes each, without the DER around them.
fn fixed_size(der: &[u8]) -> Vec<u8> {
    let mut rest = &der[2..];
    let mut both = Vec::new();
    for _ in 0..2 {
        let length = usize::from(rest[1]);
        let number = &rest[2..2 + length];
        let number = &number[length.saturating_sub(32)..];
        both.extend(vec![0; 32 - number.len()]);
        both.extend(number);
        rest = &rest[2 + length..];
    }
    both
}
