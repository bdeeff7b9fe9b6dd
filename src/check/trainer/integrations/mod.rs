//! The category Integrations: do the things fit together that Trainer works with where they are there? One file each.
//! What is not there is no fault; a runtime that needs it is.

pub(super) mod accelerators;
pub(super) mod data_cache;
pub(super) mod kueue;
pub(super) mod pod_groups;
pub(super) mod storage_class;

use crate::{
    releases::RELEASES,
    runtimes::{Runtime, RuntimeScope},
};

use super::runtime_pods::spoken;

/// Who put a runtime into the cluster, as its name tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// A release ships it, whether or not the cluster has what it needs.
    Release,
    /// Somebody made it for this cluster.
    Cluster,
}

fn origin(runtime: &Runtime) -> Origin {
    let mut shipped = RELEASES.iter().flat_map(|release| release.runtimes);
    let is_shipped = shipped.any(|facts| facts.name == runtime.name);
    match (&runtime.scope, is_shipped) {
        (RuntimeScope::Cluster, true) => Origin::Release,
        _ => Origin::Cluster,
    }
}

/// The runtimes of one origin, as they are spoken of, separated by commas.
fn names(runtimes: &[&Runtime], wanted: Origin) -> Option<String> {
    let wanted = runtimes.iter().filter(|runtime| origin(runtime) == wanted);
    let names: Vec<_> = wanted.map(|runtime| spoken(runtime)).collect();
    Some(names.join(", ")).filter(|names| !names.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A runtime with this specification; one of a namespace where `namespace` is not empty.
    pub(super) fn runtime(name: &str, namespace: &str, spec: &Value) -> Runtime {
        let mut object = json!({"metadata": {"name": name}, "spec": spec});
        if !namespace.is_empty() {
            object["metadata"]["namespace"] = json!(namespace);
        }
        Runtime::parse(serde_json::from_value(object).unwrap())
    }

    #[test]
    fn what_a_release_ships_is_told_from_what_was_made_for_the_cluster() {
        let spec = json!({});
        let shipped = runtime("torch-distributed", "", &spec);
        let copied = runtime("torch-distributed", "team-a", &spec);
        let own = runtime("own", "", &spec);
        let all = [&shipped, &copied, &own];
        assert_eq!(
            names(&all, Origin::Release).as_deref(),
            Some("runtime torch-distributed")
        );
        assert_eq!(
            names(&all, Origin::Cluster).as_deref(),
            Some("TrainingRuntime team-a/torch-distributed, runtime own")
        );
        assert_eq!(names(&[&own], Origin::Release), None);
    }
}
