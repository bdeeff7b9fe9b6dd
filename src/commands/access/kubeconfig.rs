//! `access kubeconfig`: a file that logs in as a service account, with nothing of the caller's own login in it.

use std::{
    env,
    path::{Path, PathBuf, absolute},
};

use secrecy::ExposeSecret as _;
use serde_json::Value;

use super::{
    minting::{Made, MintArgs},
    output::{Destination, OutputArgs, ReportFormat, check_free, check_report, report},
    server::{AddressArgs, said_entry},
};
use crate::{
    access::{
        credential::{CredentialKind, Issued, new_marker_name, whole_seconds},
        kubeconfig_file::{Login, Renewing, kubeconfig},
    },
    cluster::{Cluster, DryRun, ServerEntry, shell_word},
    commands::CommandContext,
    error::{CommandError, ErrorKind},
    render::document::render_unfolded_yaml,
    ui::Ui,
};

const COMMAND: &str = "access kubeconfig";

/// Write a kubeconfig that logs in as a service account and as nobody else
///
/// Address, authority, server name and proxy are those of your own context, as one; your own certificate, token or
/// login program is never in the file. With several --context, -f names a folder, which gets one file a context.
#[derive(clap::Args, Debug)]
pub(super) struct KubeconfigArgs {
    #[command(flatten)]
    mint: MintArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    address: AddressArgs,
    /// In place of a token, an entry that fetches one whenever it is needed, with your own login, through
    /// kubectl-trainer: for people, on this machine
    #[arg(long, conflicts_with = "token_type")]
    exec: bool,
    /// json: tell on standard output what was made, without the token
    #[arg(
        short = 'o',
        long = "output",
        value_name = "json",
        hide_possible_values = true
    )]
    report: Option<ReportFormat>,
}

pub(super) async fn run(
    ui: &mut Ui,
    context: &CommandContext,
    args: &KubeconfigArgs,
) -> Result<(), CommandError> {
    if !context.contexts().is_empty() {
        return write_each(ui, context, args).await;
    }
    let destination = args.output.destination(ui, context, COMMAND)?;
    check_report(args.report, destination)?;
    let cluster = context.connect().await?;
    write_one(ui, context, &cluster, args, destination).await
}

/// A file for this account of the cluster's namespace, as the command writes it where it is told no more.
pub(in crate::commands) async fn write_usual(
    ui: &mut Ui,
    context: &CommandContext,
    cluster: &Cluster,
    account: &str,
    destination: Destination<'_>,
) -> Result<(), CommandError> {
    let args = KubeconfigArgs {
        mint: MintArgs::of(account.to_owned()),
        output: OutputArgs::default(),
        address: AddressArgs::default(),
        exec: false,
        report: None,
    };
    write_one(ui, context, cluster, &args, destination).await
}

/// One file for each context. What goes wrong with one stops the others, so that nobody takes half for all.
async fn write_each(
    ui: &mut Ui,
    context: &CommandContext,
    args: &KubeconfigArgs,
) -> Result<(), CommandError> {
    let folder = args.folder(context)?;
    let clusters = context.connect_each().await;
    let mut places = Vec::new();
    for (name, cluster) in context.contexts().iter().zip(clusters) {
        let path = folder.join(format!("{}.kubeconfig", file_name(name)));
        check_free(&path, args.output.existing())?;
        places.push((path, cluster?));
    }
    for (path, cluster) in &places {
        let destination = Destination::File(path, args.output.existing());
        write_one(ui, context, cluster, args, destination).await?;
    }
    Ok(())
}

async fn write_one(
    ui: &mut Ui,
    context: &CommandContext,
    cluster: &Cluster,
    args: &KubeconfigArgs,
    destination: Destination<'_>,
) -> Result<(), CommandError> {
    let entry = said_entry(ui, cluster, &args.address)?;
    let made = if args.exec {
        let (made, renewing) = make_renewing(context, cluster, args, &entry).await?;
        let file = rendered(cluster, &entry, &made, Login::Renewing(&renewing));
        write(ui, cluster, destination, made, &file).await?
    } else {
        let minted = args.mint.mint(ui, context, cluster).await?;
        let login = Login::Token(minted.token.expose_secret());
        let file = rendered(cluster, &entry, &minted.made, login);
        write(ui, cluster, destination, minted.made, &file).await?
    };
    made.say(ui, context);
    if let Some(path) = destination.file() {
        let file = shell_word(&path.display().to_string());
        ui.hint(&format!(
            "see who it logs in as: kubectl --kubeconfig {file} auth whoami"
        ));
    }
    report(ui, args.report, &made, (&entry.server, destination))
}

/// A credential of which no token is made now: each login makes its own, and all end with the Secret.
async fn make_renewing(
    context: &CommandContext,
    cluster: &Cluster,
    args: &KubeconfigArgs,
    entry: &ServerEntry,
) -> Result<(Made, Renewing), CommandError> {
    check_own_login(context, entry)?;
    let holder = args.mint.fetch_holder(context, cluster).await?;
    let renewing = Renewing {
        context: cluster.context_name().to_owned(),
        kubeconfig: joined(&entry.kubeconfig),
        marker: new_marker_name(),
        lifetime_seconds: args.mint.lifetime(&holder).as_secs(),
    };
    let made = Made {
        issued: Issued {
            id: renewing.marker.clone(),
            issued: whole_seconds(context.now()),
            expires: None,
        },
        marker: renewing.marker.clone(),
        holder,
    };
    let kind = CredentialKind::Renewing;
    let marker = made.holder.marker(&made.marker, kind, Some(&made.issued));
    cluster.apply(&marker, DryRun::Off).await?;
    Ok((made, renewing))
}

/// The entry runs as whoever your kubeconfig logs in as, so there must be one, and it must say all that is needed.
fn check_own_login(context: &CommandContext, entry: &ServerEntry) -> Result<(), CommandError> {
    let problem = if entry.kubeconfig.is_empty() {
        "there is no kubeconfig here, which the entry would read at each login"
    } else if context.options().has_login_flags() {
        "the entry logs in as your kubeconfig does, and knows no other flag than --context"
    } else {
        return Ok(());
    };
    Err(CommandError::new(
        ErrorKind::Usage,
        format!("--exec does not work here: {problem}"),
    )
    .with_hint("leave out --exec: the file then holds a token of its own"))
}

/// As the variable `KUBECONFIG` takes them, from any folder.
fn joined(files: &[PathBuf]) -> String {
    let whole = |file: &PathBuf| absolute(file).unwrap_or_else(|_| file.clone());
    let files: Vec<_> = files.iter().map(whole).collect();
    let joined = env::join_paths(files).unwrap_or_default();
    joined.to_string_lossy().into_owned()
}

/// Writes the file; a credential whose file cannot be written is taken back.
async fn write(
    ui: &mut Ui,
    cluster: &Cluster,
    destination: Destination<'_>,
    made: Made,
    file: &Value,
) -> Result<Made, CommandError> {
    match destination.write(ui, &render_unfolded_yaml(file)) {
        Ok(()) => Ok(made),
        Err(error) => {
            // The first failure is the one to tell.
            drop(made.withdraw(cluster).await);
            Err(error)
        }
    }
}

/// Contexts have slashes and colons in their names on many clouds.
fn file_name(context: &str) -> String {
    let safe = |letter: char| letter.is_ascii_alphanumeric() || "-_.@".contains(letter);
    let letters = context.chars();
    let name: String = letters
        .map(|letter| if safe(letter) { letter } else { '-' })
        .collect();
    name.trim_start_matches('.').to_owned()
}

fn rendered(cluster: &Cluster, entry: &ServerEntry, made: &Made, login: Login<'_>) -> Value {
    let name = &cluster.target().cluster;
    kubeconfig(entry, name, &made.holder, login, &made.issued)
}

impl KubeconfigArgs {
    /// Where the files of several contexts go.
    fn folder(&self, context: &CommandContext) -> Result<&Path, CommandError> {
        let problem = match self.output.file.as_deref() {
            _ if self.report.is_some() => "a report tells of one context",
            Some(path) if path.is_dir() => return Ok(path),
            Some(_) => "with several contexts -f names a folder that is there, for one file each",
            None => "with several contexts there are several files",
        };
        Err(
            CommandError::new(ErrorKind::Usage, problem).with_hint(format!(
                "make a folder and name it: {} {COMMAND} -f FOLDER",
                context.display_name()
            )),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contexts_name_becomes_a_files_name() {
        let name = "arn:aws:eks:eu-west-1:1:cluster/prod";
        assert_eq!(file_name(name), "arn-aws-eks-eu-west-1-1-cluster-prod");
        assert_eq!(file_name("../x"), "-x");
    }

    #[test]
    fn the_files_of_the_own_login_are_found_from_every_folder() {
        let files = ["/a/config".into(), "/b/config".into()];
        assert_eq!(joined(&files), "/a/config:/b/config");
        assert!(joined(&["config".into()]).starts_with('/'));
    }
}
