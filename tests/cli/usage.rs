//! What is said to somebody who typed something that makes no sense: exit code 2, and the way out.

use std::{fs, os::unix::fs::symlink, path::Path};

use snapbox::str;

use crate::plugin::{BINARY, plugin, plugin_at};

#[test]
fn a_mistyped_command_is_answered_with_the_nearest() {
    plugin()
        .arg("verifi")
        .assert()
        .code(2)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: unrecognized subcommand 'verifi'

  tip: some similar subcommands exist: 'version', 'verify'

Usage: kubectl trainer [OPTIONS] <COMMAND>

For more information, try '--help'.

"#]]);
}

#[test]
fn a_mistyped_flag_is_answered_with_the_nearest() {
    plugin()
        .args(["version", "--contxt", "a"])
        .assert()
        .code(2)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: unexpected argument '--contxt' found

  tip: a similar argument exists: '--context'

Usage: kubectl trainer version --context <NAME>

For more information, try '--help'.

"#]]);
}

#[test]
fn flags_of_kubectl_that_make_no_sense_here_are_refused_with_the_reason() {
    for flag in [
        "--match-server-version",
        "--kuberc=x",
        "--warnings-as-errors",
        "--vmodule=x",
        "--profile=cpu",
        "--log-flush-frequency=1s",
    ] {
        let output = plugin()
            .args(["version", flag])
            .assert()
            .code(2)
            .get_output()
            .clone();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            said.contains("hint: kubectl has this flag, but here it is refused: "),
            "{flag}: {said}"
        );
    }
    plugin()
        .args(["version", "--kuberc", "x"])
        .assert()
        .code(2)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: --kuberc is not taken here
hint: kubectl has this flag, but here it is refused: kubectl does not hand its kuberc on to plugins

"#]]);
}

#[test]
fn half_a_command_shows_the_other_half() {
    plugin()
        .arg("runtimes")
        .assert()
        .code(2)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
Show the training runtimes: the recipes that TrainJobs name

Usage: kubectl trainer runtimes [OPTIONS] <COMMAND>

Commands:
  list  List the runtimes of the cluster and of the namespace [alias: ls]
  show  Show one runtime in detail: policy, jobs, containers, resources, volumes [alias: describe]

Options:
  -h, --help  Print help (see more with '--help')

Output:
      --color <auto|always|never>  Colours; auto heeds the terminal, `NO_COLOR` and `CLICOLOR_FORCE`
  -q, --quiet                      Only answers and errors
  -v, --v[=<LEVEL>]                Show requests on standard error; -vv (or kubectl's -v=8) with
                                   bodies, without secrets

Connection (the same as kubectl's):
  -n, --namespace <NAME>   Namespace; without it, the context's, else `default`
      --context <NAME>     Context of the kubeconfig; several for verify, runtimes list and access
                           kubeconfig
      --kubeconfig <FILE>  The one kubeconfig file to read; without it, the KUBECONFIG list, else
                           ~/.kube/config

"#]]);
    plugin()
        .args(["runtimes", "show"])
        .assert()
        .code(2)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: the following required arguments were not provided:
  <NAME>

Usage: kubectl trainer runtimes show <NAME>

For more information, try '--help'.

"#]]);
}

#[test]
fn a_format_that_a_command_does_not_have_is_answered_with_those_it_has() {
    plugin()
        .args(["version", "-o", "wide"])
        .assert()
        .code(2)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: invalid value 'wide' for '--output <json|yaml>'
  [possible values: json, yaml]

For more information, try '--help'.

"#]]);
}

#[test]
fn values_are_checked_before_anything_is_sent() {
    plugin().args(["version", "--request-timeout", "soon"]).assert().code(2).stdout_eq(str![]).stderr_eq(str![[r#"
error: invalid value 'soon' for '--request-timeout <DURATION>': expected a duration such as 30s, 5m or 1h30m

For more information, try '--help'.

"#]]);
    plugin()
        .args(["version", "--as-user-extra", "scopes"])
        .assert()
        .code(2)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: invalid value 'scopes' for '--as-user-extra <KEY=VALUE>': expected KEY=VALUE

For more information, try '--help'.

"#]]);
    plugin()
        .args(["version", "-q", "-v"])
        .assert()
        .code(2)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: the argument '--quiet' cannot be used with '--v[=<LEVEL>]'
hint: leave one of them out; what each is for: kubectl trainer version --help

"#]]);
}

#[test]
fn names_that_no_object_has_are_refused_before_anything_is_sent() {
    for name in ["", "a b", "torch-distributed?pretty=true", "../x", "a/b/c"] {
        plugin().args(["runtimes", "show", name]).assert().code(2);
    }
    plugin()
        .args(["runtimes", "list", "-n", "../../x"])
        .assert()
        .code(2)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: invalid value '../../x' for '--namespace <NAME>': a name has 1 to 253 of a-z, 0-9, '-' and '.', and begins and ends with a letter or digit

For more information, try '--help'.

"#]]);
}

#[test]
fn the_word_help_shows_the_help_of_a_command() {
    for (word, flag) in [
        (&["help"][..], &["--help"][..]),
        (&["help", "version"], &["version", "--help"]),
        (
            &["runtimes", "help", "list"],
            &["runtimes", "list", "--help"],
        ),
    ] {
        let shown = |words: &[&str]| plugin().args(words).assert().code(0).get_output().clone();
        assert_eq!(shown(word).stdout, shown(flag).stdout, "{word:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn help_that_cannot_be_written_says_so() {
    for words in [&["--help"][..], &[]] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let output = std::process::Command::new(BINARY)
            .args(words)
            .stdout(full)
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(said.starts_with("error: cannot write the answer"), "{said}");
    }
}

#[test]
fn help_heeds_the_flag_for_colours() {
    let output = plugin()
        .args(["--color=always", "version", "--help"])
        .assert()
        .code(0)
        .get_output()
        .clone();
    assert!(String::from_utf8(output.stdout).unwrap().contains('\u{1b}'));
}

#[test]
fn texts_carry_the_name_under_which_the_plugin_was_called() {
    let folder = tempfile::tempdir().unwrap();
    let called = |name: &str| {
        let link = folder.path().join(name);
        symlink(Path::new(BINARY), &link).unwrap();
        plugin_at(&link)
            .arg("verifi")
            .assert()
            .code(2)
            .get_output()
            .stderr
            .clone()
    };
    for (name, shown) in [
        ("kubectl-foo", "Usage: kubectl foo "),
        ("kubectl-ml-train_er", "Usage: kubectl ml train-er "),
        ("ktr", "Usage: ktr "),
    ] {
        let text = String::from_utf8(called(name)).unwrap();
        assert!(text.contains(shown), "{name}: {text}");
    }
    assert!(fs::read_dir(folder.path()).unwrap().count() == 3);
}
