//! `access revoke`: takes back credentials, or all that was made for a service account, after saying what that is.

use futures::try_join;
use serde_json::Value;

use crate::{
    access::{
        credential::Credential,
        grant::{Subject, cluster_runtimes_binding},
        label,
        removal::{Removal, Surroundings, Unclear, choose, grant_objects},
    },
    cli::parse_name,
    cluster::{AccountName, Cluster, Failure, FailureKind, ObjectKind, ObjectPlace},
    commands::CommandContext,
    error::{CommandError, ErrorKind},
    ui::{self, Answer, Ui},
};

/// Fewer characters of an id are a slip and no choice.
const SHORTEST: usize = 4;

/// Take back credentials, or all that was granted to a service account
///
/// A token that is taken back is refused within 10 seconds or so: that long the API server remembers whom it let in.
#[derive(clap::Args, Debug)]
#[command(arg_required_else_help = true)]
pub(super) struct RevokeArgs {
    /// Credentials as `access list` shows them; the beginning of an id is enough
    #[arg(
        value_name = "CREDENTIAL",
        value_parser = parse_credential,
        required_unless_present_any = ["service_account", "expired"],
        conflicts_with_all = ["service_account", "expired"]
    )]
    credentials: Vec<String>,
    /// All credentials of this service account
    #[arg(long, value_name = "NAME", value_parser = parse_name, conflicts_with = "expired")]
    service_account: Option<String>,
    /// Also what was granted to it, and the account itself where kubectl-trainer made it
    #[arg(long, requires = "service_account")]
    grant: bool,
    /// Clear away the Secrets of credentials that have ended
    #[arg(long)]
    expired: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

/// What names a credential must name it: a variable that is empty by mistake means none.
fn parse_credential(text: &str) -> Result<String, String> {
    if text.len() < SHORTEST {
        return Err(format!(
            "expected at least the first {SHORTEST} characters of an id"
        ));
    }
    Ok(text.to_owned())
}

pub(super) async fn run(
    ui: &mut Ui,
    context: &CommandContext,
    args: &RevokeArgs,
) -> Result<(), CommandError> {
    let cluster = context.connect().await?;
    let Found { removals, unseen } = args.fetch_removals(context, &cluster).await?;
    if removals.is_empty() {
        ui.note(&format!(
            "Nothing to take back in namespace {}.",
            cluster.namespace()
        ));
    } else {
        confirm(ui, args, &cluster, &removals).await?;
    }
    for removal in &removals {
        cluster.delete(&removal.place, &removal.uid).await?;
        ui.answer(&format!(
            "removed {} ({})\n",
            removal.place.reference(),
            removal.what
        ))?;
    }
    unseen.map_or(Ok(()), |binding| Err(left(&cluster, &binding)))
}

/// What is to be removed.
struct Found {
    removals: Vec<Removal>,
    /// The binding of the cluster that may be there too, where the caller may not look.
    unseen: Option<String>,
}

/// A leaked credential does not wait for an administrator; what only one may remove is told at the end.
fn left(cluster: &Cluster, binding: &str) -> CommandError {
    CommandError::new(
        ErrorKind::Forbidden,
        format!("you may not list ClusterRoleBindings: {binding} is left, if it is there"),
    )
    .with_hint(format!(
        "have an administrator run: {} delete clusterrolebinding {binding} --ignore-not-found",
        cluster.target().kubectl_as_oneself()
    ))
}

async fn confirm(
    ui: &mut Ui,
    args: &RevokeArgs,
    cluster: &Cluster,
    removals: &[Removal],
) -> Result<(), CommandError> {
    if args.yes {
        return Ok(());
    }
    let place = match cluster.context_name() {
        "" => cluster.server().to_owned(),
        context => format!("context {context}"),
    };
    ui.note(&format!("This will be removed from {place}:"));
    for removal in removals {
        ui.note(&format!(
            "  {} ({})",
            removal.place.reference(),
            removal.what
        ));
    }
    if !ui::is_attended() {
        return Err(CommandError::new(
            ErrorKind::Refused,
            "nothing was removed: there is nobody to ask",
        )
        .with_hint("say that you mean it: --yes"));
    }
    match ui.ask("Remove it?").await {
        Answer::Yes => Ok(()),
        Answer::No => Err(CommandError::new(ErrorKind::Refused, "nothing was removed")
            .with_hint("answer y to remove it, or use --yes")),
    }
}

impl RevokeArgs {
    async fn fetch_removals(
        &self,
        context: &CommandContext,
        cluster: &Cluster,
    ) -> Result<Found, CommandError> {
        let mut unseen = None;
        let credentials = fetch_credentials(cluster).await?;
        let of = |wanted: &dyn Fn(&Credential) -> bool| {
            let found = credentials.iter().filter(|credential| wanted(credential));
            found.map(Removal::of_credential).collect::<Vec<_>>()
        };
        let now = context.now();
        let removals = match &self.service_account {
            _ if self.expired => of(&|credential| credential.is_expired(now)),
            Some(account) => {
                let mut removals = of(&|credential| credential.account == *account);
                if self.grant {
                    let grant = fetch_grant(cluster, account).await?;
                    removals.extend(grant.removals);
                    unseen = grant.unseen;
                }
                removals
            }
            None => {
                let chosen = self.credentials.iter().map(|text| {
                    let chosen = choose(&credentials, text);
                    let chosen = chosen.map_err(|why| unclear(context, cluster, text, why))?;
                    Ok(Removal::of_credential(chosen))
                });
                chosen.collect::<Result<_, CommandError>>()?
            }
        };
        Ok(Found { removals, unseen })
    }
}

async fn fetch_credentials(cluster: &Cluster) -> Result<Vec<Credential>, CommandError> {
    let own = label::own_selector();
    let namespace = Some(cluster.namespace());
    let markers = cluster
        .fetch_labelled(ObjectKind::Secret, namespace, Some(&own))
        .await?;
    Ok(markers.iter().filter_map(Credential::of_marker).collect())
}

async fn fetch_grant(cluster: &Cluster, account: &str) -> Result<Found, CommandError> {
    let own = label::own_selector();
    let namespace = Some(cluster.namespace());
    let place = ObjectPlace::in_namespace(ObjectKind::ServiceAccount, cluster.namespace(), account);
    let (bindings, roles, cluster_bindings, found) = try_join!(
        cluster.fetch_labelled(ObjectKind::RoleBinding, namespace, None),
        cluster.fetch_labelled(ObjectKind::Role, namespace, Some(&own)),
        fetch_cluster_bindings(cluster, &own),
        cluster.fetch_place(&place),
    )?;
    let name = AccountName {
        namespace: cluster.namespace().to_owned(),
        name: account.to_owned(),
    };
    let around = Surroundings {
        bindings: &bindings,
        roles: &roles,
        cluster_bindings: cluster_bindings.as_deref().unwrap_or_default(),
        account: found.as_ref(),
    };
    let removals = grant_objects(&name, around);
    let unseen = cluster_bindings
        .is_none()
        .then(|| cluster_runtimes_binding(cluster.namespace(), &Subject::Account(name)));
    Ok(Found { removals, unseen })
}

/// `None`: the caller may not list them.
async fn fetch_cluster_bindings(
    cluster: &Cluster,
    own: &str,
) -> Result<Option<Vec<Value>>, Failure> {
    let bindings = cluster.fetch_labelled(ObjectKind::ClusterRoleBinding, None, Some(own));
    match bindings.await {
        Ok(bindings) => Ok(Some(bindings)),
        Err(failure) if matches!(failure.kind, FailureKind::Forbidden(_)) => Ok(None),
        Err(failure) => Err(failure),
    }
}

fn unclear(context: &CommandContext, cluster: &Cluster, text: &str, why: Unclear) -> CommandError {
    let namespace = cluster.namespace();
    let (kind, problem) = match why {
        Unclear::None => (ErrorKind::NotFound, "there is no credential"),
        Unclear::Several => (ErrorKind::Usage, "several credentials begin with"),
    };
    let place = match why {
        Unclear::None => format!(" in namespace {namespace}"),
        Unclear::Several => String::new(),
    };
    CommandError::new(kind, format!("{problem} \"{text}\"{place}")).with_hint(format!(
        "those that are out: {} access list -n {namespace}",
        context.display_name()
    ))
}
