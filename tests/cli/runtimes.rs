//! `runtimes list|show` against a real cluster.

use snapbox::{cmd::Command, str};
use testbed::{Reach, Rule, Testbed, User};

use crate::plugin::plugin;

/// `runtimes` with further words, as this user.
fn runtimes(bed: &Testbed, user: &User<'_>, words: &[&str]) -> Command {
    plugin()
        .env("KUBECONFIG", bed.kubeconfig(user).unwrap())
        .arg("runtimes")
        .args(words)
}

fn as_admin(bed: &Testbed, words: &[&str]) -> Command {
    runtimes(bed, &User::Admin, words)
}

fn namespaced_runtime(namespace: &str) -> String {
    format!(
        "apiVersion: trainer.kubeflow.org/v1alpha1
kind: TrainingRuntime
metadata:
  name: torch-distributed
  namespace: {namespace}
  labels:
    trainer.kubeflow.org/framework: torch
    trainer.kubeflow.org/support: deprecated
spec:
  mlPolicy:
    numNodes: 4
    torch: {{}}
  template:
    spec:
      replicatedJobs:
      - name: node
        template:
          metadata:
            labels:
              trainer.kubeflow.org/trainjob-ancestor-step: trainer
          spec:
            template:
              spec:
                containers:
                - name: node
                  image: registry.example/team/torch:1
                  command: [python, -c, \"print(1)\"]
                  env:
                  - name: HF_TOKEN
                    valueFrom: {{secretKeyRef: {{name: hub, key: token}}}}
                  resources:
                    limits: {{nvidia.com/gpu: 8, memory: 64Gi}}
"
    )
}

#[test]
fn the_released_runtimes_are_listed() {
    let Some(bed) = Testbed::shared() else { return };
    as_admin(&bed, &["list"]).assert().code(0).stdout_eq(str![[r#"
NAME                     SCOPE     FRAMEWORK   NODES   DEVICES            IMAGE                                               AGE
deepspeed-distributed    cluster   deepspeed   1       -                  ghcr.io/kubeflow/trainer/deepspeed-runtime:v2.3.0   [..]
jax-distributed          cluster   jax         1       -                  nvcr.io/nvidia/jax:25.10-py3                        [..]
mlx-distributed          cluster   mlx         1       -                  ghcr.io/kubeflow/trainer/mlx-runtime:v2.3.0         [..]
torch-distributed        cluster   torch       1       -                  pytorch/pytorch:2.13.0-cuda13.0-cudnn9-runtime      [..]
torchtune-llama3.2-1b    cluster   torchtune   1       2 nvidia.com/gpu   ghcr.io/kubeflow/trainer/torchtune-trainer:v2.3.0   [..]
torchtune-llama3.2-3b    cluster   torchtune   1       2 nvidia.com/gpu   ghcr.io/kubeflow/trainer/torchtune-trainer:v2.3.0   [..]
torchtune-qwen2.5-1.5b   cluster   torchtune   1       2 nvidia.com/gpu   ghcr.io/kubeflow/trainer/torchtune-trainer:v2.3.0   [..]
xgboost-distributed      cluster   xgboost     1       -                  ghcr.io/kubeflow/trainer/xgboost-runtime:v2.3.0     [..]

"#]]).stderr_eq(str![]);
    as_admin(&bed, &["list", "-o", "wide"]).assert().code(0).stdout_eq(str![[r#"
NAME                     SCOPE     FRAMEWORK   NODES   DEVICES            POLICY    JOBS                                         GANG   IMAGE                                               AGE
deepspeed-distributed    cluster   deepspeed   1       -                  mpi       node,launcher                                -      ghcr.io/kubeflow/trainer/deepspeed-runtime:v2.3.0   [..]
jax-distributed          cluster   jax         1       -                  jax       node                                         -      nvcr.io/nvidia/jax:25.10-py3                        [..]
mlx-distributed          cluster   mlx         1       -                  mpi       node,launcher                                -      ghcr.io/kubeflow/trainer/mlx-runtime:v2.3.0         [..]
torch-distributed        cluster   torch       1       -                  torch     node                                         -      pytorch/pytorch:2.13.0-cuda13.0-cudnn9-runtime      [..]
torchtune-llama3.2-1b    cluster   torchtune   1       2 nvidia.com/gpu   torch     dataset-initializer,model-initializer,node   -      ghcr.io/kubeflow/trainer/torchtune-trainer:v2.3.0   [..]
torchtune-llama3.2-3b    cluster   torchtune   1       2 nvidia.com/gpu   torch     dataset-initializer,model-initializer,node   -      ghcr.io/kubeflow/trainer/torchtune-trainer:v2.3.0   [..]
torchtune-qwen2.5-1.5b   cluster   torchtune   1       2 nvidia.com/gpu   torch     dataset-initializer,model-initializer,node   -      ghcr.io/kubeflow/trainer/torchtune-trainer:v2.3.0   [..]
xgboost-distributed      cluster   xgboost     1       -                  xgboost   node                                         -      ghcr.io/kubeflow/trainer/xgboost-runtime:v2.3.0     [..]

"#]]).stderr_eq(str![]);
    as_admin(&bed, &["list", "-o", "name"])
        .assert()
        .code(0)
        .stdout_eq(str![[r#"
clustertrainingruntime.trainer.kubeflow.org/deepspeed-distributed
clustertrainingruntime.trainer.kubeflow.org/jax-distributed
clustertrainingruntime.trainer.kubeflow.org/mlx-distributed
clustertrainingruntime.trainer.kubeflow.org/torch-distributed
clustertrainingruntime.trainer.kubeflow.org/torchtune-llama3.2-1b
clustertrainingruntime.trainer.kubeflow.org/torchtune-llama3.2-3b
clustertrainingruntime.trainer.kubeflow.org/torchtune-qwen2.5-1.5b
clustertrainingruntime.trainer.kubeflow.org/xgboost-distributed

"#]])
        .stderr_eq(str![]);
}

#[test]
fn a_namespace_adds_its_own_and_a_selector_chooses() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("runtimes").unwrap();
    bed.apply(&namespaced_runtime(namespace.name())).unwrap();
    let words = [
        "list",
        "-n",
        namespace.name(),
        "-l",
        "trainer.kubeflow.org/framework=torch",
    ];
    as_admin(&bed, &words).assert().code(0).stdout_eq(str![[r#"
NAME                SCOPE [..] FRAMEWORK   NODES   DEVICES            IMAGE                                            AGE[..]   NOTE
torch-distributed   cluster [..] torch       1       -                  pytorch/pytorch:2.13.0-cuda13.0-cudnn9-runtime   [..]
torch-distributed   namespace/runtimes-[..]   torch       4       8 nvidia.com/gpu   registry.example/team/torch:1                    [..]   deprecated

"#]]).stderr_eq(str![]);
    let all = as_admin(
        &bed,
        &[
            "list",
            "-A",
            "-l",
            "trainer.kubeflow.org/support=deprecated",
            "-o",
            "name",
        ],
    );
    all.assert()
        .code(0)
        .stdout_eq(str![[r#"
trainingruntime.trainer.kubeflow.org/torch-distributed
trainingruntime.trainer.kubeflow.org/torch-distributed

"#]])
        .stderr_eq(str![]);
}

#[test]
fn json_is_what_kubectl_prints() {
    let Some(bed) = Testbed::shared() else { return };
    let kubectl = bed
        .kubectl(&["get", "clustertrainingruntimes", "-o", "json"])
        .unwrap()
        .stdout;
    let plugin = as_admin(&bed, &["list", "-o", "json"])
        .assert()
        .code(0)
        .get_output()
        .stdout
        .clone();
    assert_eq!(
        String::from_utf8(plugin).unwrap(),
        String::from_utf8(kubectl).unwrap()
    );
    let kubectl = bed
        .kubectl(&[
            "get",
            "clustertrainingruntime",
            "jax-distributed",
            "-o",
            "json",
        ])
        .unwrap()
        .stdout;
    let plugin = as_admin(&bed, &["show", "jax-distributed", "-o", "json"])
        .assert()
        .code(0)
        .get_output()
        .stdout
        .clone();
    assert_eq!(
        String::from_utf8(plugin).unwrap(),
        String::from_utf8(kubectl).unwrap()
    );
}

#[test]
fn yaml_reads_back_as_the_same_object() {
    let Some(bed) = Testbed::shared() else { return };
    let yaml = as_admin(&bed, &["show", "torch-distributed", "-o", "yaml"])
        .assert()
        .code(0)
        .get_output()
        .stdout
        .clone();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), yaml).unwrap();
    let diff = bed
        .kubectl(&["diff", "-f", &file.path().to_string_lossy()])
        .unwrap();
    assert_eq!(
        diff.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&diff.stdout)
    );
}

#[test]
fn one_runtime_is_shown_in_detail() {
    let Some(bed) = Testbed::shared() else { return };
    as_admin(&bed, &["show", "torchtune-llama3.2-1b"]).assert().code(0).stdout_eq(str![[r#"
torchtune-llama3.2-1b
  Scope:     cluster: every namespace may use it
  Framework: torchtune
  Nodes:     1 (a TrainJob may ask for another number)
  Devices:   2 nvidia.com/gpu (for each node)
  Policy:    torch
  Gang:      none
  Age:       [..]
  Labels:    trainer.kubeflow.org/framework=torchtune
             trainer.kubeflow.org/webhook-validation=disabled
  Volume:    initializer: 20Gi (ReadWriteOnce) of the default storage class, for each TrainJob

Job dataset-initializer (step dataset-initializer)
  Container dataset-initializer
    Image:     ghcr.io/kubeflow/trainer/dataset-initializer:v2.3.0
    Env:       STORAGE_URI=hf://tatsu-lab/alpaca
    Mount:     initializer on /workspace

Job model-initializer (step model-initializer)
  Container model-initializer
    Image:     ghcr.io/kubeflow/trainer/model-initializer:v2.3.0
    Env:       STORAGE_URI=hf://meta-llama/Llama-3.2-1B-Instruct
    Mount:     initializer on /workspace

Job node (step trainer, after dataset-initializer is Complete, after model-initializer is Complete)
  Container node
    Image:     ghcr.io/kubeflow/trainer/torchtune-trainer:v2.3.0
    Command:   tune run --rdzv_endpoint=localhost:29500 full_finetune_distributed --config llama3_2/1B_full dataset=torchtune.datasets.instruct_dataset dataset.source=parquet dataset.data_dir=/workspace/dataset/data output_dir=/workspace/output tokenizer.path=/workspace/model/original/tokenizer.model checkpointer.checkpoint_dir=/workspace/model
    Resources: limits nvidia.com/gpu 2
    Mount:     initializer on /workspace

"#]]).stderr_eq(str![]);
    as_admin(&bed, &["show", "deepspeed-distributed"]).assert().code(0).stdout_eq(str![[r#"
deepspeed-distributed
  Scope:     cluster: every namespace may use it
  Framework: deepspeed
  Nodes:     1 (a TrainJob may ask for another number)
  Devices:   none
  Policy:    mpi (mpiImplementation: OpenMPI, numProcPerNode: 1, runLauncherAsNode: true, sshAuthMountPath: /home/mpiuser/.ssh)
  Gang:      none
  Age:       [..]
  Labels:    trainer.kubeflow.org/framework=deepspeed
             trainer.kubeflow.org/webhook-validation=disabled

Job node
  Container node
    Image:     ghcr.io/kubeflow/trainer/deepspeed-runtime:v2.3.0
    Command:   /usr/sbin/sshd -De -f /home/mpiuser/.sshd_config

Job launcher (step trainer, after node is Ready)
  Container node
    Image:     ghcr.io/kubeflow/trainer/deepspeed-runtime:v2.3.0

"#]]).stderr_eq(str![]);
}

#[test]
fn a_name_that_a_cluster_and_a_namespace_have_shows_both_unless_the_kind_is_named() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("runtimes").unwrap();
    bed.apply(&namespaced_runtime(namespace.name())).unwrap();
    let show = |name: &str| as_admin(&bed, &["show", name, "-n", namespace.name()]);
    show("torch-distributed")
        .assert()
        .code(0)
        .stdout_eq(str![[r#"
torch-distributed
  Scope:     cluster: every namespace may use it
  Framework: torch
  Nodes:     1 (a TrainJob may ask for another number)
  Devices:   none
  Policy:    torch
  Gang:      none
  Age:       [..]
  Labels:    trainer.kubeflow.org/framework=torch
             trainer.kubeflow.org/webhook-validation=disabled

Job node (step trainer)
  Container node
    Image:     pytorch/pytorch:2.13.0-cuda13.0-cudnn9-runtime

torch-distributed
  Scope:     namespace runtimes-[..]: a TrainJob there names it with runtimeRef.kind TrainingRuntime
  Framework: torch
  Nodes:     4 (a TrainJob may ask for another number)
  Devices:   8 nvidia.com/gpu (for each node)
  Policy:    torch
  Gang:      none
  Age:       [..]
  Labels:    trainer.kubeflow.org/framework=torch
             trainer.kubeflow.org/support=deprecated
  Note:      deprecated

Job node (step trainer)
  Container node
    Image:     registry.example/team/torch:1
    Command:   python -c 'print(1)'
    Resources: limits memory 64Gi, nvidia.com/gpu 8
    Env:       HF_TOKEN from key token of Secret hub

"#]])
        .stderr_eq(str![]);
    show("trainingruntime/torch-distributed")
        .assert()
        .code(0)
        .stdout_eq(str![[r#"
torch-distributed
  Scope:     namespace runtimes-[..]: a TrainJob there names it with runtimeRef.kind TrainingRuntime
  Framework: torch
  Nodes:     4 (a TrainJob may ask for another number)
  Devices:   8 nvidia.com/gpu (for each node)
  Policy:    torch
  Gang:      none
  Age:       [..]
  Labels:    trainer.kubeflow.org/framework=torch
             trainer.kubeflow.org/support=deprecated
  Note:      deprecated

Job node (step trainer)
  Container node
    Image:     registry.example/team/torch:1
    Command:   python -c 'print(1)'
    Resources: limits memory 64Gi, nvidia.com/gpu 8
    Env:       HF_TOKEN from key token of Secret hub

"#]])
        .stderr_eq(str![]);
    show("pod/torch-distributed")
        .assert()
        .code(2)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: "pod" is not a kind of runtime
hint: write clustertrainingruntime/torch-distributed or trainingruntime/torch-distributed

"#]]);
}

#[test]
fn a_runtime_that_is_not_there_is_answered_with_the_nearest() {
    let Some(bed) = Testbed::shared() else { return };
    as_admin(&bed, &["show", "torch-distribute"])
        .assert()
        .code(5)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: there is no runtime "torch-distribute" in the cluster or in namespace default
hint: did you mean "torch-distributed"? all: kubectl trainer runtimes list

"#]]);
    as_admin(&bed, &["show", "zzz"])
        .assert()
        .code(5)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: there is no runtime "zzz" in the cluster or in namespace default
hint: all runtimes: kubectl trainer runtimes list

"#]]);
}

#[test]
fn somebody_without_rights_reads_which_rule_is_missing() {
    let Some(bed) = Testbed::shared() else { return };
    let nobody = User::ServiceAccount {
        namespace: "default",
        name: "nobody",
        rules: &[],
    };
    runtimes(&bed, &nobody, &["list"]).assert().code(4).stdout_eq(str![]).stderr_eq(str![[r#"
error: forbidden: user "system:serviceaccount:default:nobody" may not list clustertrainingruntimes.trainer.kubeflow.org at the cluster scope
hint: ask an administrator for verb "list" on resource "clustertrainingruntimes" of apiGroup "trainer.kubeflow.org"; check it with: kubectl --context nobody auth can-i list clustertrainingruntimes.trainer.kubeflow.org --all-namespaces

"#]]);
}

#[test]
fn whoever_may_read_one_kind_only_sees_it_and_reads_what_is_missing() {
    let Some(bed) = Testbed::shared() else { return };
    let rules = [Rule {
        reach: Reach::Cluster,
        groups: &["trainer.kubeflow.org"],
        resources: &["clustertrainingruntimes"],
        verbs: &["get", "list"],
    }];
    let half = User::ServiceAccount {
        namespace: "default",
        name: "half",
        rules: &rules,
    };
    runtimes(&bed, &half, &["list", "-o", "name"]).assert().code(4).stdout_eq(str![[r#"
clustertrainingruntime.trainer.kubeflow.org/deepspeed-distributed
clustertrainingruntime.trainer.kubeflow.org/jax-distributed
clustertrainingruntime.trainer.kubeflow.org/mlx-distributed
clustertrainingruntime.trainer.kubeflow.org/torch-distributed
clustertrainingruntime.trainer.kubeflow.org/torchtune-llama3.2-1b
clustertrainingruntime.trainer.kubeflow.org/torchtune-llama3.2-3b
clustertrainingruntime.trainer.kubeflow.org/torchtune-qwen2.5-1.5b
clustertrainingruntime.trainer.kubeflow.org/xgboost-distributed

"#]]).stderr_eq(str![[r#"
error: forbidden: user "system:serviceaccount:default:half" may not list trainingruntimes.trainer.kubeflow.org in namespace default
hint: ask an administrator for verb "list" on resource "trainingruntimes" of apiGroup "trainer.kubeflow.org"; check it with: kubectl --context half auth can-i list trainingruntimes.trainer.kubeflow.org -n default

"#]]);
}

#[test]
fn verbose_shows_each_request_over_one_http2_connection() {
    let Some(bed) = Testbed::shared() else { return };
    as_admin(&bed, &["list", "-o", "name", "-v"]).assert().code(0).stderr_eq(str![[r#"
GET /apis/trainer.kubeflow.org/v1alpha1/clustertrainingruntimes?limit=500 200 HTTP/2.0 in [..] ms
GET /apis/trainer.kubeflow.org/v1alpha1/namespaces/default/trainingruntimes?limit=500 200 HTTP/2.0 in [..] ms

"#]]);
}

#[test]
fn no_runtimes_is_an_answer() {
    let Some(bed) = Testbed::shared() else { return };
    let words = ["list", "-n", "kube-public", "-l", "no=such"];
    as_admin(&bed, &words)
        .assert()
        .code(0)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
No runtimes found in the cluster or in namespace kube-public.

"#]]);
    as_admin(&bed, &["list", "-l", "no=such", "-o", "json"])
        .assert()
        .code(0)
        .stdout_eq(str![[r#"
{
    "apiVersion": "v1",
    "items": [],
    "kind": "List",
    "metadata": {
        "resourceVersion": ""
    }
}

"#]])
        .stderr_eq(str![]);
}

#[test]
fn a_cluster_without_trainer_is_told_so_with_the_commands_that_install_it() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    let kubectl =
        |words: &[&str]| assert!(bed.kubectl(words).unwrap().status.success(), "{words:?}");
    kubectl(&[
        "delete",
        "crd",
        "clustertrainingruntimes.trainer.kubeflow.org",
        "trainingruntimes.trainer.kubeflow.org",
        "trainjobs.trainer.kubeflow.org",
    ]);
    as_admin(&bed, &["list"])
        .assert()
        .code(5)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: Kubeflow Trainer v2 is not installed in the cluster of context "admin"
hint: install it: kubectl --context admin apply --server-side -k "https://github.com/kubeflow/trainer.git/manifests/overlays/manager?ref=v2.3.0"
hint: then its runtimes: kubectl --context admin apply --server-side -k "https://github.com/kubeflow/trainer.git/manifests/overlays/runtimes?ref=v2.3.0"

"#]]);
    bed.apply(OLD_JOB).unwrap();
    kubectl(&[
        "wait",
        "--for=condition=Established",
        "crd",
        "pytorchjobs.kubeflow.org",
    ]);
    as_admin(&bed, &["show", "torch-distributed"])
        .assert()
        .code(5)
        .stdout_eq(str![])
        .stderr_eq(str![[r#"
error: Kubeflow Trainer v2 is not installed in the cluster of context "admin"; it has Training Operator v1 only (pytorchjobs), whose jobs Trainer v2 does not run
hint: install it: kubectl --context admin apply --server-side -k "https://github.com/kubeflow/trainer.git/manifests/overlays/manager?ref=v2.3.0"
hint: then its runtimes: kubectl --context admin apply --server-side -k "https://github.com/kubeflow/trainer.git/manifests/overlays/runtimes?ref=v2.3.0"

"#]]);
}

/// A kind of job of Training Operator v1.
const OLD_JOB: &str = "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: pytorchjobs.kubeflow.org
spec:
  group: kubeflow.org
  scope: Namespaced
  names: {kind: PyTorchJob, plural: pytorchjobs, singular: pytorchjob, listKind: PyTorchJobList}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
";
