//! What `access` says of credentials without a cluster: its options, and what is refused before anything is asked.

use snapbox::{assert_data_eq, str};

use crate::{plugin::plugin, pty::on_terminal};

/// The options of a command, without the flags that all commands have.
fn own_help(command: &str) -> String {
    let output = plugin().args(["access", command, "-h"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    text.split("\nOutput:\n").next().unwrap().to_owned()
}

#[test]
fn printing_a_token_explains_itself() {
    assert_data_eq!(
        own_help("token"),
        str![[r#"
Print a token of a service account

Usage: kubectl trainer access token [OPTIONS] [SERVICE-ACCOUNT]

Arguments:
  [SERVICE-ACCOUNT]  Service account; without it, the only one of the namespace that has a grant

Options:
      --duration <DURATION>
          How long the token shall live, at least 10m; without it 8h, and 1h for the persona ci. The
          server may grant less
      --long-lived
          Allow more than 24h: whoever finds such a token can use it for as long
      --token-type <request|secret>
          secret: a token that never expires, which the cluster puts into a Secret; for where tokens
          may not be requested
      --audience <NAME>
          Whom the token is for, in place of the API server; may be repeated
      --credential <SECRET>
          Bind the token to this Secret of an earlier credential, and write nothing: for entries
          that renew themselves
  -o, --output <token|json|exec-credential>
          json has the token too; exec-credential is what kubeconfigs expect of a program that logs
          in
  -h, --help
          Print help (see more with '--help')

"#]]
    );
}

#[test]
fn writing_a_kubeconfig_explains_itself() {
    assert_data_eq!(
        own_help("kubeconfig"),
        str![[r#"
Write a kubeconfig that logs in as a service account and as nobody else

Usage: kubectl trainer access kubeconfig [OPTIONS] [SERVICE-ACCOUNT]

Arguments:
  [SERVICE-ACCOUNT]  Service account; without it, the only one of the namespace that has a grant

Options:
      --duration <DURATION>          How long the token shall live, at least 10m; without it 8h, and
                                     1h for the persona ci. The server may grant less
      --long-lived                   Allow more than 24h: whoever finds such a token can use it for
                                     as long
      --token-type <request|secret>  secret: a token that never expires, which the cluster puts into
                                     a Secret; for where tokens may not be requested
  -f, --file <FILE>                  File to write, readable by you alone; `-` writes to standard
                                     output, also on a terminal
      --force                        Replace files that are there
      --advertise-server <URL>       Address to write, where the one that you use yourself is not
                                     reached by others; the authority stays
      --exec                         In place of a token, an entry that fetches one whenever it is
                                     needed, with your own login, through kubectl-trainer: for
                                     people, on this machine
  -o, --output <json>                json: tell on standard output what was made, without the token
  -h, --help                         Print help (see more with '--help')

"#]]
    );
}

#[test]
fn writing_an_env_file_explains_itself() {
    assert_data_eq!(
        own_help("env"),
        str![[r#"
Write an env file for the Kubeflow SDK, or the Python that reads it

Usage: kubectl trainer access env [OPTIONS] [SERVICE-ACCOUNT]

Arguments:
  [SERVICE-ACCOUNT]  Service account; without it, the only one of the namespace that has a grant

Options:
      --duration <DURATION>          How long the token shall live, at least 10m; without it 8h, and
                                     1h for the persona ci. The server may grant less
      --long-lived                   Allow more than 24h: whoever finds such a token can use it for
                                     as long
      --token-type <request|secret>  secret: a token that never expires, which the cluster puts into
                                     a Secret; for where tokens may not be requested
  -f, --file <FILE>                  File to write, readable by you alone; `-` writes to standard
                                     output, also on a terminal
      --force                        Replace files that are there
      --advertise-server <URL>       Address to write, where the one that you use yourself is not
                                     reached by others; the authority stays
  -o, --output <env|python|json>     python: print the Python that reads the variables; json: tell
                                     on standard output what was made, without the token
  -h, --help                         Print help (see more with '--help')

"#]]
    );
}

#[test]
fn listing_explains_itself() {
    assert_data_eq!(
        own_help("list"),
        str![[r#"
List what was granted and which credentials are out

Usage: kubectl trainer access list [OPTIONS]

Options:
  -A, --all-namespaces  The access to all namespaces
  -o, --output <json>   json: one document, with every id and time in full
  -h, --help            Print help (see more with '--help')

"#]]
    );
}

#[test]
fn rotating_explains_itself() {
    assert_data_eq!(
        own_help("rotate"),
        str![[r#"
Replace the credential in a file by a new one, and take the old one back

Usage: kubectl trainer access rotate [OPTIONS] --file <FILE>

Options:
  -f, --file <FILE>          A kubeconfig or env file with one token that kubectl-trainer made
      --overlap <DURATION>   How long the old credential lives on; 0 takes it back at once [default:
                             5m]
      --duration <DURATION>  How long the new token shall live; without it as long as the old one
                             did
  -h, --help                 Print help (see more with '--help')

"#]]
    );
}

#[test]
fn revoking_explains_itself() {
    assert_data_eq!(
        own_help("revoke"),
        str![[r#"
Take back credentials, or all that was granted to a service account

Usage: kubectl trainer access revoke [OPTIONS] [CREDENTIAL]...

Arguments:
  [CREDENTIAL]...  Credentials as `access list` shows them; the beginning of an id is enough

Options:
      --service-account <NAME>  All credentials of this service account
      --grant                   Also what was granted to it, and the account itself where
                                kubectl-trainer made it
      --expired                 Clear away the Secrets of credentials that have ended
  -y, --yes                     Do not ask
  -h, --help                    Print help (see more with '--help')

"#]]
    );
}

#[test]
fn a_lifetime_that_no_server_grants_is_refused_here() {
    plugin()
        .args(["access", "token", "ci", "--duration", "5m"])
        .assert()
        .code(2)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: invalid value '5m' for '--duration <DURATION>': the API server grants no token for less than 10 minutes

For more information, try '--help'.

"#]]);
}

#[test]
fn a_lifetime_of_days_has_to_be_asked_for_twice() {
    plugin()
        .args([
            "access",
            "token",
            "ci",
            "--duration",
            "48h",
            "--server",
            "https://127.0.0.1:1",
        ])
        .assert()
        .code(6)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: a token for 2d is long-lived: whoever finds it can use it for as long
hint: ask for 24h or less, or say that you mean it: --long-lived

"#]]);
}

#[test]
fn a_file_with_a_token_is_not_shown_on_a_terminal_by_mistake() {
    for command in ["kubeconfig", "env"] {
        let sent = on_terminal(&["access", command, "ci"], &[]);
        let words = sent.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("this file holds a token"), "{sent}");
        assert!(
            words.contains(&format!("access {command} -f FILE")),
            "{sent}"
        );
    }
}

#[test]
fn a_folder_that_is_not_there_is_told_before_any_credential_is_made() {
    plugin()
        .args([
            "access",
            "kubeconfig",
            "ci",
            "-f",
            "/nonexistent/ci",
            "--server",
            "https://127.0.0.1:1",
        ])
        .assert()
        .code(5)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: there is no folder /nonexistent
hint: make it: mkdir -p /nonexistent

"#]]);
}

#[test]
fn standard_output_has_the_file_or_the_report() {
    plugin()
        .args(["access", "kubeconfig", "ci", "-f", "-", "-o", "json"])
        .assert()
        .code(2)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: standard output can have the file or the report, not both
hint: write the file to a place of its own: -f FILE

"#]]);
}

#[test]
fn of_several_contexts_each_gets_a_file_in_a_folder() {
    plugin()
        .args([
            "access",
            "kubeconfig",
            "ci",
            "--context",
            "a",
            "--context",
            "b",
        ])
        .assert()
        .code(2)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: with several contexts there are several files
hint: make a folder and name it: kubectl trainer access kubeconfig -f FOLDER

"#]]);
}

#[test]
fn the_python_needs_no_cluster_and_holds_no_credential() {
    let output = plugin()
        .args(["access", "env", "-o", "python"])
        .output()
        .unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("from kubeflow.trainer import"), "{text}");
    assert!(text.contains("\ntrainer = TrainerClient(\n"), "{text}");
}

#[test]
fn what_holds_no_token_cannot_be_rotated() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    std::fs::write(&file, "users: []\n").unwrap();
    plugin()
        .current_dir(folder.path())
        .args(["access", "rotate", "-f", "config"])
        .assert()
        .code(2)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: config cannot be rotated: it holds no token of a service account
hint: an entry that renews itself needs no rotation; else make a new file: kubectl trainer access kubeconfig -f FILE

"#]]);
}

#[test]
fn revoke_takes_no_empty_name_and_never_nothing_for_everything() {
    for text in ["", "5b7"] {
        plugin()
            .args(["access", "revoke", text, "--yes"])
            .assert()
            .code(2)
            .stdout_eq(str![])
            .stderr_eq(str![[r#"
error: invalid value '[..]' for '[CREDENTIAL]...': expected at least the first 4 characters of an id

For more information, try '--help'.

"#]]);
    }
    plugin()
        .args(["access", "revoke", "--yes"])
        .assert()
        .code(2)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: the following required arguments were not provided:
  <CREDENTIAL>...

Usage: kubectl trainer access revoke --yes <CREDENTIAL>...

For more information, try '--help'.

"#]]);
}

#[test]
fn verifying_explains_itself() {
    assert_data_eq!(
        own_help("verify"),
        str![[r#"
Prove what a credential logs in as, what it may, and what it may not

Usage: kubectl trainer access verify [OPTIONS] [SERVICE-ACCOUNT]

Arguments:
  [SERVICE-ACCOUNT]  Make a token of this account and verify that; without it, the kubeconfig itself
                     is verified

Options:
      --service-account <NAME>  Act as this account in place of logging in; also NAMESPACE/NAME
      --persona <PERSONA>       What the account is for, where neither labels nor names tell:
                                viewer, submitter, ci, admin, system or user-code
  -o, --output <FORMAT>         Format of the report [default: table] [possible values: table, json,
                                yaml, junit]
  -h, --help                    Print help (see more with '--help')

"#]]
    );
}

#[test]
fn asking_why_explains_itself() {
    assert_data_eq!(
        own_help("why"),
        str![[r#"
Tell whether somebody may do something, and why, or what is missing

Usage: kubectl trainer access why [OPTIONS] <VERB> <RESOURCE> [NAME]

Arguments:
  <VERB>      Such as get, list, create, patch or delete
  <RESOURCE>  As kubectl takes it: trainjobs, trainjob, deployments.apps, pods/log
  [NAME]      One object; without it, all

Options:
      --service-account <NAME>  Whether this account may; also NAMESPACE/NAME
  -A, --all-namespaces          In all namespaces
  -o, --output <json>           json: one document, with all that was found
  -h, --help                    Print help (see more with '--help')

"#]]
    );
}

#[test]
fn verify_takes_no_login_beside_that_of_the_kubeconfig() {
    for flag in ["--as=ann", "--token=sesame", "--username=ann"] {
        plugin()
            .args(["access", "verify", flag])
            .assert()
            .code(2)
            .stdout_eq(str![])
            .stderr_eq(str![[r#"
error: --[..] cannot be used here: the login is that of the kubeconfig alone, or of the account that is named
hint: leave it out; to act as a service account: --service-account NAMESPACE/NAME

"#]]);
    }
}

#[test]
fn verify_is_about_one_account() {
    plugin()
        .args(["access", "verify", "ci", "--service-account", "a/ci"])
        .assert()
        .code(2)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: the argument '[SERVICE-ACCOUNT]' cannot be used with '--service-account <NAME>'
hint: leave one of them out; what each is for: kubectl trainer access --help

"#]]);
}

#[test]
fn verify_knows_its_personas() {
    plugin()
        .args(["access", "verify", "--persona", "owner"])
        .assert()
        .code(2)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: invalid value 'owner' for '--persona <PERSONA>': expected viewer, submitter, ci, admin, system or user-code

For more information, try '--help'.

"#]]);
}

#[test]
fn verify_of_a_kubeconfig_that_is_not_there_is_a_report_too() {
    plugin()
        .args(["access", "verify", "--kubeconfig", "/nonexistent/ci"])
        .assert()
        .code(3)
        .stdout_eq(str![[r#"
Login
  - skipped  The login is one token and nothing else
             NoConnection: the kubeconfig cannot be used, as TRN-ACCESS-LOGIN says
  ✗ failed   The API server takes the credential
             NoConnection: cannot read the kubeconfig /nonexistent/ci
             hint: look at it: ls -l /nonexistent/ci
             see:  kubectl trainer explain TRN-ACCESS-LOGIN
Not made
  - skipped  because TRN-ACCESS-LOGIN failed: 18 other checks

Nothing is known of the credential: the API server cannot be reached or does not know the credential.

"#]])
        .stderr_eq(str![]);
}

#[test]
fn why_refuses_what_is_no_verb() {
    plugin()
        .args(["access", "why", "create!", "pods"])
        .assert()
        .code(2)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: invalid value 'create!' for '<VERB>': a verb is a word such as get, list, create or impersonate

For more information, try '--help'.

"#]]);
}

#[test]
fn why_refuses_what_is_no_resource() {
    plugin()
        .args(["access", "why", "get", "/healthz"])
        .assert()
        .code(2)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: invalid value '/healthz' for '<RESOURCE>': expected a resource such as trainjobs, deployments.apps or pods/log

For more information, try '--help'.

"#]]);
}
