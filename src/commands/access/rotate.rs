//! `access rotate`: a file gets a new credential, which is tried first; the old one lives on for a while, so that at
//! every moment one of the two logs in.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::sleep;

use super::{
    accounts::fetch_holder,
    minting::{Minted, Terms, mint, revoke_command, uid_of},
    output::write_file,
};
use crate::{
    access::{
        credential::{Credential, CredentialKind},
        kubeconfig_file::{Login, kubeconfig},
        lifetime,
        renewal::{Held, NoToken, find_token, with_token},
    },
    cli::parse_duration,
    cluster::{Attendance, Cluster, ConnectionOptions, ObjectKind, ObjectPlace},
    commands::CommandContext,
    error::{CommandError, ErrorKind},
    render::document::render_unfolded_yaml,
    ui::{Existing, Ui},
};

/// Replace the credential in a file by a new one, and take the old one back
///
/// The new token is tried before the file is written. The old one is taken back after --overlap, so that who has read
/// the file already has time to read it again.
#[derive(clap::Args, Debug)]
pub(super) struct RotateArgs {
    /// A kubeconfig or env file with one token that kubectl-trainer made
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
    /// How long the old credential lives on; 0 takes it back at once
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = parse_duration)]
    overlap: Duration,
    /// How long the new token shall live; without it as long as the old one did
    #[arg(long, value_name = "DURATION", value_parser = parse_new_lifetime)]
    duration: Option<Duration>,
}

fn parse_new_lifetime(text: &str) -> Result<Duration, String> {
    lifetime::check_asked(parse_duration(text)?)
}

pub(super) async fn run(
    ui: &mut Ui,
    context: &CommandContext,
    args: &RotateArgs,
) -> Result<(), CommandError> {
    let text = read(&args.file)?;
    let held = find_token(&text).map_err(|why| no_token(context, &args.file, why))?;
    let cluster = context.connect().await?;
    let cluster = cluster.in_namespace(held.claims.namespace.clone());
    let (old, uid) = fetch_old(context, &cluster, &held).await?;
    let new = make_new(ui, context, &cluster, &old, args.duration).await?;
    let put = put(&cluster, args, &text, &held, &new).await;
    if let Err(error) = put {
        // The first failure is the one to tell.
        drop(new.made.withdraw(&cluster).await);
        return Err(error);
    }
    ui.note(&format!(
        "Wrote {}, which only you can read.",
        args.file.display()
    ));
    new.made.say(ui, context);
    wait_overlap(ui, context, args.overlap, &old).await;
    let place = new.made.holder.marker_place(&old.marker);
    cluster.delete(&place, &uid).await?;
    ui.answer(&format!("rotated {} to {}\n", old.id, new.made.issued.id))?;
    Ok(())
}

fn read(file: &Path) -> Result<String, CommandError> {
    fs::read_to_string(file).map_err(|error| {
        CommandError::new(
            ErrorKind::NotFound,
            format!("cannot read {}: {error}", file.display()),
        )
        .with_hint("name the file with the credential: -f FILE")
    })
}

fn no_token(context: &CommandContext, file: &Path, why: NoToken) -> CommandError {
    CommandError::new(
        ErrorKind::Usage,
        format!("{} cannot be rotated: {why}", file.display()),
    )
    .with_hint(format!(
        "an entry that renews itself needs no rotation; else make a new file: {} access kubeconfig -f FILE",
        context.display_name()
    ))
}

/// The credential in the file as the cluster knows it, with the UID of its Secret.
async fn fetch_old(
    context: &CommandContext,
    cluster: &Cluster,
    held: &Held,
) -> Result<(Credential, String), CommandError> {
    let name = held.claims.secret.clone().unwrap_or_default();
    let place = ObjectPlace::in_namespace(ObjectKind::Secret, cluster.namespace(), &name);
    let secret = match name.as_str() {
        "" => None,
        _ => cluster.fetch_place(&place).await?,
    };
    let known = secret
        .as_ref()
        .and_then(|secret| Some((Credential::of_marker(secret)?, uid_of(secret).to_owned())));
    known.ok_or_else(|| {
        CommandError::new(
            ErrorKind::NotFound,
            format!(
                "the credential in the file is none that kubectl-trainer made in this cluster: it was taken back, or belongs to another ({}/{} there)",
                held.claims.namespace, held.claims.account
            ),
        )
        .with_hint(format!(
            "name the cluster with --context, or make a new file: {} access kubeconfig {} -n {} -f FILE",
            context.display_name(),
            held.claims.account,
            held.claims.namespace
        ))
    })
}

async fn make_new(
    ui: &mut Ui,
    context: &CommandContext,
    cluster: &Cluster,
    old: &Credential,
    asked: Option<Duration>,
) -> Result<Minted, CommandError> {
    let holder = fetch_holder(context, cluster, Some(&old.account)).await?;
    let terms = Terms {
        kind: match asked {
            Some(_) => CredentialKind::Token,
            None => old.kind,
        },
        lifetime: asked.unwrap_or_else(|| lived(old)),
        audiences: &[],
    };
    mint(ui, context, cluster, holder, &terms).await
}

/// What the old one was granted.
fn lived(old: &Credential) -> Duration {
    let (Some(issued), Some(expires)) = (old.issued, old.expires) else {
        return lifetime::SHORTEST;
    };
    let seconds = expires.duration_since(issued).as_secs();
    Duration::from_secs(u64::try_from(seconds).unwrap_or_default()).max(lifetime::SHORTEST)
}

/// Logs in with nothing but the new token; only then the file gets it.
async fn put(
    cluster: &Cluster,
    args: &RotateArgs,
    text: &str,
    held: &Held,
    new: &Minted,
) -> Result<(), CommandError> {
    let login = Login::Token(new.token.expose_secret());
    let made = &new.made;
    let file = kubeconfig(
        cluster.server_entry(),
        "",
        &made.holder,
        login,
        &made.issued,
    );
    let options = ConnectionOptions {
        kubeconfig_text: Some(SecretString::from(render_unfolded_yaml(&file))),
        attendance: Attendance::Unattended,
        ..ConnectionOptions::default()
    };
    let user = Cluster::connect(&options)
        .await?
        .fetch_identity()
        .await?
        .user;
    let expected = format!(
        "system:serviceaccount:{}:{}",
        made.holder.namespace, made.holder.account
    );
    if user != expected {
        return Err(CommandError::new(
            ErrorKind::Failed,
            format!("the new token logs in as {user}, not as {expected}; the file is as it was"),
        )
        .with_hint("does something between you and the API server log in for you?"));
    }
    let token = new.token.expose_secret();
    write_file(
        &args.file,
        &with_token(text, held, token, &made.issued),
        Existing::Replaced,
    )
}

async fn wait_overlap(ui: &mut Ui, context: &CommandContext, overlap: Duration, old: &Credential) {
    if overlap.is_zero() {
        return;
    }
    ui.note(&format!(
        "The old credential {} is taken back in {}; until then both log in. If you stop this now: {}",
        old.id,
        lifetime::lifetime_words(overlap.as_secs()),
        revoke_command(context, &old.namespace, &old.id)
    ));
    sleep(overlap).await;
}
