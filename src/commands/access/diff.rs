//! `access diff`: whether what was granted in a namespace still is what this version would grant.

use crate::{
    access::{granted::Granted, label::own_selector},
    apply::{Plan, fetch_plan},
    cluster::{Cluster, ObjectKind},
    commands::{CommandContext, applying::gather, bootstrap::fetch_missing},
    error::{CommandError, ErrorKind},
    render::plan::{reason, render_diff},
    ui::Ui,
};

/// Show what differs between what was granted in a namespace and what would be granted now
///
/// Reads the bindings that bootstrap has made, and builds anew what belongs to them: accounts, roles, bindings, and
/// reading the cluster's runtimes. Changes nothing. Ends with 0 when nothing differs, else with 1.
#[derive(clap::Args, Debug)]
pub(super) struct DiffArgs {}

pub(super) async fn run(ui: &mut Ui, context: &CommandContext) -> Result<(), CommandError> {
    let cluster = context.connect().await?;
    let plan = fetch_comparison(context, &cluster).await?;
    ui.answer(&render_diff(&plan, &context.look(ui)))?;
    for reason in plan.steps.iter().filter_map(reason) {
        ui.warning(&reason);
    }
    let objects = plan.steps.len();
    let steps = plan.steps.iter();
    let differing = steps.filter(|step| step.is_write() || step.is_obstacle());
    let error = match (differing.count(), plan.for_administrator().count()) {
        (0, 0) => {
            ui.note(&format!(
                "Nothing differs: all {objects} objects are as they should be."
            ));
            return Ok(());
        }
        (0, unknown) => CommandError::new(
            ErrorKind::Forbidden,
            format!("{unknown} of {objects} objects cannot be compared by who may not write them"),
        )
        .with_hint("ask as an administrator of the namespace"),
        (differing, _) => CommandError::new(
            ErrorKind::Failed,
            format!("{differing} of {objects} objects differ"),
        )
        .with_hint(format!(
            "bring them back with the arguments that made them: {} bootstrap {}",
            context.display_name(),
            cluster.namespace()
        )),
    };
    Err(error)
}

/// What this version would do with what the bindings of the namespace were made for.
async fn fetch_comparison(
    context: &CommandContext,
    cluster: &Cluster,
) -> Result<Plan, CommandError> {
    let namespace = cluster.namespace();
    let own = own_selector();
    let bindings = cluster
        .fetch_labelled(ObjectKind::RoleBinding, Some(namespace), Some(&own))
        .await?;
    let granted: Vec<_> = bindings.iter().filter_map(Granted::of_binding).collect();
    if granted.is_empty() {
        return Err(nothing_granted(context, namespace));
    }
    let mut readers = Vec::new();
    for granted in &granted {
        let reader = (granted.persona, granted.subject.clone());
        if !readers.contains(&reader) {
            readers.push(reader);
        }
    }
    let runtimes = fetch_missing(cluster, namespace, readers).await?;
    let manifests = granted
        .iter()
        .flat_map(|granted| granted.manifests(namespace));
    let wanted = gather(manifests.collect(), runtimes.missing);
    Ok(fetch_plan(cluster, wanted).await?)
}

fn nothing_granted(context: &CommandContext, namespace: &str) -> CommandError {
    CommandError::new(
        ErrorKind::NotFound,
        format!("nothing was granted in namespace {namespace} by this program"),
    )
    .with_hint(format!(
        "grant something: {} bootstrap {namespace}",
        context.display_name()
    ))
}
