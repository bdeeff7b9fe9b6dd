//! Accounts that would part nothing, and are refused before the cluster is asked.

use snapbox::str;

use crate::plugin::plugin;

#[test]
fn the_account_of_pods_that_name_none_is_not_the_platforms() {
    for account in ["default", "platform/default"] {
        plugin()
            .args(["bootstrap", "team-a", "--two-tier", "--export"])
            .args(["--system-service-account", account])
            .assert()
            .code(2)
            .stdout_eq(str![])
            .stderr_eq(str![[r#"
error: default cannot be the platform's account: every pod that names no account runs as it
hint: name another one: --system-service-account NAME

"#]]);
    }
}

#[test]
fn an_account_as_which_training_code_runs_gets_no_rights() {
    for account in ["trainer-user-code", "team-a/trainer-user-code"] {
        plugin()
            .args(["bootstrap", "team-a", "--two-tier", "--export"])
            .args(["--service-account", account])
            .assert()
            .code(2)
            .stdout_eq(str![])
            .stderr_eq(str![[r#"
error: trainer-user-code cannot get rights: training code runs as it in two tiers
hint: name another one: --service-account NAME

"#]]);
    }
    plugin()
        .args(["bootstrap", "team-a", "--two-tier", "--export"])
        .args(["--service-account", "default"])
        .assert()
        .code(2)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: default cannot get rights: training code runs as it in two tiers
hint: name another one: --service-account NAME

"#]]);
    // An account of that name elsewhere is another one.
    plugin()
        .args(["bootstrap", "team-a", "--two-tier", "--export"])
        .args(["--service-account", "team-b/trainer-user-code"])
        .assert()
        .code(0);
}
