//! The file that a controller reads at its start: which `ConfigMap` holds it, and what it says. Both controllers take
//! its path by `--config`; a controller without the flag has its built-in defaults.

use std::{collections::BTreeMap, rc::Rc};

use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, PodSpec, VolumeMount},
};
use serde::Deserialize;

use crate::{
    check::{Finding, Reason},
    cluster::Failure,
};

use super::TrainerContext;

pub(super) const CONFIGURATION_UNREADABLE: Reason = Reason {
    code: "ConfigurationUnreadable",
    meaning: "The controller's configuration is not in its ConfigMap, or is not YAML. The controller does not start with it.",
    mend: "Apply the manager overlay of the Trainer release again, then make the changes anew.",
};

/// What matters here of `config.trainer.kubeflow.org/v1alpha1` and of JobSet's `config.jobset.x-k8s.io/v1alpha1`. A
/// section may be there and empty.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ManagerConfiguration {
    pub(super) feature_gates: Option<BTreeMap<String, bool>>,
    pub(super) status_server: Option<StatusServer>,
    pub(super) cert_management: Option<CertManagement>,
    pub(super) leader_election: Option<LeaderElection>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct StatusServer {
    pub(super) port: Option<i32>,
}

/// Pods are sent to the Service of the webhooks.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct CertManagement {
    pub(super) webhook_service_name: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct LeaderElection {
    pub(super) leader_elect: Option<bool>,
    /// Of the Lease.
    pub(super) resource_name: Option<String>,
    /// Of the Lease; the pod's own when it is empty.
    pub(super) resource_namespace: Option<String>,
}

/// The configuration of a controller in `namespace`; the default where it is given none, and a finding where it is
/// given one that cannot be read.
pub(super) async fn fetch_manager_configuration(
    context: &TrainerContext,
    namespace: &str,
    pod: &PodSpec,
) -> Result<Result<ManagerConfiguration, Finding>, Rc<Failure>> {
    let Some(path) = argument(pod, "--config").filter(|path| !path.is_empty()) else {
        return Ok(Ok(ManagerConfiguration::default()));
    };
    let Some(file) = mounted_file(pod, path) else {
        let detail = format!("{path} of the controller is mounted from no ConfigMap");
        return Ok(Err(Finding::warning(&CONFIGURATION_UNREADABLE, detail)));
    };
    let config_map = context.fetch_config_map(namespace, file.config_map).await?;
    let config_map = config_map.as_ref().as_ref();
    Ok(parse_configuration(namespace, &file, config_map))
}

/// A key of a `ConfigMap`.
#[derive(Debug, PartialEq, Eq)]
struct MountedFile<'a> {
    config_map: &'a str,
    key: String,
}

/// Where the file at this path comes from: the deepest mount above it, if that one is of a `ConfigMap`.
fn mounted_file<'a>(pod: &'a PodSpec, path: &str) -> Option<MountedFile<'a>> {
    let mounts = pod
        .containers
        .iter()
        .flat_map(|container| container.volume_mounts.iter().flatten());
    let above = mounts.filter_map(|mount| Some((mount, path_in_volume(mount, path)?)));
    let (mount, inside) = above.max_by_key(|(mount, _)| mount.mount_path.len())?;
    let mut volumes = pod.volumes.iter().flatten();
    let volume = volumes.find(|volume| volume.name == mount.name)?;
    let source = volume.config_map.as_ref()?;
    let mut items = source.items.iter().flatten();
    let renamed = items.find(|item| item.path == inside);
    Some(MountedFile {
        config_map: &source.name,
        key: renamed.map_or(inside, |item| item.key.clone()),
    })
}

/// What a mounted path is called in the volume; `None` when it is outside of the mount.
fn path_in_volume(mount: &VolumeMount, path: &str) -> Option<String> {
    let rest = path.strip_prefix(mount.mount_path.trim_end_matches('/'))?;
    if !rest.is_empty() && !rest.starts_with('/') {
        return None;
    }
    let parts = [mount.sub_path.as_deref().unwrap_or_default(), rest];
    let parts = parts.map(|part| part.trim_matches('/'));
    let named = parts.into_iter().filter(|part| !part.is_empty());
    Some(named.collect::<Vec<_>>().join("/"))
}

fn parse_configuration(
    namespace: &str,
    file: &MountedFile<'_>,
    config_map: Option<&ConfigMap>,
) -> Result<ManagerConfiguration, Finding> {
    let (name, key) = (file.config_map, &file.key);
    let text = config_map.and_then(|map| map.data.as_ref()?.get(key));
    let parsed = match text {
        Some(text) => serde_saphyr::from_str(text).map_err(|error| error.to_string()),
        None => Err("it is not there".to_owned()),
    };
    parsed.map_err(|fault| {
        let fault = fault.lines().next().unwrap_or_default();
        let detail = format!("{key} of ConfigMap {namespace}/{name} cannot be read: {fault}");
        Finding::warning(&CONFIGURATION_UNREADABLE, detail).mended_by(format!(
            "kubectl -n {namespace} get configmap {name} -o yaml"
        ))
    })
}

pub(super) fn pod_of(deployment: &Deployment) -> Option<&PodSpec> {
    deployment.spec.as_ref()?.template.spec.as_ref()
}

/// The value of a flag of any container, `--flag=value` or `--flag value`; the last one counts.
pub(super) fn argument<'a>(pod: &'a PodSpec, flag: &str) -> Option<&'a str> {
    let words = words(pod);
    let mut values = words.iter().enumerate().filter_map(|(at, word)| {
        let rest = rest_of_flag(word, flag)?;
        match rest.strip_prefix('=') {
            Some(value) => Some(value),
            None if rest.is_empty() => words.get(at + 1).copied(),
            None => None,
        }
    });
    values.next_back()
}

/// A flag that is true without a value, as Go's `flag.Bool` and `strconv.ParseBool` read it; the last one counts.
pub(super) fn switch(pod: &PodSpec, flag: &str) -> Option<bool> {
    let mut values = words(pod).into_iter().filter_map(|word| {
        let rest = rest_of_flag(word, flag)?;
        match rest.strip_prefix('=') {
            Some(value) => Some(is_true(value)),
            None => rest.is_empty().then_some(true),
        }
    });
    values.next_back()
}

/// As Go's `strconv.ParseBool` reads it.
pub(super) fn is_true(value: &str) -> bool {
    ["true", "1", "t"].contains(&value.to_lowercase().as_str())
}

fn words(pod: &PodSpec) -> Vec<&str> {
    let words = pod.containers.iter().flat_map(|container| {
        let words = container.command.iter().chain(&container.args);
        words.flatten().map(String::as_str)
    });
    words.collect()
}

/// Go takes one hyphen for two.
fn rest_of_flag<'a>(word: &'a str, flag: &str) -> Option<&'a str> {
    word.strip_prefix('-')?
        .trim_start_matches('-')
        .strip_prefix(flag.trim_start_matches('-'))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(arguments: &[&str], mounts: &Value, volumes: &Value) -> PodSpec {
        let container = json!({"name": "manager", "args": arguments, "volumeMounts": mounts});
        serde_json::from_value(json!({"containers": [container], "volumes": volumes})).unwrap()
    }

    fn found(mount: &Value, source: &Value) -> Option<String> {
        let bundle = json!({"name": "bundle", "mountPath": "/etc/ssl/certs"});
        let bundles = json!({"name": "bundle", "configMap": {"name": "injected"}});
        let mut volume = source.clone();
        volume["name"] = json!("own");
        let mut own = mount.clone();
        own["name"] = json!("own");
        let pod = pod(&[], &json!([bundle, own]), &json!([bundles, volume]));
        let file = mounted_file(&pod, "/etc/manager/config.yaml")?;
        Some(format!("{}/{}", file.config_map, file.key))
    }

    #[test]
    fn the_file_is_that_of_the_volume_that_is_mounted_at_its_path() {
        let plain = json!({"configMap": {"name": "settings"}});
        let items = [json!({"key": "stored", "path": "config.yaml"})];
        let renamed = json!({"configMap": {"name": "settings", "items": items}});
        let file = json!({"mountPath": "/etc/manager/config.yaml", "subPath": "config.yaml"});
        let folder = json!({"mountPath": "/etc/manager/"});
        let elsewhere = json!({"mountPath": "/etc/man"});
        let usual = Some("settings/config.yaml".to_owned());
        assert_eq!(found(&file, &plain), usual);
        assert_eq!(found(&folder, &plain), usual);
        assert_eq!(found(&folder, &renamed), Some("settings/stored".to_owned()));
        assert_eq!(found(&elsewhere, &plain), None);
        let secret = json!({"secret": {"secretName": "settings"}});
        assert_eq!(found(&folder, &secret), None);
    }

    #[test]
    fn a_configuration_that_is_gone_or_no_yaml_is_a_finding() {
        let config_map = |text: &str| -> ConfigMap {
            serde_json::from_value(json!({"data": {"config.yaml": text}})).unwrap()
        };
        let read = |key: &str, map: Option<&ConfigMap>| {
            let file = MountedFile {
                config_map: "trainer-config",
                key: key.to_owned(),
            };
            parse_configuration("kubeflow-system", &file, map)
        };
        let good = config_map(
            "statusServer:\n  port: 12345\ncertManagement:\n  webhookServiceName: own\n\
             leaderElection:\n  leaderElect: true\n",
        );
        let configuration = read("config.yaml", Some(&good)).unwrap();
        let port = configuration.status_server.unwrap().port;
        assert_eq!(port, Some(12345));
        let elects = configuration.leader_election.unwrap().leader_elect;
        assert_eq!(elects, Some(true));
        let service = configuration.cert_management.unwrap().webhook_service_name;
        assert_eq!(service.as_deref(), Some("own"));
        let empty = config_map("featureGates:\nleaderElection:\nstatusServer:\n");
        assert!(read("config.yaml", Some(&empty)).is_ok());
        for map in [None, Some(&config_map("a: ["))] {
            let finding = read("config.yaml", map).unwrap_err();
            assert_eq!(finding.reason.code, "ConfigurationUnreadable");
        }
        assert!(read("other.yaml", Some(&good)).is_err());
    }

    #[test]
    fn flags_are_read_as_go_reads_them() {
        let pod = |arguments: &[&str]| pod(arguments, &json!([]), &json!([]));
        let elects = |arguments: &[&str]| switch(&pod(arguments), "--leader-elect");
        assert_eq!(elects(&["--leader-elect"]), Some(true));
        assert_eq!(elects(&["-leader-elect=F"]), Some(false));
        assert_eq!(
            elects(&["--leader-elect=0", "--leader-elect=1"]),
            Some(true)
        );
        assert_eq!(elects(&["--leader-elect-lease-duration=5s"]), None);
        assert_eq!(elects(&["leader-elect"]), None, "a word, and no flag");
        let path = pod(&["--config", "/a.yaml", "--config=/b.yaml"]);
        assert_eq!(argument(&path, "--config"), Some("/b.yaml"));
    }
}
