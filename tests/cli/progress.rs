//! What a user may type after `progress`, and what is refused before any cluster is asked.

use snapbox::str;

use crate::plugin::plugin;

#[test]
fn progress_explains_itself() {
    plugin()
        .args(["progress", "-h"])
        .assert()
        .code(0)
        .stdout_eq(str![[r#"
Show how far TrainJobs are

Usage: kubectl trainer progress [OPTIONS] [JOB]

Arguments:
  [JOB]  TrainJob: its name, the beginning of it, trainjob/NAME, or @last; without one, all of the
         namespace

Options:
  -w, --watch
          Follow one job until it is over
  -A, --all-namespaces
          The jobs of all namespaces, as a table
  -o, --output <table|json|yaml>
          Another format; json and yaml have all that is known, json with -w an object for each
          change
      --progress <auto|tty|plain|json|none>
          How far a job is that is followed: bars on a terminal and lines elsewhere (auto), tty,
          plain, json events, or none
  -h, --help
          Print help (see more with '--help')

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

"#]])
        .stderr_eq(str![]);
}

#[test]
fn the_help_says_what_is_shown_where_no_progress_is_wanted() {
    plugin()
        .args(["progress", "--help"])
        .assert()
        .code(0)
        .stdout_eq(str![[r#"
Show how far TrainJobs are

Of one job: [..]
...
With -w it follows until the job is over, and ends with 0 when it is complete, with 1 when it
failed. With --progress none it shows only how the job stands in the end.

Usage: kubectl trainer progress [OPTIONS] [JOB]
...
"#]])
        .stderr_eq(str![]);
}

#[test]
fn wishes_that_make_no_sense_together_are_refused() {
    for (arguments, expected) in [
        (
            &["job", "-A"][..],
            "error: the argument '[JOB]' cannot be used with '--all-namespaces'\n\
             hint: leave one of them out; what each is for: kubectl trainer progress --help",
        ),
        (
            &["-A", "-w"],
            "error: -w follows one TrainJob, and -A means those of all namespaces\n\
             hint: name one and its namespace with -n, or leave -w out and look again",
        ),
        (
            &["job", "-w", "-o", "yaml"],
            "error: -o yaml is for one look\nhint: with -w: -o json, an object a line",
        ),
        (
            &["job", "--progress", "plain"],
            "error: --progress is for a job that is followed\nhint: add --watch",
        ),
        (
            &["-A", "--progress", "tty"],
            "error: --progress is for a job that is followed\n\
             hint: leave it out; or name one TrainJob and its namespace with -n, and add --watch",
        ),
        (
            &["job", "-w", "-o", "json", "--progress", "plain"],
            "error: -o json with -w prints events, and --progress asks for something else\n\
             hint: leave one of them out",
        ),
    ] {
        plugin()
            .arg("progress")
            .args(arguments)
            .assert()
            .code(2)
            .stdout_eq(str![])
            .stderr_eq(format!("{expected}\n"));
    }
}

#[test]
fn a_format_that_there_is_not_is_answered_with_those_that_there_are() {
    plugin()
        .args(["progress", "-o", "wide"])
        .assert()
        .code(2)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: invalid value 'wide' for '--output <table|json|yaml>'
  [possible values: table, json, yaml]

For more information, try '--help'.

"#]]);
}
