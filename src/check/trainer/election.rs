//! Do a controller's pods elect a leader, and by which Lease? Its flag and its configuration say so.

use std::rc::Rc;

use k8s_openapi::api::{apps::v1::Deployment, core::v1::PodSpec};

use crate::{check::Finding, cluster::Failure};

use super::{
    TrainerContext,
    installation::Part,
    manager_configuration::{LeaderElection, fetch_manager_configuration, pod_of, switch},
};

/// Whether a controller's pods elect a leader, and by which Lease.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Election {
    Off,
    By { namespace: String, name: String },
}

/// Of a controller in `namespace`; a finding where its configuration cannot be read, which may say either.
pub(super) async fn fetch_election(
    context: &TrainerContext,
    part: Part,
    deployment: &Deployment,
    namespace: &str,
) -> Result<Result<Election, Finding>, Rc<Failure>> {
    let Some(pod) = pod_of(deployment) else {
        return Ok(Ok(Election::Off));
    };
    let configuration = fetch_manager_configuration(context, namespace, pod).await?;
    Ok(configuration.map(|read| {
        let configured = read.leader_election.unwrap_or_default();
        judge_election(part, pod, configured, namespace)
    }))
}

/// Trainer elects when its configuration says so: release 2.0 takes a flag `--leader-elect` and does nothing with it
/// (`cmd/trainer-controller-manager/main.go`), later ones have no such flag. JobSet elects unless its flag or its
/// configuration says not to.
fn judge_election(
    part: Part,
    pod: &PodSpec,
    configured: LeaderElection,
    namespace: &str,
) -> Election {
    let elects = match part {
        Part::Trainer => configured.leader_elect.unwrap_or(false),
        Part::JobSet => switch(pod, "--leader-elect")
            .or(configured.leader_elect)
            .unwrap_or(true),
    };
    if !elects {
        return Election::Off;
    }
    let or = |value: Option<String>, usual: &str| {
        let given = value.filter(|value| !value.is_empty());
        given.unwrap_or_else(|| usual.to_owned())
    };
    Election::By {
        namespace: or(configured.resource_namespace, namespace),
        name: or(configured.resource_name, part.usual_lease()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::check::trainer::manager_configuration::ManagerConfiguration;

    fn elected(part: Part, arguments: &[&str], configuration: &str) -> Election {
        let container = json!({"name": "manager", "args": arguments});
        let pod = serde_json::from_value(json!({"containers": [container]})).unwrap();
        let configuration: ManagerConfiguration = match configuration {
            "" => ManagerConfiguration::default(),
            text => serde_saphyr::from_str(text).unwrap(),
        };
        judge_election(
            part,
            &pod,
            configuration.leader_election.unwrap_or_default(),
            "ml",
        )
    }

    #[test]
    fn the_configuration_says_whether_a_leader_is_elected_and_by_which_lease() {
        let by = |name: &str| Election::By {
            namespace: "ml".to_owned(),
            name: name.to_owned(),
        };
        let usual = || by("6d4f6a47.jobset.x-k8s.io");
        let on = "leaderElection:\n  leaderElect: true\n  resourceName: other\n  resourceNamespace: \"\"\n";
        let off = "leaderElection:\n  leaderElect: false\n";
        assert_eq!(elected(Part::Trainer, &[], on), by("other"));
        assert_eq!(elected(Part::Trainer, &[], off), Election::Off);
        let other_flag = &["--zap-log-level=2"];
        assert_eq!(elected(Part::Trainer, other_flag, ""), Election::Off);
        assert_eq!(elected(Part::JobSet, &[], ""), usual());
        assert_eq!(elected(Part::JobSet, &[], off), Election::Off);
        let switched_off = &["--leader-elect=false"];
        assert_eq!(elected(Part::JobSet, switched_off, ""), Election::Off);
        assert_eq!(elected(Part::JobSet, &["--leader-elect"], off), usual());
    }

    /// Chart 2.0.1 sets the flag from two replicas on and grants no Leases: all of its pods work.
    #[test]
    fn trainers_flag_elects_nobody() {
        let chart = ["--leader-elect=true"];
        assert_eq!(elected(Part::Trainer, &chart, ""), Election::Off);
    }
}
