//! The kubeconfig that `bootstrap -f` ends with: whose it is, and that there is a place for it.

use std::path::Path;

use super::{BootstrapArgs, intention::Intention};
use crate::{
    cluster::{AccountName, Cluster},
    commands::{
        CommandContext,
        access::{Destination, check_free, write_usual},
    },
    error::{CommandError, ErrorKind},
    ui::{Existing, Ui},
};

/// A file to be written for an account.
pub(super) struct CredentialFile<'a> {
    path: &'a Path,
    existing: Existing,
    account: AccountName,
}

/// Decided before anything is made.
pub(super) fn place<'a>(
    args: &'a BootstrapArgs,
    intention: &Intention<'_>,
) -> Result<Option<CredentialFile<'a>>, CommandError> {
    let Some(path) = args.file.as_deref() else {
        return Ok(None);
    };
    let account = match intention.accounts().as_slice() {
        [account] => AccountName::clone(account),
        accounts => return Err(unclear(accounts.len())),
    };
    if path == Path::new("-") {
        return Err(CommandError::new(
            ErrorKind::Usage,
            "standard output has the answer already, and no room for a kubeconfig",
        )
        .with_hint("name a file: -f FILE"));
    }
    let existing = if args.force {
        Existing::Replaced
    } else {
        Existing::Kept
    };
    check_free(path, existing)?;
    Ok(Some(CredentialFile {
        path,
        existing,
        account,
    }))
}

pub(super) async fn write(
    ui: &mut Ui,
    context: &CommandContext,
    cluster: Cluster,
    file: CredentialFile<'_>,
) -> Result<(), CommandError> {
    let cluster = cluster.in_namespace(file.account.namespace);
    let destination = Destination::File(file.path, file.existing);
    write_usual(ui, context, &cluster, &file.account.name, destination).await
}

fn unclear(accounts: usize) -> CommandError {
    let problem = match accounts {
        0 => "a kubeconfig is for a service account, and none is named: people log in themselves",
        _ => "a kubeconfig is for one service account, and several are named",
    };
    CommandError::new(ErrorKind::Usage, problem)
        .with_hint("leave out -f, and make one for each: kubectl trainer access kubeconfig NAME -n NAMESPACE -f FILE")
}
