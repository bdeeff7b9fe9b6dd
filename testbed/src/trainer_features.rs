//! Feature gates of Trainer's controller: what has to be different in the released manifests for each.

use serde_json::{Value, json};

use crate::bundle::ReleaseManifests;
use crate::error::Error;
use crate::options::TrainerFeature;

/// The Deployment, and the Service before it.
const CONTROLLER: &str = "kubeflow-trainer-controller-manager";
/// The port of the Service at which training pods report; a release without it knows nothing of reports.
const STATUS_PORT: &str = "status-server";

/// Switches features on in what a release installs.
pub(crate) fn switch_on(
    manifests: &mut ReleaseManifests,
    features: &[TrainerFeature],
) -> Result<(), Error> {
    for feature in features {
        match feature {
            TrainerFeature::TrainJobStatus => take_reports(manifests)?,
        }
    }
    Ok(())
}

/// Training pods find the controller by its Service's name. A bed has no kube-proxy, so that the name must lead to the
/// pod itself.
fn take_reports(manifests: &mut ReleaseManifests) -> Result<(), Error> {
    let service = object(manifests, "Service").filter(|service| has_port(service, STATUS_PORT));
    let Some(service) = service else {
        return Err(Error::Command {
            what: "switching TrainJobStatus on".to_owned(),
            output: format!(
                "Trainer {} does not have it; take v2.2.1 or newer",
                manifests.version
            ),
        });
    };
    service["spec"]["clusterIP"] = json!("None");
    let arguments = object(manifests, "Deployment")
        .and_then(|deployment| deployment.pointer_mut("/spec/template/spec/containers/0/args"))
        .and_then(Value::as_array_mut);
    if let Some(arguments) = arguments {
        arguments.push(json!("--feature-gates=TrainJobStatus=true"));
    }
    Ok(())
}

fn object<'a>(manifests: &'a mut ReleaseManifests, kind: &str) -> Option<&'a mut Value> {
    manifests
        .manager
        .iter_mut()
        .find(|object| object["kind"] == kind && object["metadata"]["name"] == CONTROLLER)
}

fn has_port(service: &Value, name: &str) -> bool {
    let ports = service["spec"]["ports"].as_array();
    ports.is_some_and(|ports| ports.iter().any(|port| port["name"] == name))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A release with a controller whose Service has this port.
    fn release(port: &str) -> ReleaseManifests {
        let metadata = json!({"name": CONTROLLER});
        let container = json!({"args": ["--config=/controller_manager_config.yaml"]});
        ReleaseManifests {
            version: "2.1.0".to_owned(),
            jobset_version: "0.10.1".to_owned(),
            manager: vec![
                json!({"kind": "Service", "metadata": metadata, "spec": {"ports": [{"name": port}]}}),
                json!({
                    "kind": "Deployment", "metadata": metadata,
                    "spec": {"template": {"spec": {"containers": [container]}}},
                }),
            ],
            runtimes: Vec::new(),
            roles: Vec::new(),
        }
    }

    #[test]
    fn reports_need_the_gate_and_a_name_that_leads_to_the_pod() {
        let mut release = release(STATUS_PORT);
        switch_on(&mut release, &[TrainerFeature::TrainJobStatus]).unwrap();
        assert_eq!(release.manager[0]["spec"]["clusterIP"], "None");
        assert_eq!(
            release.manager[1]["spec"]["template"]["spec"]["containers"][0]["args"],
            json!([
                "--config=/controller_manager_config.yaml",
                "--feature-gates=TrainJobStatus=true"
            ])
        );
    }

    #[test]
    fn nothing_is_changed_where_nothing_is_asked_for() {
        let mut changed = release(STATUS_PORT);
        switch_on(&mut changed, &[]).unwrap();
        assert_eq!(changed, release(STATUS_PORT));
    }

    #[test]
    fn a_release_that_takes_no_reports_is_named_with_one_that_does() {
        let refused = switch_on(&mut release("metrics"), &[TrainerFeature::TrainJobStatus]);
        assert_eq!(
            refused.unwrap_err().to_string(),
            "switching TrainJobStatus on failed: Trainer 2.1.0 does not have it; take v2.2.1 or newer"
        );
    }
}
