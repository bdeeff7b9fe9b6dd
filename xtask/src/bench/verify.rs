//! How long a check of a healthy cluster takes, beside the four `kubectl get` that a person would type instead.

use std::path::Path;
use std::process::Command;

use testbed::{Options, Testbed, User};

use super::comparison::{Comparison, pairs};
use crate::process::StepError;

/// No longer than the four gets.
const LIMIT: f64 = 1.0;

/// What a person looks at by hand, and still does not know whether the webhooks answer.
const GETS: [&[&str]; 4] = [
    &["get", "pods", "--namespace", "kubeflow-system"],
    &["get", "crds"],
    &["get", "clustertrainingruntimes"],
    &["get", "validatingwebhookconfigurations"],
];

pub(super) fn compare(plugin: &Path) -> Result<Comparison, StepError> {
    let bed = Testbed::start(&Options::with_trainer(), &mut std::io::stderr())?;
    let kubeconfig = bed.kubeconfig(&User::Admin)?;
    let with = |program: &Path, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).env("KUBECONFIG", &kubeconfig);
        command
    };
    let ours = vec![with(plugin, &["verify"])];
    let theirs = GETS
        .iter()
        .map(|get| with(bed.kubectl_path(), get))
        .collect();
    Ok(Comparison {
        what: "`verify`, healthy",
        rival: "four `kubectl get`",
        limit: LIMIT,
        pairs: pairs(ours, theirs)?,
    })
}
