//! Which runtime the real training of a trial is of. Pure.

use crate::{
    check::trainer::namespace::title,
    runtimes::{Runtime, RuntimeScope, Support},
};

/// The runtime that the Kubeflow SDK takes where none is named.
const USUAL: &str = "torch-distributed";
const TORCH: &str = "torch";

/// The named runtime, that of the namespace before that of the cluster. Without a name the simplest: nodes alone, without
/// initializers and launchers, which need more than a shell.
pub(super) fn choose<'a>(
    runtimes: &'a [Runtime],
    wanted: Option<&str>,
) -> Result<&'a Runtime, String> {
    let of_namespace = |runtime: &&Runtime| runtime.scope != RuntimeScope::Cluster;
    if let Some(wanted) = wanted {
        let named = || runtimes.iter().filter(|runtime| runtime.name == wanted);
        let chosen = named().find(of_namespace).or_else(|| named().next());
        return chosen.ok_or_else(|| {
            let there: Vec<_> = runtimes.iter().map(title).collect();
            format!(
                "there is no runtime \"{wanted}\" here; there are {}",
                there.join(", ")
            )
        });
    }
    let of_nodes_alone = runtimes.iter().filter(|runtime| is_simple(runtime));
    let simplest = of_nodes_alone.min_by_key(|runtime| {
        (
            runtime.name != USUAL,
            runtime.scope == RuntimeScope::Cluster,
            runtime.framework.as_deref() != Some(TORCH),
            !runtime.devices().is_empty(),
        )
    });
    simplest.ok_or_else(|| {
        let names: Vec<_> = runtimes.iter().map(title).collect();
        format!("none of the runtimes has nodes alone: {}", names.join(", "))
    })
}

fn is_simple(runtime: &Runtime) -> bool {
    runtime.jobs.len() == 1
        && runtime.training_job().is_some()
        && runtime.support == Support::Supported
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn runtime(name: &str, namespace: Option<&str>, jobs: &[&str]) -> Runtime {
        let jobs = jobs.iter().map(|name| json!({ "name": name }));
        let object = json!({
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"template": {"spec": {"replicatedJobs": jobs.collect::<Vec<_>>()}}},
        });
        Runtime::parse(serde_json::from_value(object).unwrap())
    }

    #[test]
    fn the_usual_runtime_is_taken_else_one_of_nodes_alone() {
        let launched = runtime("mpi", None, &["launcher", "node"]);
        let plain = runtime("own", Some("team-a"), &["node"]);
        let usual = runtime(USUAL, None, &["node"]);
        let all = [launched.clone(), plain.clone(), usual];
        assert_eq!(choose(&all, None).unwrap().name, USUAL);
        assert_eq!(choose(&all[..2], None).unwrap().name, "own");
        let problem = choose(&all[..1], None).unwrap_err();
        assert_eq!(problem, "none of the runtimes has nodes alone: mpi");
    }

    #[test]
    fn a_named_runtime_is_taken_as_it_is_and_that_of_the_namespace_first() {
        let both = [
            runtime("own", None, &["launcher", "node"]),
            runtime("own", Some("team-a"), &["node"]),
        ];
        let chosen = choose(&both, Some("own")).unwrap();
        assert_eq!(chosen.scope, RuntimeScope::Namespace("team-a".to_owned()));
        assert_eq!(
            choose(&both[..1], Some("other")).unwrap_err(),
            "there is no runtime \"other\" here; there are own"
        );
    }
}
