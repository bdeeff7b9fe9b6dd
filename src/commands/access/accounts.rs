//! Which service account a command means: the one that was named, or the only one of the namespace that has a grant.

use std::collections::BTreeSet;

use crate::{
    access::{credential::Holder, inventory::Grant, label},
    cluster::{Cluster, ObjectKind, ObjectPlace},
    commands::CommandContext,
    error::{CommandError, ErrorKind},
};

/// The account, as it is in the cluster now.
pub(super) async fn fetch_holder(
    context: &CommandContext,
    cluster: &Cluster,
    name: Option<&str>,
) -> Result<Holder, CommandError> {
    let name = match name {
        Some(name) => name.to_owned(),
        None => fetch_only_account(context, cluster).await?,
    };
    let place = ObjectPlace::in_namespace(ObjectKind::ServiceAccount, cluster.namespace(), &name);
    match cluster.fetch_place(&place).await? {
        Some(account) => Ok(Holder::of_account(&account)),
        None => Err(missing_account(context, cluster, &name)),
    }
}

async fn fetch_only_account(
    context: &CommandContext,
    cluster: &Cluster,
) -> Result<String, CommandError> {
    let namespace = cluster.namespace();
    let own = label::own_selector();
    let bindings = cluster
        .fetch_labelled(ObjectKind::RoleBinding, Some(namespace), Some(&own))
        .await?;
    let accounts: BTreeSet<_> = bindings
        .iter()
        .flat_map(Grant::of_binding)
        .filter_map(|grant| grant.own_account().map(str::to_owned))
        .collect();
    let names: Vec<_> = accounts.into_iter().collect();
    match names.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(CommandError::new(
            ErrorKind::Usage,
            format!("no service account was named, and none of namespace {namespace} has a grant"),
        )
        .with_hint(format!(
            "name one: {} get serviceaccounts -n {namespace}",
            cluster.target().kubectl()
        ))),
        several => Err(CommandError::new(
            ErrorKind::Usage,
            format!(
                "no service account was named, and several of namespace {namespace} have a grant: {}",
                several.join(", ")
            ),
        )
        .with_hint(format!(
            "name one; what each may do: {} access list -n {namespace}",
            context.display_name()
        ))),
    }
}

fn missing_account(context: &CommandContext, cluster: &Cluster, name: &str) -> CommandError {
    let namespace = cluster.namespace();
    CommandError::new(
        ErrorKind::NotFound,
        format!("there is no service account \"{name}\" in namespace {namespace}"),
    )
    .with_hint(format!(
        "those that are there: {} get serviceaccounts -n {namespace}; those with a grant: {} access list -n {namespace}",
        cluster.target().kubectl(),
        context.display_name()
    ))
}
