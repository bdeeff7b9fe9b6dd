//! `access list`: who was granted what, which credentials are out, and what is too wide.

use clap::ValueEnum;
use futures::join;

use crate::{
    access::{
        credential::Credential,
        inventory::{Grant, Inventory, WideBinding, find_wide},
        label,
    },
    cluster::{Cluster, Failure, FailureKind, ObjectKind},
    commands::CommandContext,
    error::CommandError,
    render::{
        access_list::{render_access, render_access_json},
        document::render_json,
    },
    ui::Ui,
};

/// List what was granted and which credentials are out
///
/// Only what kubectl-trainer made is listed; and with a warning what others made too wide: bindings that let service
/// accounts create TrainJobs in every namespace.
#[derive(clap::Args, Debug)]
pub(super) struct ListArgs {
    /// The access to all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// json: one document, with every id and time in full
    #[arg(short, long, value_name = "json", hide_possible_values = true)]
    output: Option<ListFormat>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ListFormat {
    Json,
}

pub(super) async fn run(
    ui: &mut Ui,
    context: &CommandContext,
    args: &ListArgs,
) -> Result<(), CommandError> {
    let cluster = context.connect().await?;
    let namespace = (!args.all_namespaces).then(|| cluster.namespace());
    let (inventory, failures) = fetch_inventory(&cluster, namespace).await;
    let look = context.look(ui);
    match args.output {
        Some(ListFormat::Json) => {
            ui.answer(&render_json(&render_access_json(
                &inventory, &failures, look.now,
            )))?;
        }
        None if inventory.grants.is_empty() && inventory.credentials.is_empty() => {
            if failures.is_empty() {
                let place = namespace.map_or("any namespace".to_owned(), |name| {
                    format!("namespace {name}")
                });
                ui.note(&format!(
                    "Nothing was granted in {place}, and no credential is out."
                ));
            }
        }
        None => ui.answer(&render_access(&inventory, args.all_namespaces, &look))?,
    }
    say_wide(ui, context, &cluster, &inventory);
    end(ui, failures)
}

/// All that the caller may see, and why the rest cannot be seen.
async fn fetch_inventory(cluster: &Cluster, namespace: Option<&str>) -> (Inventory, Vec<Failure>) {
    let own = label::own_selector();
    let (bindings, markers, cluster_bindings, roles) = join!(
        cluster.fetch_labelled(ObjectKind::RoleBinding, namespace, Some(&own)),
        cluster.fetch_labelled(ObjectKind::Secret, namespace, Some(&own)),
        cluster.fetch_labelled(ObjectKind::ClusterRoleBinding, None, None),
        cluster.fetch_labelled(ObjectKind::ClusterRole, None, None),
    );
    let mut failures = Vec::new();
    let mut taken = |found: Result<_, Failure>| match found {
        Ok(objects) => objects,
        Err(failure) => {
            failures.push(failure);
            Vec::new()
        }
    };
    let (bindings, markers) = (taken(bindings), taken(markers));
    // Who owns a namespace seldom may read the bindings of the cluster, and need not.
    let wide = match (cluster_bindings, roles) {
        (Ok(bindings), Ok(roles)) => find_wide(&bindings, &roles),
        _ => Vec::new(),
    };
    let here = |wide: &WideBinding| {
        let mut accounts = wide.accounts.iter();
        namespace.is_none_or(|name| accounts.any(|account| account.namespace == name))
    };
    let mut inventory = Inventory {
        grants: bindings.iter().flat_map(Grant::of_binding).collect(),
        credentials: markers.iter().filter_map(Credential::of_marker).collect(),
        wide: wide.into_iter().filter(here).collect(),
    };
    inventory.sort();
    (inventory, failures)
}

fn say_wide(ui: &mut Ui, context: &CommandContext, cluster: &Cluster, inventory: &Inventory) {
    for wide in &inventory.wide {
        let accounts: Vec<_> = wide
            .accounts
            .iter()
            .map(|account| format!("{}/{}", account.namespace, account.name))
            .collect();
        ui.warning(&format!(
            "ClusterRoleBinding {} is too wide: {} may create TrainJobs in every namespace, and with them use every service account and Secret there",
            wide.name,
            accounts.join(", ")
        ));
        let commands = wide.narrowing(&cluster.target().kubectl(), context.display_name());
        for command in commands {
            ui.hint(&command);
        }
    }
}

/// What could not be listed ends the command as the first of it does; the rest was shown.
fn end(ui: &mut Ui, failures: Vec<Failure>) -> Result<(), CommandError> {
    let mut failures = failures.into_iter();
    let Some(first) = failures.next() else {
        return Ok(());
    };
    for failure in failures {
        if matches!(failure.kind, FailureKind::Forbidden(_)) {
            ui.error(
                &[failure.to_string()],
                &failure.hint().into_iter().collect::<Vec<_>>(),
            );
        }
    }
    Err(first.into())
}
