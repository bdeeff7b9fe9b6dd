//! What TAB finds: TrainJobs, contexts, files; and where the shells find kubectl, the plugin and its other file.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use testbed::{Namespace, Testbed, User};

use super::shells::Shell;
use crate::support::{apply, kubectl, wait_until};

/// A namespace, and the folder of a person who works in it.
pub(super) struct Ground {
    pub(super) folder: PathBuf,
    pub(super) namespace: Namespace,
}

impl Ground {
    /// With two suspended TrainJobs, and one that is complete, in its namespace; and with these contexts beside the
    /// cluster's own: `far-away` and `two words` in the namespace, `$(touch x)`, and `dead`, where nobody listens.
    pub(super) fn prepare(bed: &Testbed, name: &str) -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("tab-{name}"));
        // What an earlier run has left.
        drop(fs::remove_dir_all(&folder));
        let namespace = bed.namespace(&format!("tab-{name}")).unwrap();
        let ground = Self { folder, namespace };
        ground.write_programs(bed);
        ground.write_kubeconfig(bed);
        let blank = ground.folder.join("home/my jobs");
        fs::create_dir_all(&blank).unwrap();
        fs::write(blank.join("a file.yaml"), "").unwrap();
        ground.apply_jobs(bed);
        ground
    }

    fn write_programs(&self, bed: &Testbed) {
        let folder = self.folder.join("bin");
        fs::create_dir_all(&folder).unwrap();
        let plugin = Path::new(env!("CARGO_BIN_EXE_kubectl-trainer"));
        self.link(bed.kubectl_path(), "kubectl");
        for name in ["trainer", "training_jobs"] {
            self.link(plugin, &format!("kubectl-{name}"));
            self.link(plugin, &format!("kubectl_complete-{name}"));
        }
    }

    /// Makes a program known to the shells by this name.
    pub(super) fn link(&self, program: &Path, name: &str) {
        symlink(program, self.folder.join("bin").join(name)).unwrap();
    }

    fn write_kubeconfig(&self, bed: &Testbed) {
        let admin = fs::read(bed.kubeconfig(&User::Admin).unwrap()).unwrap();
        let mut kubeconfig: Value = serde_json::from_slice(&admin).unwrap();
        let (cluster, user) = (
            kubeconfig["clusters"][0]["name"].clone(),
            kubeconfig["users"][0]["name"].clone(),
        );
        let dead = json!({"name": "dead", "cluster": {"server": "https://127.0.0.1:1"}});
        kubeconfig["clusters"].as_array_mut().unwrap().push(dead);
        let contexts = kubeconfig["contexts"].as_array_mut().unwrap();
        for (name, cluster) in [
            ("far-away", &cluster),
            ("two words", &cluster),
            ("$(touch x)", &cluster),
            ("dead", &json!("dead")),
        ] {
            let namespace = self.namespace.name();
            contexts.push(json!({
                "name": name,
                "context": {"cluster": cluster, "user": user, "namespace": namespace}
            }));
        }
        fs::write(self.folder.join("kubeconfig"), kubeconfig.to_string()).unwrap();
    }

    fn apply_jobs(&self, bed: &Testbed) {
        let job = |name: &str, suspend: bool| {
            json!({
                "apiVersion": "trainer.kubeflow.org/v1alpha1", "kind": "TrainJob",
                "metadata": {"name": name, "namespace": self.namespace.name()},
                "spec": {
                    "suspend": suspend,
                    "runtimeRef": {"name": "torch-distributed"},
                    "trainer": {
                        "numNodes": 1,
                        "image": "docker.io/library/busybox:1.35",
                        "command": ["sh", "-c", "true"]
                    }
                }
            })
        };
        for (name, suspend) in [
            ("llama-evaluate", false),
            ("llama-finetune", true),
            ("mistral", true),
        ] {
            apply(bed, &job(name, suspend));
        }
        let path = r#"jsonpath={.status.conditions[?(@.type=="Complete")].status}"#;
        let namespace = self.namespace.name();
        let get = [
            "get",
            "trainjob",
            "llama-evaluate",
            "-n",
            namespace,
            "-o",
            path,
        ];
        wait_until("a job that is complete", || kubectl(bed, &get) == "True");
    }

    pub(super) fn write_start_file(&self, shell: &Shell) {
        let file = self.folder.join("home").join(shell.start_file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, shell.start_text).unwrap();
    }

    /// The shell with nothing of this machine's environment, in its home folder.
    pub(super) fn command_line(&self, shell: &Shell) -> Vec<String> {
        let folder = self.folder.to_str().unwrap();
        let words = [
            "env",
            "-i",
            "-C",
            &format!("{folder}/home"),
            &format!("HOME={folder}/home"),
            &format!("PATH={folder}/bin:/usr/bin:/bin"),
            &format!("KUBECONFIG={folder}/kubeconfig"),
            "TERM=screen",
            "LANG=C.UTF-8",
            shell.name,
        ]
        .map(str::to_owned);
        let arguments = shell.arguments.iter().map(|word| (*word).to_owned());
        words.into_iter().chain(arguments).collect()
    }
}
