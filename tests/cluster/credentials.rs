//! Credentials of service accounts on a real cluster: what is written, whom it logs in, when it ends, and how it is
//! revoked.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use snapbox::{assert_data_eq, str};
use testbed::{Options, Reach, Rule, Testbed, User};

use crate::{
    pty::typed_on_terminal,
    schemas::assert_follows,
    support::{binary, kubectl, wait_until},
    team::{ACCOUNT, Team, claims, id_of, token_in},
};

fn team(hint: &str) -> Option<Team> {
    Some(Team::new(Testbed::shared()?, hint))
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// One field of a kubeconfig's only cluster.
fn cluster_field(file: &Path, field: &str) -> String {
    let path = format!("jsonpath={{.clusters[0].cluster.{field}}}");
    let output = Command::new("kubectl")
        .args([
            "config",
            "view",
            "--raw",
            "--flatten",
            "-o",
            &path,
            "--kubeconfig",
        ])
        .arg(file)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_kubeconfig_holds_a_token_and_the_way_and_nothing_of_the_administrators_login() {
    let Some(team) = team("kubeconfig") else {
        return;
    };
    let file = team.kubeconfig("ci.kubeconfig");
    let text = fs::read_to_string(&file).unwrap();
    let admin = team.bed.kubeconfig(&User::Admin).unwrap();
    // The administrator logs in with a certificate, which would win over any token beside it.
    assert!(
        fs::read_to_string(&admin)
            .unwrap()
            .contains("client-certificate")
    );
    for foreign in [
        "client-certificate",
        "client-key",
        "exec:",
        "auth-provider",
        "insecure",
    ] {
        assert!(!text.contains(foreign), "{foreign}: {text}");
    }
    assert_eq!(mode(&file), 0o600);
    assert!(
        text.contains(&format!("namespace: {}\n", team.namespace.name())),
        "{text}"
    );
    for field in ["server", "certificate-authority-data"] {
        assert_eq!(
            cluster_field(&file, field),
            cluster_field(&admin, field),
            "{field}"
        );
    }
    assert_eq!(team.login(&file), Some(team.user()));
}

#[test]
fn a_file_that_is_there_is_not_replaced_and_no_credential_is_made_for_it() {
    let Some(team) = team("taken") else { return };
    let file = team.file("mine");
    fs::write(&file, "mine").unwrap();
    let output = team
        .access(&["kubeconfig", ACCOUNT, "-f", "mine"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(6));
    assert_data_eq!(
        String::from_utf8(output.stderr).unwrap(),
        str![[r#"
error: mine is there already
hint: name another file, or replace it: --force

"#]]
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    assert_eq!(team.labelled("secret"), "");
    team.run(&["kubeconfig", ACCOUNT, "-f", "mine", "--force"]);
    assert_eq!((team.login(&file), mode(&file)), (Some(team.user()), 0o600));
}

#[test]
fn each_context_gets_a_file_of_its_own() {
    let Some(team) = team("two-contexts") else {
        return;
    };
    let admin = fs::read_to_string(team.bed.kubeconfig(&User::Admin).unwrap()).unwrap();
    let mut config: Value = serde_json::from_str(&admin).unwrap_or_else(|_| {
        let path = team.bed.kubeconfig(&User::Admin).unwrap();
        let view = kubectl(
            &team.bed,
            &[
                "config",
                "view",
                "--raw",
                "-o",
                "json",
                "--kubeconfig",
                path.to_str().unwrap(),
            ],
        );
        serde_json::from_str(&view).unwrap()
    });
    let mut second = config["contexts"][0].clone();
    second["name"] = "prod/eu".into();
    config["contexts"].as_array_mut().unwrap().push(second);
    let both = team.file("both.kubeconfig");
    fs::write(&both, config.to_string()).unwrap();
    fs::create_dir(team.file("out")).unwrap();
    let output = team
        .access(&[
            "kubeconfig",
            ACCOUNT,
            "-f",
            "out",
            "--context",
            "admin",
            "--context",
            "prod/eu",
        ])
        .env("KUBECONFIG", &both)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for name in ["admin.kubeconfig", "prod-eu.kubeconfig"] {
        let file = team.file("out").join(name);
        assert_eq!(
            (team.login(&file), mode(&file)),
            (Some(team.user()), 0o600),
            "{name}"
        );
    }
}

#[test]
fn another_address_is_written_where_one_is_named_and_a_limited_one_is_warned_of() {
    let Some(team) = team("address") else { return };
    let limited = team.run(&["kubeconfig", ACCOUNT, "-f", "near"]);
    let said = String::from_utf8(limited.stderr).unwrap();
    assert!(said.contains("warning: https://127.0.0.1:"), "{said}");
    let address = "https://cluster.example:6443";
    let named = team.run(&[
        "kubeconfig",
        ACCOUNT,
        "-f",
        "far",
        "--advertise-server",
        address,
    ]);
    let said = String::from_utf8(named.stderr).unwrap();
    assert!(!said.contains("warning:"), "{said}");
    assert_eq!(cluster_field(&team.file("far"), "server"), address);
    assert_eq!(
        cluster_field(&team.file("far"), "certificate-authority-data"),
        cluster_field(&team.file("near"), "certificate-authority-data")
    );
}

#[test]
fn an_env_file_is_read_by_a_shell_and_has_the_authority_beside_it() {
    let Some(team) = team("env") else { return };
    fs::create_dir(team.file("my files")).unwrap();
    team.run(&["env", ACCOUNT, "-f", "my files/ci.env"]);
    for name in ["my files/ci.env", "my files/ca.crt"] {
        assert_eq!(mode(&team.file(name)), 0o600, "{name}");
    }
    let script = "set -a; . 'my files/ci.env'; set +a; kubectl auth whoami -o jsonpath='{.status.userInfo.username}' \
        --server \"$K8S_API_SERVER\" --certificate-authority \"$K8S_CA_CERT_FILE\" --token \"$K8S_SERVICE_ACCOUNT_TOKEN\"";
    let output = Command::new("sh")
        .args(["-c", script])
        .env("KUBECONFIG", "/dev/null")
        .current_dir(team.folder.path())
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        team.user(),
        "{output:?}"
    );
    let text = fs::read_to_string(team.file("my files/ci.env")).unwrap();
    assert!(
        text.contains("\nKUBEFLOW_SYSTEM_NAMESPACE=kubeflow-system\n"),
        "{text}"
    );
    // A second account of the same cluster shares the authority.
    team.run(&["env", ACCOUNT, "-f", "my files/other.env"]);
}

#[test]
fn a_report_names_the_credential_and_not_its_token() {
    let Some(team) = team("report") else { return };
    let output = team.run(&[
        "kubeconfig",
        ACCOUNT,
        "-f",
        "ci",
        "-o",
        "json",
        "--duration",
        "20m",
    ]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_follows("credential", &report);
    let token = token_in(&team.file("ci"));
    assert_eq!(report["id"].as_str(), Some(id_of(&token).as_str()));
    assert_eq!(report["grantedSeconds"], 1200);
    assert!(!String::from_utf8(output.stdout).unwrap().contains(&token));
    let output = team.run(&["token", ACCOUNT, "-o", "json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_follows("credential", &report);
    assert_eq!(
        report["id"].as_str(),
        Some(id_of(report["token"].as_str().unwrap()).as_str())
    );
    let output = team.run(&["token", ACCOUNT, "-o", "exec-credential"]);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_follows("exec-credential", &answer);
    assert_ne!(answer["status"]["token"], report["token"]);
}

#[test]
fn a_shorter_lifetime_than_asked_for_is_told() {
    if Testbed::shared().is_none() {
        return;
    }
    let options = Options {
        api_server_flags: vec!["--service-account-max-token-expiration=1h".to_owned()],
        ..Options::default()
    };
    let bed = Testbed::start(&options, &mut std::io::sink()).unwrap();
    let team = Team::new(bed, "short");
    let year = ["token", ACCOUNT, "-o", "json", "--duration", "8760h"];
    let refused = team.access(&year).output().unwrap();
    assert_eq!(refused.status.code(), Some(6));
    let output = team.run(&[&year[..], &["--long-lived"]].concat());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let claims = claims(report["token"].as_str().unwrap());
    let lived = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert_eq!(
        (report["grantedSeconds"].as_i64(), lived),
        (Some(3600), 3600)
    );
    assert_data_eq!(
        String::from_utf8(output.stderr).unwrap(),
        str![[r#"
warning: the server says: requested expiration of 31536000 seconds shortened to 3600 seconds
warning: the server granted 1h (3600 s), not the 365d asked for: it limits the lifetime of tokens
Credential [..] of service account [..]/ci ends after 1h, at [..].
hint: revoke it with: kubectl trainer access revoke [..] -n [..]

"#]]
    );
}

#[test]
fn a_revoked_credential_ends_within_seconds_and_others_of_the_account_live_on() {
    let Some(team) = team("revoke") else { return };
    let (first, second) = (team.kubeconfig("first"), team.kubeconfig("second"));
    let id = id_of(&token_in(&first));
    let output = team
        .access(&["revoke", &id[..13]])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(
        output.status.code(),
        Some(6),
        "without a terminal nothing is removed unasked"
    );
    assert_eq!(team.login(&first), Some(team.user()));
    let output = team.run(&["revoke", &id[..13], "--yes"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.starts_with("removed secret/kubectl-trainer-credential-"),
        "{said}"
    );
    assert!(said.contains(&format!("(credential {id} of ")), "{said}");
    wait_until("the first credential is refused", || {
        team.login(&first).is_none()
    });
    assert_eq!(team.login(&second), Some(team.user()));
    // The account gone, all end; another of its name gives none of them back, and the Secrets go by themselves.
    let account = ["serviceaccount", ACCOUNT, "-n", team.namespace.name()];
    kubectl(&team.bed, &[&["delete"][..], &account].concat());
    wait_until("the second credential is refused", || {
        team.login(&second).is_none()
    });
    kubectl(&team.bed, &[&["create"][..], &account].concat());
    assert_eq!(team.login(&second), None);
    wait_until("the Secrets are gone", || {
        team.labelled("secret").is_empty()
    });
}

#[test]
fn on_a_terminal_nothing_is_removed_before_a_yes() {
    let Some(team) = team("ask") else { return };
    let file = team.kubeconfig("ci");
    let revoke = || team.access(&["revoke", "--service-account", ACCOUNT]);
    let shown = typed_on_terminal(revoke(), "n\n", |_| {});
    assert!(shown.contains("Remove it? [y/N]"), "{shown}");
    assert!(shown.contains("nothing was removed"), "{shown}");
    assert_eq!(team.login(&file), Some(team.user()));
    let shown = typed_on_terminal(revoke(), "y\n", |_| {});
    assert!(shown.contains("removed secret/"), "{shown}");
    assert_eq!(team.labelled("secret"), "");
}

#[test]
fn what_has_ended_is_cleared_away_and_what_has_not_stays() {
    let Some(team) = team("expired") else { return };
    let (ended, lasting) = (team.token(), team.token());
    let secret = claims(&ended)["kubernetes.io"]["secret"]["name"].clone();
    let past = "kubectl-trainer.dev/expires-at=2020-01-01T00:00:00Z";
    kubectl(
        &team.bed,
        &[
            "annotate",
            "--overwrite",
            "secret",
            secret.as_str().unwrap(),
            past,
            "-n",
            team.namespace.name(),
        ],
    );
    team.run(&["revoke", "--expired", "--yes"]);
    let listed = team.list();
    let credentials = listed["credentials"].as_array().unwrap().iter();
    let ids: Vec<_> = credentials
        .map(|credential| credential["id"].clone())
        .collect();
    assert_eq!(ids, [id_of(&lasting)]);
}

#[test]
fn an_env_file_is_rotated_as_well_and_keeps_what_else_stands_in_it() {
    let Some(team) = team("rotate-env") else {
        return;
    };
    team.run(&["env", ACCOUNT, "-f", "ci.env", "--duration", "30m"]);
    let file = team.file("ci.env");
    let before = fs::read_to_string(&file).unwrap() + "# mine\n";
    fs::write(&file, &before).unwrap();
    let rotate = [
        "rotate",
        "-f",
        "ci.env",
        "--overlap",
        "0",
        "--duration",
        "40m",
    ];
    team.run(&rotate);
    let after = fs::read_to_string(&file).unwrap();
    let changed = before
        .lines()
        .zip(after.lines())
        .filter(|(old, new)| old != new);
    let changed: Vec<_> = changed
        .map(|(old, _)| old.split([' ', '=']).next().unwrap())
        .collect();
    assert_eq!(
        changed,
        ["#", "K8S_SERVICE_ACCOUNT_TOKEN", "K8S_TOKEN_EXPIRES_AT"]
    );
    let token = after
        .lines()
        .find_map(|line| line.strip_prefix("K8S_SERVICE_ACCOUNT_TOKEN="));
    let claims = claims(token.unwrap());
    let lived = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert_eq!((lived, mode(&file)), (2400, 0o600));
}

#[test]
fn while_a_credential_is_rotated_one_of_both_logs_in_at_every_moment() {
    let Some(team) = team("rotate") else { return };
    let file = team.kubeconfig("ci");
    let old = team.file("old");
    fs::copy(&file, &old).unwrap();
    let mut rotation = team.access(&["rotate", "-f", "ci", "--overlap", "3s"]);
    let mut child = rotation
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut looks = 0;
    while child.try_wait().unwrap().is_none() {
        // What the file holds at any moment logs in; the old content does so until the overlap is over.
        assert_eq!(team.login(&file), Some(team.user()));
        looks += 1;
    }
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && looks > 3, "{looks}: {output:?}");
    let (before, after) = (id_of(&token_in(&old)), id_of(&token_in(&file)));
    assert_ne!(before, after);
    let lived = |file: &Path| {
        let claims = claims(&token_in(file));
        claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap()
    };
    assert_eq!((lived(&old), lived(&file)), (28_800, 28_800));
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said, format!("rotated {before} to {after}\n"));
    assert_eq!((team.login(&file), mode(&file)), (Some(team.user()), 0o600));
    wait_until("the old credential is refused", || {
        team.login(&old).is_none()
    });
    let listed = team.list();
    assert_eq!(
        listed["credentials"].as_array().unwrap().len(),
        1,
        "{listed:#}"
    );
    assert_eq!(listed["credentials"][0]["id"], after);
}

#[test]
fn a_file_whose_credential_was_revoked_cannot_be_rotated_and_stays_as_it_was() {
    let Some(team) = team("rotate-revoked") else {
        return;
    };
    let file = team.kubeconfig("ci");
    let before = fs::read_to_string(&file).unwrap();
    team.run(&["revoke", &id_of(&token_in(&file)), "--yes"]);
    let output = team.access(&["rotate", "-f", "ci"]).output().unwrap();
    assert_eq!(output.status.code(), Some(5));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("it was taken back, or belongs to another"),
        "{said}"
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), before);
    assert_eq!(team.labelled("secret"), "");
}

#[test]
fn an_entry_that_renews_itself_logs_in_until_its_credential_is_revoked() {
    let Some(team) = team("renewing") else { return };
    team.run(&["kubeconfig", ACCOUNT, "--exec", "-f", "ci"]);
    let file = team.file("ci");
    let text = fs::read_to_string(&file).unwrap();
    assert!(!text.contains("token: "), "{text}");
    assert_eq!(team.login(&file), Some(team.user()));
    let listed = team.list();
    assert_eq!(listed["credentials"][0]["kind"], "renewing", "{listed:#}");
    team.run(&[
        "revoke",
        listed["credentials"][0]["id"].as_str().unwrap(),
        "--yes",
    ]);
    // Each login asks for a token of its own, so this is refused at once.
    assert_eq!(team.login(&file), None);
}

#[test]
fn a_token_that_the_cluster_put_into_a_secret_logs_in_until_it_is_revoked() {
    let Some(team) = team("long-lived") else {
        return;
    };
    let output = team.run(&["kubeconfig", ACCOUNT, "--token-type", "secret", "-f", "ci"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("warning: this token never expires"), "{said}");
    let file = team.file("ci");
    assert_eq!(team.login(&file), Some(team.user()));
    assert_eq!(claims(&token_in(&file)).get("exp"), None);
    team.run(&["revoke", "--service-account", ACCOUNT, "--yes"]);
    wait_until("the token is refused", || team.login(&file).is_none());
}

#[test]
fn who_may_not_have_a_token_made_leaves_nothing_behind() {
    let Some(team) = team("half-rights") else {
        return;
    };
    let rule = |resources, verbs| Rule {
        reach: Reach::Namespace,
        groups: &[""],
        resources,
        verbs,
    };
    let rules = [
        rule(&["serviceaccounts"], &["get"]),
        rule(&["secrets"], &["create", "patch", "delete"]),
    ];
    let caller = User::ServiceAccount {
        namespace: team.namespace.name(),
        name: "helper",
        rules: &rules,
    };
    let caller = team.bed.kubeconfig(&caller).unwrap();
    let output = team
        .access(&["token", ACCOUNT])
        .env("KUBECONFIG", &caller)
        .output()
        .unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(4), 0));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("may not create serviceaccounts/token"),
        "{said}"
    );
    assert_eq!(team.labelled("secret"), "");
}

#[test]
fn revoking_a_grant_removes_what_was_made_for_the_account_and_nothing_else() {
    let Some(team) = team("grant") else { return };
    let namespace = team.namespace.name();
    let labels = json!({
        "app.kubernetes.io/managed-by": "kubectl-trainer",
        "kubectl-trainer.dev/account": "trainer-ci",
        "kubectl-trainer.dev/persona": "ci",
    });
    let rbac = "rbac.authorization.k8s.io";
    let subject = json!({"kind": "ServiceAccount", "name": "trainer-ci", "namespace": namespace});
    let cluster_name = format!("kubectl-trainer:{namespace}:trainer-ci:cluster-runtimes");
    let role = |name: &str, labels: &Value| {
        json!({"apiVersion": format!("{rbac}/v1"), "kind": "Role", "rules": [],
            "metadata": {"name": name, "namespace": namespace, "labels": labels}})
    };
    let made = json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": "trainer-ci", "namespace": namespace, "labels": labels}},
        role("kubectl-trainer-ci", &labels),
        role("hand-made", &json!({})),
        {"apiVersion": format!("{rbac}/v1"), "kind": "RoleBinding", "subjects": [subject],
            "metadata": {"name": "kubectl-trainer-ci-trainer-ci", "namespace": namespace, "labels": labels},
            "roleRef": {"apiGroup": rbac, "kind": "Role", "name": "kubectl-trainer-ci"}},
        {"apiVersion": format!("{rbac}/v1"), "kind": "ClusterRoleBinding", "subjects": [subject],
            "metadata": {"name": cluster_name, "labels": labels},
            "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": "kubectl-trainer-cluster-runtimes-view"}},
    ]});
    team.bed.apply(&made.to_string()).unwrap();
    // Without a name, the only account with a grant is meant.
    let token = String::from_utf8(team.run(&["token"]).stdout).unwrap();
    let listed = team.list();
    assert_follows("access-list", &listed);
    assert_eq!(
        listed["grants"][0]["who"]["name"], "trainer-ci",
        "{listed:#}"
    );
    assert_eq!(
        listed["credentials"][0]["id"].as_str(),
        Some(id_of(&token).as_str())
    );
    let before = kubectl(
        &team.bed,
        &["get", "role,rolebinding,sa", "-n", namespace, "-o", "name"],
    );
    assert!(
        before.contains("role.rbac.authorization.k8s.io/hand-made"),
        "{before}"
    );
    let output = team.run(&[
        "revoke",
        "--service-account",
        "trainer-ci",
        "--grant",
        "--yes",
    ]);
    assert_data_eq!(
        String::from_utf8(output.stdout).unwrap(),
        str![[r#"
removed secret/kubectl-trainer-credential-[..] (credential [..] of [..]/trainer-ci)
removed clusterrolebinding.rbac.authorization.k8s.io/kubectl-trainer:[..]:trainer-ci:cluster-runtimes (the whole cluster)
removed rolebinding.rbac.authorization.k8s.io/kubectl-trainer-ci-trainer-ci (namespace [..])
removed role.rbac.authorization.k8s.io/kubectl-trainer-ci (namespace [..])
removed serviceaccount/trainer-ci (namespace [..])

"#]]
    );
    let after = kubectl(
        &team.bed,
        &["get", "role,rolebinding,sa", "-n", namespace, "-o", "name"],
    );
    let gone = ["kubectl-trainer-ci", "trainer-ci"];
    let kept = before
        .lines()
        .filter(|name| !gone.iter().any(|gone| name.contains(gone)));
    assert_eq!(after.lines().collect::<Vec<_>>(), kept.collect::<Vec<_>>());
}

#[test]
fn a_namespaces_owner_takes_back_all_that_is_in_it_and_is_told_what_only_an_administrator_sees() {
    let Some(team) = team("owner-revokes") else {
        return;
    };
    let token = team.token();
    let rule = |group: &'static [&'static str], resources, verbs| Rule {
        reach: Reach::Namespace,
        groups: group,
        resources,
        verbs,
    };
    let (look, change) = (&["get", "list"], &["get", "list", "delete"]);
    let rules = [
        rule(&[""], &["serviceaccounts"], look),
        rule(&[""], &["secrets"], change),
        rule(
            &["rbac.authorization.k8s.io"],
            &["roles", "rolebindings"],
            change,
        ),
    ];
    let owner = User::ServiceAccount {
        namespace: team.namespace.name(),
        name: "owner",
        rules: &rules,
    };
    let owner = team.bed.kubeconfig(&owner).unwrap();
    let revoke = ["revoke", "--service-account", ACCOUNT, "--grant", "--yes"];
    let output = team
        .access(&revoke)
        .env("KUBECONFIG", &owner)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(4));
    let removed = String::from_utf8(output.stdout).unwrap();
    assert!(removed.contains(&id_of(&token)), "{removed}");
    assert_data_eq!(
        String::from_utf8(output.stderr).unwrap(),
        str![[r#"
error: you may not list ClusterRoleBindings: kubectl-trainer:[..]:ci:cluster-runtimes is left, if it is there
hint: have an administrator run: kubectl delete clusterrolebinding kubectl-trainer:[..]:ci:cluster-runtimes --ignore-not-found

"#]]
    );
    assert_eq!(team.labelled("secret"), "");
}

#[test]
fn a_binding_that_is_too_wide_is_flagged_with_the_commands_that_narrow_it() {
    let Some(team) = team("too-wide") else { return };
    let name = format!("wide-{}", team.namespace.name());
    let resources = "--resource=clustertrainingruntimes.trainer.kubeflow.org,trainingruntimes.trainer.kubeflow.org,trainjobs.trainer.kubeflow.org";
    let verbs = "--verb=get,list,watch,create,update,patch,delete";
    let account = format!("{}:default-editor", team.namespace.name());
    kubectl(
        &team.bed,
        &[
            "create",
            "serviceaccount",
            "default-editor",
            "-n",
            team.namespace.name(),
        ],
    );
    kubectl(
        &team.bed,
        &["create", "clusterrole", &name, verbs, resources],
    );
    kubectl(
        &team.bed,
        &[
            "create",
            "clusterrolebinding",
            &name,
            "--clusterrole",
            &name,
            "--serviceaccount",
            &account,
        ],
    );
    let output = team.run(&["list"]);
    assert_data_eq!(
        String::from_utf8(output.stderr).unwrap(),
        str![[r#"
Nothing was granted in namespace too-wide-[..], and no credential is out.
warning: ClusterRoleBinding wide-[..] is too wide: [..]/default-editor may create TrainJobs in every namespace, and with them use every service account and Secret there
hint: kubectl trainer bootstrap [..] --service-account default-editor
hint: kubectl --context admin delete clusterrolebinding wide-[..]

"#]]
    );
    let listed = team.list();
    assert_follows("access-list", &listed);
    for command in listed["tooWide"][0]["mend"].as_array().unwrap() {
        let words: Vec<_> = command.as_str().unwrap().split(' ').skip(1).collect();
        match words.as_slice() {
            ["trainer", words @ ..] => team.plugin(words),
            words => drop(kubectl(&team.bed, words)),
        }
    }
    assert_eq!(team.list()["tooWide"], json!([]));
    let may = |namespace: &str| {
        let user = format!("--as=system:serviceaccount:{account}");
        let mut kubectl = team.bed.kubectl_command();
        kubectl.args([
            "auth",
            "can-i",
            "create",
            "trainjobs.trainer.kubeflow.org",
            &user,
            "-n",
            namespace,
        ]);
        kubectl.output().unwrap().status.success()
    };
    assert_eq!((may(team.namespace.name()), may("default")), (true, false));
    kubectl(&team.bed, &["delete", "clusterrole", &name]);
}

/// A request of this token in the bed's audit log, under the name that the list shows.
fn audited(team: &Team, id: &str, resource: &str) -> bool {
    let log = team.bed.component_log("audit").unwrap();
    let entries = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let known = json!([format!("JTI={id}")]);
    entries.into_iter().any(|entry| {
        entry["user"]["extra"]["authentication.kubernetes.io/credential-id"] == known
            && entry["objectRef"]["resource"] == resource
            && entry["user"]["username"] == team.user().as_str()
    })
}

#[test]
fn a_request_is_found_in_the_audit_log_under_the_id_that_the_list_shows() {
    let Some(team) = team("audit") else { return };
    let file = team.kubeconfig("ci");
    let listed = team.list();
    let id = listed["credentials"][0]["id"].as_str().unwrap();
    // What is asked for is refused, and written down all the same.
    let asked = binary()
        .args(["runtimes", "list", "--kubeconfig"])
        .arg(&file)
        .output()
        .unwrap();
    assert_eq!(asked.status.code(), Some(4));
    wait_until("the request is in the audit log", || {
        audited(&team, id, "trainingruntimes")
    });
    assert!(!audited(&team, "no-such-id", "trainingruntimes"));
    team.run(&["revoke", id, "--yes"]);
    let refused = || {
        let asked = binary()
            .args(["runtimes", "list", "--kubeconfig"])
            .arg(&file)
            .output();
        asked.unwrap().status.code() == Some(3)
    };
    wait_until("the server no longer knows the caller", refused);
}
