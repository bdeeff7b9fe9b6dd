//! Two tiers in one namespace: the ways in which a TrainJob could run as the platform's account or read its Secrets,
//! each tried by an administrator first, for whom it works, and then by a submitter.

use std::{io::Write as _, process::Stdio};

use serde_json::{Value, json};
use testbed::{Reach, Rule, Testbed, User};

use crate::{
    bootstrap::{Team, run_as},
    own_runtimes::training_runtime,
    support::wait_until,
};

pub(crate) const REFUSED: &str = "(kubectl-trainer, two tiers";

/// The second number of the bed's release.
fn minor(bed: &Testbed) -> u32 {
    let release = bed.options().trainer.as_deref().unwrap();
    release.split('.').nth(1).unwrap().parse().unwrap()
}

/// A TrainJob whose pods are patched with this spec, in the field that the bed's release has for it.
pub(crate) fn job(bed: &Testbed, name: &str, pod: &Value) -> Value {
    let target = json!([{ "name": "node" }]);
    let (field, patch) = match minor(bed) {
        0 => {
            let mut patch = pod.clone();
            patch["targetJobs"] = target;
            ("podSpecOverrides", patch)
        }
        1 => (
            "podTemplateOverrides",
            json!({ "targetJobs": target, "spec": pod }),
        ),
        _ => {
            let template = json!({ "spec": { "template": { "spec": pod } } });
            let jobs = json!([{ "name": "node", "template": template }]);
            let spec = json!({ "template": { "spec": { "replicatedJobs": jobs } } });
            (
                "runtimePatches",
                json!({ "manager": "example.com/test", "trainingRuntimeSpec": spec }),
            )
        }
    };
    with_spec(name, &json!({ (field): [patch] }))
}

/// A TrainJob with these fields beside its runtime.
pub(crate) fn with_spec(name: &str, fields: &Value) -> Value {
    let mut spec = json!({ "runtimeRef": { "name": "torch-distributed" }, "suspend": true });
    for (field, value) in fields.as_object().unwrap() {
        spec[field] = value.clone();
    }
    json!({
        "apiVersion": "trainer.kubeflow.org/v1alpha1", "kind": "TrainJob",
        "metadata": { "name": name }, "spec": spec,
    })
}

/// kubectl with this object on standard input, as an account or as the administrator; the answer's end if it is no.
fn send(
    team: &Team<'_>,
    account: Option<&str>,
    arguments: &[&str],
    object: &Value,
) -> Result<(), String> {
    let mut command = team.bed().kubectl_command();
    if let Some(account) = account {
        command.arg(format!(
            "--as=system:serviceaccount:{}:{account}",
            team.name()
        ));
    }
    command.args(arguments).args(["-n", team.name(), "-f", "-"]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(object.to_string().as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8(output.stderr).unwrap())
}

const TRY: [&str; 2] = ["create", "--dry-run=server"];

/// The administrator may, the submitter may not, and is told why.
#[track_caller]
fn expect_refused(team: &Team<'_>, what: &str, object: &Value) {
    send(team, None, &TRY, object)
        .unwrap_or_else(|error| panic!("{what}, as administrator: {error}"));
    let refusal = send(team, Some("trainer-submitter"), &TRY, object);
    let Err(message) = refusal else {
        panic!("{what} is accepted")
    };
    assert!(message.contains(REFUSED), "{what}: {message}");
}

/// A policy holds a moment after it is made.
pub(crate) fn wait_for_policy(team: &Team<'_>, account: &str) {
    let escape = job(
        team.bed(),
        "probe",
        &json!({ "serviceAccountName": "trainer-system" }),
    );
    wait_until("the policy holds", || {
        send(team, Some(account), &TRY, &escape).is_err_and(|message| message.contains(REFUSED))
    });
}

fn container(env: &Value) -> Value {
    // Trainer itself takes no environment for the container that trains.
    json!([{ "name": "beside", "env": [env] }])
}

fn secret_variable() -> Value {
    json!({ "name": "A", "valueFrom": { "secretKeyRef": { "name": "platform", "key": "a" } } })
}

/// A container with more power than others.
fn mighty_container(security: &Value) -> Value {
    json!([{ "name": "beside", "securityContext": security }])
}

fn volume(source: Value) -> Value {
    let mut volume = source;
    volume["name"] = json!("v");
    json!({ "volumes": [volume] })
}

/// Patches of pods that would reach the platform's account or a Secret that is not theirs.
fn pods_that_escape() -> Vec<(&'static str, Value)> {
    let secret = json!({ "name": "platform" });
    vec![
        (
            "the platform's account",
            json!({ "serviceAccountName": "trainer-system" }),
        ),
        (
            "the submitter's own account",
            json!({ "serviceAccountName": "trainer-submitter" }),
        ),
        (
            "a Secret's volume",
            volume(json!({ "secret": { "secretName": "platform" } })),
        ),
        (
            "a projected Secret",
            volume(json!({ "projected": { "sources": [{ "secret": secret }] } })),
        ),
        (
            "a Secret of a driver",
            volume(json!({ "csi": { "driver": "d", "nodePublishSecretRef": secret } })),
        ),
        (
            "a Secret of a share",
            volume(json!({ "azureFile": { "secretName": "platform", "shareName": "s" } })),
        ),
        (
            "a Secret of a block device",
            volume(json!({ "rbd": { "monitors": ["m"], "image": "i", "secretRef": secret } })),
        ),
        (
            "a Secret of a file system",
            volume(json!({ "cephfs": { "monitors": ["m"], "secretRef": secret } })),
        ),
        (
            "a Secret of a plugin",
            volume(json!({ "flexVolume": { "driver": "d/d", "secretRef": secret } })),
        ),
        (
            "a Secret in a container's environment",
            json!({ "containers": container(&secret_variable()) }),
        ),
        (
            "a Secret in a first container's environment",
            json!({ "initContainers": container(&secret_variable()) }),
        ),
    ]
}

/// Volumes of storage that pods name less often, each with its login in a Secret.
fn storage_that_escapes() -> Vec<(&'static str, Value)> {
    let secret = json!({ "name": "platform" });
    vec![
        (
            "a Secret of Cinder",
            volume(json!({ "cinder": { "volumeID": "v", "secretRef": secret } })),
        ),
        (
            "a Secret of iSCSI",
            volume(
                json!({ "iscsi": { "targetPortal": "p", "iqn": "i", "lun": 0, "secretRef": secret } }),
            ),
        ),
        (
            "a Secret of ScaleIO",
            volume(json!({ "scaleIO": { "gateway": "g", "system": "s", "secretRef": secret } })),
        ),
        (
            "a Secret of StorageOS",
            volume(json!({ "storageos": { "volumeName": "v", "secretRef": secret } })),
        ),
    ]
}

/// Patches of pods that would reach the node, and by it the tokens and Secrets of every pod there.
fn pods_that_reach_the_node(bed: &Testbed) -> Vec<(&'static str, Value)> {
    let mut patches = vec![(
        "a folder of the node",
        volume(json!({ "hostPath": { "path": "/var/lib/kubelet/pods" } })),
    )];
    // Before 2.2 no patch has these fields.
    if minor(bed) >= 2 {
        let privileged = mighty_container(&json!({ "privileged": true }));
        let capable = mighty_container(&json!({ "capabilities": { "add": ["SYS_ADMIN"] } }));
        let windows = json!({ "windowsOptions": { "hostProcess": true } });
        patches.extend([
            (
                "a privileged container",
                json!({ "containers": privileged }),
            ),
            (
                "a privileged first container",
                json!({ "initContainers": privileged }),
            ),
            (
                "a capability of the node's administrators",
                json!({ "containers": capable }),
            ),
            (
                "a capability of a first container",
                json!({ "initContainers": capable }),
            ),
            (
                "a container on the node itself",
                json!({ "containers": mighty_container(&windows) }),
            ),
            (
                "a pod on the node itself",
                json!({ "securityContext": windows }),
            ),
        ]);
    }
    patches
}

/// All of these patches.
pub(crate) fn every_pod_that_escapes(bed: &Testbed) -> Vec<(&'static str, Value)> {
    let mut pods = pods_that_escape();
    pods.extend(storage_that_escapes());
    pods.extend(pods_that_reach_the_node(bed));
    pods
}

/// Fields of a TrainJob that would.
pub(crate) fn fields_that_escape() -> Vec<(&'static str, Value)> {
    let secret = json!({ "name": "platform" });
    // A runtime that fetches a dataset and a model.
    let fetching = json!({ "name": "torchtune-llama3.2-1b" });
    let data = |dataset: Value| json!({ "runtimeRef": fetching, "initializer": dataset });
    vec![
        (
            "a Secret in the trainer's environment",
            json!({ "trainer": { "env": [secret_variable()] } }),
        ),
        (
            "a Secret of the dataset",
            data(json!({ "dataset": { "storageUri": "hf://a/b", "secretRef": secret } })),
        ),
        (
            "a Secret in the model's environment",
            data(json!({ "model": { "storageUri": "hf://a/b", "env": [secret_variable()] } })),
        ),
    ]
}

#[test]
fn training_code_cannot_run_as_the_platform_nor_read_its_secrets_through_any_field() {
    let Some(bed) = Testbed::shared() else { return };
    let team = Team::new(&bed, "tiers");
    team.bootstrap(&[
        "--two-tier",
        "--persona",
        "submitter",
        "--code-secret",
        "hf-token",
    ]);
    wait_for_policy(&team, "trainer-submitter");
    for (what, pod) in &every_pod_that_escapes(&bed) {
        expect_refused(&team, what, &job(&bed, "escape", pod));
    }
    for (what, fields) in &fields_that_escape() {
        expect_refused(&team, what, &with_spec("escape", fields));
    }
    let fine = [
        json!({ "serviceAccountName": "trainer-user-code" }),
        json!({ "serviceAccountName": "default" }),
        volume(json!({ "secret": { "secretName": "hf-token" } })),
        volume(json!({ "emptyDir": {} })),
    ];
    for pod in &fine {
        let answer = send(
            &team,
            Some("trainer-submitter"),
            &TRY,
            &job(&bed, "fine", pod),
        );
        assert_eq!(answer, Ok(()), "{pod}");
    }
    let own = job(
        &bed,
        "own",
        &json!({ "serviceAccountName": "trainer-system" }),
    );
    assert_eq!(send(&team, Some("trainer-system"), &TRY, &own), Ok(()));
}

#[test]
fn a_job_of_the_platform_is_suspended_but_not_turned_into_another_by_a_submitter() {
    let Some(bed) = Testbed::shared() else { return };
    let team = Team::new(&bed, "tiers-later");
    team.bootstrap(&["--two-tier", "--persona", "submitter"]);
    wait_for_policy(&team, "trainer-submitter");
    let own = job(
        &bed,
        "own",
        &json!({ "serviceAccountName": "trainer-system" }),
    );
    assert_eq!(
        send(&team, Some("trainer-system"), &["create"], &own),
        Ok(())
    );
    let user = format!(
        "--as=system:serviceaccount:{}:trainer-submitter",
        team.name()
    );
    let patch = |patch: &str| {
        let job = [
            "patch",
            "trainjob",
            "own",
            "--type=merge",
            "-n",
            team.name(),
        ];
        let output = bed
            .kubectl(&[&job[..], &[&user, "-p", patch]].concat())
            .unwrap();
        (
            output.status.success(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (accepted, message) = patch(r#"{"metadata":{"labels":{"seen":"yes"}}}"#);
    assert!(accepted, "{message}");
    let (accepted, message) = patch(r#"{"spec":{"trainer":{"image":"my-own-code"}}}"#);
    assert!(!accepted && message.contains(REFUSED), "{message}");
}

/// What a TrainingRuntime must not lend to everybody who may make TrainJobs: fields of its pods.
fn runtimes_that_escape() -> Vec<(&'static str, Value)> {
    let secret = json!({ "name": "platform" });
    let mut pods = vec![
        (
            "the platform's account",
            json!({ "serviceAccountName": "trainer-system" }),
        ),
        (
            "the platform's account by its old name",
            json!({ "serviceAccount": "trainer-system" }),
        ),
        (
            "a Secret to pull images",
            json!({ "imagePullSecrets": [secret] }),
        ),
        (
            "a folder of the node",
            volume(json!({ "hostPath": { "path": "/" } })),
        ),
        ("the node's processes", json!({ "hostPID": true })),
        ("the node's network", json!({ "hostNetwork": true })),
        ("the node's memory", json!({ "hostIPC": true })),
    ];
    let containers = [
        (
            "a Secret as environment",
            json!({ "envFrom": [{ "secretRef": secret }] }),
        ),
        (
            "a privileged container",
            json!({ "securityContext": { "privileged": true } }),
        ),
        (
            "a capability",
            json!({ "securityContext": { "capabilities": { "add": ["SYS_PTRACE"] } } }),
        ),
    ];
    pods.extend(containers.map(|(what, mut container)| {
        container["name"] = json!("beside");
        container["image"] = json!("beside");
        (what, json!({ "initContainers": [container] }))
    }));
    pods
}

/// Whoever writes it, and the cluster's administrator too: a runtime lends what it has to every submitter.
#[test]
fn a_runtime_of_the_namespace_is_no_way_around_either_whoever_writes_it() {
    let Some(bed) = Testbed::shared() else { return };
    let (team, open) = (
        Team::new(&bed, "tiers-runtime"),
        Team::new(&bed, "tiers-without"),
    );
    team.bootstrap(&["--two-tier", "--persona", "admin"]);
    wait_for_policy(&team, "trainer-admin");
    let runtime_of = |team: &Team<'_>, pod: &Value| {
        let mut runtime = training_runtime();
        runtime["metadata"]["namespace"] = json!(team.name());
        let own = &mut runtime["spec"]["template"]["spec"]["replicatedJobs"][0]["template"]["spec"]
            ["template"]["spec"];
        for (field, value) in pod.as_object().unwrap() {
            own[field] = value.clone();
        }
        runtime
    };
    let writers = [Some("trainer-admin"), Some("trainer-system"), None];
    for account in writers {
        let plain = runtime_of(&team, &json!({}));
        assert_eq!(send(&team, account, &TRY, &plain), Ok(()));
    }
    for (what, pod) in &runtimes_that_escape() {
        let elsewhere = send(&open, None, &TRY, &runtime_of(&open, pod));
        assert_eq!(elsewhere, Ok(()), "{what}, without the policy");
        for account in writers {
            let refusal = send(&team, account, &TRY, &runtime_of(&team, pod));
            let Err(message) = refusal else {
                panic!("{what} is accepted of {account:?}")
            };
            assert!(message.contains(REFUSED), "{what}: {message}");
        }
    }
}

/// Whoever owns a namespace may do everything in it, and make no policy, which belongs to the cluster.
#[test]
fn the_platforms_account_has_no_rights_until_an_administrator_has_made_the_policy() {
    let Some(bed) = Testbed::shared() else { return };
    let team = Team::new(&bed, "tiers-owner");
    let every = Rule {
        reach: Reach::Namespace,
        groups: &["*"],
        resources: &["*"],
        verbs: &["*"],
    };
    let owner = User::ServiceAccount {
        namespace: team.name(),
        name: "owner",
        rules: &[every],
    };
    let owner = bed.kubeconfig(&owner).unwrap();
    let flags = ["--two-tier", "--namespaced-only"];
    let partly = run_as(&owner, &[&["bootstrap", team.name()], &flags[..]].concat());
    assert_eq!(partly.code, 4, "{}{}", partly.out, partly.err);
    let open = "until an administrator has made it, who may create TrainJobs here may run them as any account of the namespace";
    assert_eq!(partly.err.matches(open).count(), 1, "{}", partly.err);
    let waits = "RoleBinding {}/kubectl-trainer-system-trainer-system needs ValidatingAdmissionPolicyBinding kubectl-trainer-tiers.{}";
    assert!(
        partly.err.contains(&waits.replace("{}", team.name())),
        "{}",
        partly.err
    );
    let create = [
        "create",
        "trainjobs.trainer.kubeflow.org",
        "-n",
        team.name(),
    ];
    assert!(!team.may("trainer-system", &create), "{}", partly.out);
    team.bootstrap(&flags);
    assert!(team.may("trainer-system", &create));
}

#[test]
fn accounts_of_two_namespaces_need_no_policy() {
    let Some(bed) = Testbed::shared() else { return };
    let (team, platform) = (
        Team::new(&bed, "tiers-apart"),
        Team::new(&bed, "tiers-platform"),
    );
    let system = format!("{}/trainer-system", platform.name());
    let made = team.bootstrap(&["--two-tier", "--system-service-account", &system]);
    assert!(
        !made.out.contains("ValidatingAdmissionPolicy"),
        "{}",
        made.out
    );
    let create = [
        "create",
        "trainjobs.trainer.kubeflow.org",
        "-n",
        team.name(),
    ];
    assert!(platform.may("trainer-system", &create));
    assert!(!team.may("trainer-user-code", &create));
}
