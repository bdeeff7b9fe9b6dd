//! What is shown to somebody who asks what there is.

use snapbox::str;

use crate::plugin::plugin;

#[test]
fn without_a_command_each_reader_finds_the_first_ones() {
    plugin()
        .assert()
        .code(0)
        .stdout_eq(str![[r#"
Kubeflow Trainer v2, on the cluster of your current context.

You run the platform
  kubectl trainer verify                      is Trainer healthy? what mends it?
  kubectl trainer verify --wait 5m            the same, until it is healthy
  kubectl trainer version                     the versions that meet here
  kubectl trainer explain                     each check, and how to mend it
  kubectl trainer completion install          TAB for all of this

You own a namespace
  kubectl trainer bootstrap NAMESPACE         make it ready for training
  kubectl trainer runtimes list -n NAMESPACE  the recipes of its people
  kubectl trainer runtimes list --as USER     the same, as one of them sees it

You train models
  kubectl trainer logs -f JOB                 every line of every node, until it ends
  kubectl trainer progress JOB                how far it is, and what it waits for
  kubectl trainer runtimes list               framework, nodes, devices, image
  kubectl trainer runtimes show NAME          one recipe in detail
  kubectl trainer verify                      is it my job, or the cluster?

All commands and flags: kubectl trainer --help

"#]])
        .stderr_eq(str![]);
}

#[test]
fn the_short_help_shows_the_commands_and_says_where_connection_flags_stand() {
    plugin()
        .arg("-h")
        .assert()
        .code(0)
        .stdout_eq(str![[r#"
Check a Kubeflow Trainer v2 installation, see what it offers, and read what its jobs say

Usage: kubectl trainer [OPTIONS] <COMMAND>

Commands:
  verify      Check that Kubeflow Trainer is installed and working [aliases: check, status]
  logs        Show the log lines of every node of a TrainJob
  tail        Follow the log lines of every node: the same as logs --follow
  progress    Show how far TrainJobs are
  runtimes    Show the training runtimes: the recipes that TrainJobs name
  bootstrap   Make a namespace ready for training, with just enough rights for somebody
  access      Give service accounts credentials, see which are out, and take them back
  explain     Explain a check or a reason: what is looked at, why it matters, and how to mend it
  completion  Complete words with TAB: through kubectl, or with a script for your shell
  version     Show the versions of the plugin, of Kubernetes and of Kubeflow Trainer

Options:
  -h, --help     Print help (see more with '--help')
  -V, --version  Print version

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

All connection flags of kubectl work here too, after the word `trainer`: kubectl passes nothing on
that stands before it. `--help` shows them all.

"#]])
        .stderr_eq(str![]);
}

#[test]
fn the_long_help_shows_every_connection_flag() {
    plugin()
        .arg("--help")
        .assert()
        .code(0)
        .stdout_eq(str![[r#"
Check a Kubeflow Trainer v2 installation, see what it offers, and read what its jobs say

Usage: kubectl trainer [OPTIONS] <COMMAND>

Commands:
  verify      Check that Kubeflow Trainer is installed and working [aliases: check, status]
  logs        Show the log lines of every node of a TrainJob
  tail        Follow the log lines of every node: the same as logs --follow
  progress    Show how far TrainJobs are
  runtimes    Show the training runtimes: the recipes that TrainJobs name
  bootstrap   Make a namespace ready for training, with just enough rights for somebody
  access      Give service accounts credentials, see which are out, and take them back
  explain     Explain a check or a reason: what is looked at, why it matters, and how to mend it
  completion  Complete words with TAB: through kubectl, or with a script for your shell
  version     Show the versions of the plugin, of Kubernetes and of Kubeflow Trainer

Options:
  -h, --help
          Print help (see a summary with '-h')

  -V, --version
          Print version

Output:
      --color <auto|always|never>
          Colours; auto heeds the terminal, `NO_COLOR` and `CLICOLOR_FORCE`

  -q, --quiet
          Only answers and errors

  -v, --v[=<LEVEL>]
          Show requests on standard error; -vv (or kubectl's -v=8) with bodies, without secrets

Connection (the same as kubectl's):
  -n, --namespace <NAME>
          Namespace; without it, the context's, else `default`

      --context <NAME>
          Context of the kubeconfig; several for verify, runtimes list and access kubeconfig

      --kubeconfig <FILE>
          The one kubeconfig file to read; without it, the KUBECONFIG list, else ~/.kube/config

      --cluster <NAME>
          Cluster of the kubeconfig

      --user <NAME>
          User of the kubeconfig

  -s, --server <URL>
          URL of the API server

      --tls-server-name <NAME>
          Name that the server's certificate must have

      --insecure-skip-tls-verify[=<true|false>]
          Do not check the server's certificate; the connection is then not safe

      --certificate-authority <FILE>
          PEM file of the authority that signed the server's certificate

      --client-certificate <FILE>
          PEM file of the client certificate

      --client-key <FILE>
          PEM file of the client certificate's key

      --token <TOKEN>
          Bearer token

      --username <NAME>
          User name for basic authentication

      --password <PASSWORD>
          Password for basic authentication

      --as <USER>
          Act as this user or service account (system:serviceaccount:NAMESPACE:NAME)

      --as-group <GROUP>
          Act as a member of this group; may be repeated

      --as-uid <UID>
          Act as the user with this UID

      --as-user-extra <KEY=VALUE>
          Act with this extra attribute; may be repeated

      --request-timeout <DURATION>
          Limit for one answer, such as 10s or 2m; 0 means the default, 30s. Connecting may take 10s
          of it

      --disable-compression[=<true|false>]
          Do not ask the server to compress its answers

      --cache-dir <FOLDER>
          Accepted and ignored: the plugin keeps no cache

All connection flags of kubectl work here too, after the word `trainer`: kubectl passes nothing on
that stands before it.

"#]])
        .stderr_eq(str![]);
}

#[test]
fn verify_explains_itself() {
    plugin()
        .args(["verify", "-h"])
        .assert()
        .code(0)
        .stdout_eq(str![[r#"
Check that Kubeflow Trainer is installed and working

Usage: kubectl trainer verify [OPTIONS]

Options:
  -o, --output <FORMAT>          Format of the report [default: table] [possible values: table,
                                 json, yaml, junit]
      --wait <DURATION>          Try failed checks again for as long as this, such as 90s or 5m
      --only <ID>                Only this check and what it requires; may be repeated, or a list
                                 with commas
      --skip <ID>                Not this check; may be repeated, or a list with commas
      --strict                   Warnings count as failures
      --pre                      Check, before anything is installed, whether a release can be
                                 installed on this cluster, by you
      --service-account <NAME>   Whether this service account may train, not you; also
                                 NAMESPACE/NAME
      --deep                     Also make a real training on two nodes in the namespace of -n,
                                 follow it to its end, and remove it
      --deep-runtime <NAME>      The runtime of that training; without it torch-distributed, or
                                 another of nodes alone
      --deep-image <IMAGE>       Its image, in which a shell is enough; without it the runtime's own
      --deep-timeout <DURATION>  How long it may take; where images are large, the first time takes
                                 longer [default: 5m]
  -h, --help                     Print help (see more with '--help')

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
fn runtimes_explains_itself() {
    plugin()
        .args(["runtimes", "-h"])
        .assert()
        .code(0)
        .stdout_eq(str![[r#"
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

"#]])
        .stderr_eq(str![]);
}

#[test]
fn runtimes_list_explains_itself() {
    plugin()
        .args(["runtimes", "list", "-h"])
        .assert()
        .code(0)
        .stdout_eq(str![[r#"
List the runtimes of the cluster and of the namespace

Usage: kubectl trainer runtimes list [OPTIONS]

Options:
  -A, --all-namespaces                The runtimes of all namespaces
  -l, --selector <LABELS>             Only runtimes with these labels, such as
                                      trainer.kubeflow.org/framework=torch
  -o, --output <wide|json|yaml|name>  Another format; json and yaml print whole objects, as kubectl
                                      does
  -h, --help                          Print help (see more with '--help')

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
fn runtimes_show_explains_itself() {
    plugin()
        .args(["runtimes", "show", "-h"])
        .assert()
        .code(0)
        .stdout_eq(str![[r#"
Show one runtime in detail: policy, jobs, containers, resources, volumes

Usage: kubectl trainer runtimes show [OPTIONS] <NAME>

Arguments:
  <NAME>  Name, or KIND/NAME where a cluster and a namespace have the same name

Options:
  -o, --output <json|yaml|name>  Another format; json and yaml print the whole object, as kubectl
                                 does
  -h, --help                     Print help (see more with '--help')

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
fn explain_explains_itself() {
    plugin()
        .args(["explain", "-h"])
        .assert()
        .code(0)
        .stdout_eq(str![[r#"
Explain a check or a reason: what is looked at, why it matters, and how to mend it

Usage: kubectl trainer explain [OPTIONS] [ID]

Arguments:
  [ID]  The check's ID or the reason's code, as `verify` shows them

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

"#]])
        .stderr_eq(str![]);
}

#[test]
fn version_explains_itself() {
    plugin()
        .args(["version", "-h"])
        .assert()
        .code(0)
        .stdout_eq(str![[r#"
Show the versions of the plugin, of Kubernetes and of Kubeflow Trainer

Usage: kubectl trainer version [OPTIONS]

Options:
      --client              Only the plugin's own version; no cluster is asked
  -o, --output <json|yaml>  Another format
  -h, --help                Print help (see more with '--help')

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
fn check_and_status_mean_verify() {
    let help = |name: &str| {
        plugin()
            .args([name, "--help"])
            .assert()
            .code(0)
            .get_output()
            .stdout
            .clone()
    };
    assert_eq!(help("check"), help("verify"));
    assert_eq!(help("status"), help("verify"));
}

#[test]
fn every_check_is_listed_offline() {
    plugin()
        .arg("explain")
        .assert()
        .code(0)
        .stdout_eq(str![[r#"
ID                                SEVERITY          CHECK
TRN-API                           error             The API server answers and is 1.31 or newer
TRN-IDENTITY                      error             The API server knows who you are
TRN-NS-EXISTS                     error             The namespace exists and takes new objects
TRN-NS-ACCESS                     error             The caller may train in the namespace
TRN-NS-QUOTA                      error when seen   Quotas leave room for a TrainJob
TRN-NS-SERVICE-ACCOUNT            error when seen   Training pods find their service accounts
TRN-NS-POD-ADMISSION              error when seen   Pods of the training runtimes are admitted
TRN-LEGACY-V1                     warning           No older Kubeflow training API is left over
TRN-CRDS                          error             Trainer's and JobSet's CRDs are served
TRN-CRD-SCHEMA                    error             The CRDs are of the controllers' release
TRN-NAMESPACE                     error             Trainer and JobSet are installed
TRN-INSTALLS                      error             No second Trainer or JobSet competes
TRN-DEPLOYMENTS                   error             The controllers of Trainer and JobSet run
TRN-ENDPOINTS                     error             The webhook Services lead to the right pods
TRN-LEASES                        error             Each controller has a leader at work
TRN-CONTROLLER-RBAC               error             The controllers may do what they have to
TRN-CERTIFICATES                  error             The webhook certificates are valid
TRN-CA-BUNDLES                    error             Every webhook entry trusts that certificate
TRN-WEBHOOKS                      error             The webhooks answer when they are called
TRN-RUNTIMES                      error             The release's training runtimes are there
TRN-RUNTIME-PODS                  warning           The runtimes' pods are as Trainer expects
TRN-PROGRESS                      warning           Progress reporting is off, or works
TRN-KUEUE                         warning           Kueue, where it is there, fits this Trainer
TRN-POD-GROUPS                    warning           Gang scheduling has the PodGroups it needs
TRN-DATA-CACHE                    warning           The data cache has what it needs
TRN-STORAGE-CLASS                 warning           Runtimes made here get their volumes
TRN-ACCELERATORS                  warning           Runtimes made here find their accelerators
TRN-DEEP-LEFTOVERS                warning           No earlier trial has left anything behind
TRN-DEEP-DRY-RUNS                 error             A TrainJob of every runtime is accepted
TRN-DEEP-TRAINING                 error             A training on two nodes runs to its end
TRN-TAB                           warning           TAB completes this plugin's words
TRN-PRE-RIGHTS                    error             You may apply a release of Trainer
TRN-PRE-LEFTOVERS                 error             Nothing is left over that stands in the way
TRN-PRE-INSTALLED                 error             No half installation of Trainer is there
TRN-PRE-NAMESPACE                 error             The namespace takes the controllers
TRN-PRE-JOBSET                    error             No other JobSet is installed
TRN-PRE-NODES                     error             A node has room for the controllers
TRN-ACCESS-CREDENTIAL             error             The login is one token and nothing else
TRN-ACCESS-LOGIN                  error             The API server takes the credential
TRN-ACCESS-IDENTITY               error             It logs in as the service account
TRN-ACCESS-PERSONA                error             It is known what the account is for
TRN-ACCESS-MAY-JOBS               error             It may use TrainJobs as its persona does
TRN-ACCESS-MAY-RUNTIMES           error             It may use the namespace's runtimes
TRN-ACCESS-MAY-CLUSTER-RUNTIMES   error             It may read the cluster's runtimes
TRN-ACCESS-MAY-PODS               error             It may read pods, and logs if it should
TRN-ACCESS-MAY-SURROUNDINGS       error             It may read what a job depends on
TRN-ACCESS-MAY-EXTRAS             error             Its further rights are known
TRN-ACCESS-NO-OTHER-NAMESPACES    error             It may nothing in kube-system or everywhere
TRN-ACCESS-NO-TRAINING            error             No more of TrainJobs and runtimes
TRN-ACCESS-NO-SECRETS             error             It may not read or write Secrets
TRN-ACCESS-NO-PODS                error             It may not run or enter pods itself
TRN-ACCESS-NO-IMPERSONATION       error             It may not become somebody else
TRN-ACCESS-NO-RIGHTS              error             It may not grant rights
TRN-ACCESS-NO-CLUSTER             error             It may not change the cluster
TRN-ACCESS-DOES-RUNTIMES          error             It lists the runtimes
TRN-ACCESS-DOES-SUBMIT            error             It submits training, or is refused
TRN-ACCESS-DOES-PODS              error             It reads pods and logs, or is refused

"#]])
        .stderr_eq(str![]);
}

#[test]
fn a_checks_page_is_found_in_any_case() {
    plugin()
        .args(["explain", "trn-identity"])
        .assert()
        .code(0)
        .stdout_eq(str![[r#"
TRN-IDENTITY  The API server knows who you are
severity error, after TRN-API

Asks the API server whom it takes you for (SelfSubjectReview). With an invalid or
missing credential every further answer would be about nobody.

When it fails
  ask it yourself: kubectl auth whoami

What it may find
  Unauthorized
    The API server does not accept the credential: it has expired, was revoked, or
    belongs to another cluster.
    Log in again, or replace the credential in the kubeconfig.
  Anonymous
    No credential reached the API server, so it takes you for system:anonymous.
    Give the context's user a credential with kubectl config set-credentials.
  NotAllowed
    Your account lacks the named RBAC rule, so this could not be looked at. It says
    nothing about the health of Trainer.
    Ask an administrator for the rule, or have somebody run the check who has it.
  RequestFailed
    The API server did not answer a request of this check, or answered with an error. A
    check that cannot look does not pass.
    Follow the hint beside the finding, then run the command again.
  PrerequisiteFailed
    A check that this one builds on failed, so this one was not made.
    Mend the named check first.
  NoAnswerInTime
    The check had no result within its time limit.
    See whether the API server is slow, then run the command again.

"#]])
        .stderr_eq(str![]);
}

#[test]
fn a_check_that_is_not_there_is_answered_with_the_list() {
    plugin()
        .args(["explain", "TRN-MOON"])
        .assert()
        .code(5)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: there is no check or reason "TRN-MOON"
hint: all checks: kubectl trainer explain

"#]]);
}
