//! The trial of `verify --deep`: what may not be asked of it, and as whom it is made.

use super::{VerifyArgs, account};
use crate::{
    cluster::{Cluster, ConnectionOptions, Failure, Impersonation},
    commands::{CommandContext, trial::Trying},
    error::{CommandError, ErrorKind},
};

/// A trial makes something, so it is said where, and as whom.
pub(super) fn refuse_trial(
    args: &VerifyArgs,
    context: &CommandContext,
) -> Result<(), CommandError> {
    let program = context.display_name();
    let account = args.service_account.as_ref();
    let names_namespace = context.options().namespace.is_some()
        || account.is_some_and(|account| account.namespace.is_some());
    let acts_as = context.options().impersonate.user.is_some();
    let (message, hint) = if !args.deep {
        return Ok(());
    } else if !context.contexts().is_empty() {
        (
            "--deep tries one cluster, but --context names several",
            format!("name one: {program} verify --deep -n NAMESPACE --context NAME"),
        )
    } else if !names_namespace {
        (
            "--deep makes a TrainJob for a moment, and has to be told where",
            format!("name the namespace: {program} verify --deep -n NAMESPACE"),
        )
    } else if account.is_some() && acts_as {
        return Err(acts_as_two());
    } else {
        return Ok(());
    };
    Err(CommandError::new(ErrorKind::Usage, message).with_hint(hint))
}

/// The groups of the one would go with the name of the other.
fn acts_as_two() -> CommandError {
    let message = "--deep can act as one somebody else, but --as, or the kubeconfig's `as`, and --service-account name two";
    CommandError::new(ErrorKind::Usage, message).with_hint(
        "leave out one, or name the account by --as system:serviceaccount:NAMESPACE:NAME",
    )
}

/// The trial that was asked for, as the service account that is asked about. On a cluster that cannot be connected to
/// none is begun, and the report says why.
pub(super) async fn begin_trial(
    context: &CommandContext,
    args: &VerifyArgs,
    clusters: &[Result<Cluster, Failure>],
) -> Result<Option<Trying>, CommandError> {
    let [Ok(cluster)] = clusters else {
        return Ok(None);
    };
    if !args.deep {
        return Ok(None);
    }
    let namespace = cluster.namespace();
    let cluster = match account(args, namespace) {
        None => cluster.clone(),
        Some(_) if cluster.acts_as().is_some() => return Err(acts_as_two()),
        Some(account) => {
            let options = ConnectionOptions {
                impersonate: Impersonation {
                    user: Some(account.user()),
                    ..Impersonation::default()
                },
                ..context.options().clone()
            };
            let cluster = Cluster::connect(&options).await?;
            cluster.in_namespace(namespace.to_owned())
        }
    };
    Ok(Some(Trying::new(cluster, &args.trial)))
}
