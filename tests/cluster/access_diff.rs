//! `access diff`, and the kubeconfig that `bootstrap -f` ends with.

use testbed::{Testbed, User};

use crate::{
    bootstrap::{Team, ended, run, run_as},
    support::{binary, kubectl},
};

#[test]
fn who_changes_what_was_granted_is_found_out_without_naming_how_it_was_made() {
    let Some(bed) = Testbed::shared() else { return };
    let team = Team::new(&bed, "drift");
    let diff = || run(&bed, &["access", "diff", "-n", team.name()]);
    let nothing = diff();
    assert_eq!(nothing.code, 5, "{}", nothing.err);
    assert!(nothing.err.contains("nothing was granted in namespace"));
    team.bootstrap(&["--persona", "viewer", "--logs", "--for-user", "jane"]);
    team.bootstrap(&[]);
    let same = diff();
    assert_eq!((same.code, same.out.as_str()), (0, ""), "{}", same.err);
    assert!(same.err.contains("Nothing differs"), "{}", same.err);
    // A right more, by somebody else, and an object less.
    let place = ["-n", team.name()];
    let more = r#"[{"op":"add","path":"/rules/0/verbs/-","value":"deletecollection"}]"#;
    let role = [
        "patch",
        "role",
        "kubectl-trainer-viewer",
        "--type=json",
        "-p",
        more,
    ];
    kubectl(&bed, &[&role[..], &place].concat());
    let binding = "kubectl-trainer:{}:trainer-submitter:cluster-runtimes";
    let binding = binding.replace("{}", team.name());
    kubectl(&bed, &["delete", "clusterrolebinding", &binding]);
    let drifted = diff();
    assert_eq!(drifted.code, 1, "{}", drifted.err);
    assert!(
        drifted
            .out
            .contains(&format!("ClusterRoleBinding {binding}\n+ apiVersion")),
        "{}",
        drifted.out
    );
    let words = format!(
        "Role {}/kubectl-trainer-viewer: kubectl-patch has set .rules",
        team.name()
    );
    assert!(drifted.err.contains(&words), "{}", drifted.err);
    assert!(
        drifted.err.contains("2 of 14 objects differ"),
        "{}",
        drifted.err
    );
}

#[test]
fn the_kubeconfig_at_the_end_logs_in_as_the_account_and_is_never_overwritten() {
    let Some(bed) = Testbed::shared() else { return };
    let team = Team::new(&bed, "boot-file");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("team.kubeconfig");
    let path = file.to_str().unwrap();
    let made = team.bootstrap(&["--persona", "ci", "-f", path]);
    assert!(made.err.contains("which only you can read"), "{}", made.err);
    let whoami = [
        "auth",
        "whoami",
        "-o",
        "jsonpath={.status.userInfo.username}",
    ];
    let mut command = bed.kubectl_command();
    // Nothing of the administrator's own login comes with it.
    command
        .env("KUBECONFIG", &file)
        .args(["--kubeconfig", path]);
    let output = command.args(whoami).output().unwrap();
    let user = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        user,
        format!("system:serviceaccount:{}:trainer-ci", team.name())
    );
    let listed = run_as(&file, &["runtimes", "list", "-o", "name"]);
    assert_eq!(listed.code, 0, "{}", listed.err);
    let before = std::fs::read(&file).unwrap();
    let again = binary()
        .args(["bootstrap", team.name(), "--persona", "ci", "-f", path])
        .env("KUBECONFIG", bed.kubeconfig(&User::Admin).unwrap())
        .output();
    let again = ended(&again.unwrap());
    assert_eq!(again.code, 6, "{}", again.out);
    assert_eq!(again.out, "");
    assert_eq!(std::fs::read(&file).unwrap(), before);
}
