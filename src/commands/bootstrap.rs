//! `bootstrap`: one command makes a namespace ready for training, and gives somebody just enough rights in it.

mod arguments;
mod cluster_runtimes;
mod credential_file;
mod intention;
mod test_run;

pub use arguments::BootstrapArgs;

pub(super) use cluster_runtimes::fetch_missing;

use self::{credential_file::CredentialFile, intention::Intention};
use super::{
    CommandContext,
    applying::{Extent, gather},
    signals::until_signal,
};
use crate::{
    access::grant,
    error::{CommandError, ErrorKind},
    ui::Ui,
};

/// Where the control plane and the usual controllers of trainings live, and nobody trains: some of the accounts there
/// read every Secret of the cluster.
const CONTROLLER_NAMESPACES: [&str; 7] = [
    "kube-system",
    "kube-public",
    "kube-node-lease",
    "kubeflow",
    "kubeflow-system",
    "jobset-system",
    "kueue-system",
];

pub(crate) async fn run(
    ui: &mut Ui,
    context: &CommandContext,
    args: &BootstrapArgs,
) -> Result<(), CommandError> {
    let namespace = until_signal(settle_namespace(context, args)).await?;
    let intention = Intention::of(args, &namespace);
    intention.check()?;
    let file = credential_file::place(args, &intention)?;
    let test_run = test_run::plan(args, &intention, context)?;
    let making = make(ui, context, args, (&intention, file));
    Box::pin(until_signal(making)).await?;
    match test_run {
        Some(plan) => plan.carry_out(ui, context, args).await,
        None => Ok(()),
    }
}

async fn make(
    ui: &mut Ui,
    context: &CommandContext,
    args: &BootstrapArgs,
    (intention, file): (&Intention<'_>, Option<CredentialFile<'_>>),
) -> Result<(), CommandError> {
    if args.apply.extent() == Extent::Offline {
        return answer_offline(ui, context, args, intention);
    }
    let cluster = context.connect().await?;
    let runtimes = fetch_missing(
        &cluster,
        intention.namespace(),
        intention.readers_of_cluster_runtimes(),
    );
    let runtimes = runtimes.await?;
    let wanted = gather(intention.manifests(), runtimes.missing);
    let carried = args.apply.carry_out(ui, context, &cluster, wanted).await;
    if !args.apply.is_for_programs() {
        for note in &runtimes.notes {
            ui.note(note);
        }
    }
    carried?;
    if let Some(file) = file {
        credential_file::write(ui, context, cluster, file).await?;
    }
    if args.apply.extent() == Extent::Write && !args.apply.is_for_programs() {
        for next in intention.next_commands(context.display_name()) {
            ui.note(&next);
        }
    }
    Ok(())
}

fn answer_offline(
    ui: &mut Ui,
    context: &CommandContext,
    args: &BootstrapArgs,
    intention: &Intention<'_>,
) -> Result<(), CommandError> {
    let runtimes = intention.readers_of_cluster_runtimes();
    let readers = runtimes.iter().flat_map(|(persona, subject)| {
        grant::cluster_runtimes(intention.namespace(), *persona, subject)
    });
    let mut wanted = gather(intention.manifests(), readers);
    wanted.retain(|wanted| !intention.is_taken_to_be_there(&wanted.manifest.place));
    let notes = intention.offline_notes();
    args.apply.answer_offline(ui, context, &wanted, &notes)
}

/// The namespace that is named, else that of the connection; never one of controllers, nor with an account of theirs.
async fn settle_namespace(
    context: &CommandContext,
    args: &BootstrapArgs,
) -> Result<String, CommandError> {
    let flag = context.options().namespace.as_ref();
    let namespace = match (&args.named, flag) {
        (Some(named), Some(flag)) if named != flag => {
            return Err(CommandError::new(
                ErrorKind::Usage,
                format!("two namespaces are named: {named}, and {flag} by -n"),
            )
            .with_hint("name one"));
        }
        (Some(named), _) => named.clone(),
        (None, Some(flag)) if !flag.is_empty() => flag.clone(),
        (None, _) => context.connect().await?.namespace().to_owned(),
    };
    let of_accounts = args
        .service_account
        .iter()
        .chain(&args.system_service_account);
    let of_accounts = of_accounts.filter_map(|account| account.namespace.as_deref());
    for namespace in of_accounts.chain([namespace.as_str()]) {
        refuse_control_plane(context, namespace)?;
    }
    Ok(namespace)
}

fn refuse_control_plane(context: &CommandContext, namespace: &str) -> Result<(), CommandError> {
    if !CONTROLLER_NAMESPACES.contains(&namespace) {
        return Ok(());
    }
    Err(CommandError::new(
        ErrorKind::Refused,
        format!("{namespace} is a namespace of controllers: who may train there may run as their accounts"),
    )
    .with_hint(format!(
        "name another namespace; it is made where it is missing: {} bootstrap team-a",
        context.display_name()
    )))
}
