//! `access token`: the only command that prints a token without being asked for a place.

use clap::ValueEnum;
use secrecy::ExposeSecret as _;

use super::{
    minting::{Made, MintArgs, Minted, Terms, mint, read_claims, request_token},
    output::describe,
};
use crate::{
    access::{
        credential::{Holder, Issued},
        kubeconfig_file::exec_credential,
    },
    cli::parse_name,
    cluster::Cluster,
    commands::CommandContext,
    error::{CommandError, ErrorKind},
    render::document::render_json,
    ui::Ui,
};

/// Print a token of a service account
///
/// The token is bound to a Secret without content, so that it can be taken back alone; `access list` shows it.
/// Standard output has the token and nothing else: pipe it to where it is kept.
#[derive(clap::Args, Debug)]
pub(super) struct TokenArgs {
    #[command(flatten)]
    mint: MintArgs,
    /// Whom the token is for, in place of the API server; may be repeated
    #[arg(long, value_name = "NAME")]
    audience: Vec<String>,
    /// Bind the token to this Secret of an earlier credential, and write nothing: for entries that renew themselves
    #[arg(long, value_name = "SECRET", value_parser = parse_name, conflicts_with = "token_type")]
    credential: Option<String>,
    /// json has the token too; exec-credential is what kubeconfigs expect of a program that logs in
    #[arg(
        short,
        long,
        value_name = "token|json|exec-credential",
        default_value = "token",
        hide_default_value = true,
        hide_possible_values = true
    )]
    output: TokenFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TokenFormat {
    Token,
    Json,
    ExecCredential,
}

pub(super) async fn run(
    ui: &mut Ui,
    context: &CommandContext,
    args: &TokenArgs,
) -> Result<(), CommandError> {
    let cluster = context.connect().await?;
    let holder = args.fetch_holder(context, &cluster).await?;
    let terms = Terms {
        kind: args.mint.kind(),
        lifetime: args.mint.lifetime(&holder),
        audiences: &args.audience,
    };
    let minted = match &args.credential {
        Some(marker) => renew(context, &cluster, holder, marker, &terms).await?,
        None => mint(ui, context, &cluster, holder, &terms).await?,
    };
    ui.answer(&args.rendered(&minted, cluster.server()))?;
    // A kubeconfig's entry runs this at every login; what it says there would stand between other answers.
    if args.output != TokenFormat::ExecCredential {
        minted.made.say(ui, context);
    }
    Ok(())
}

/// One more token that ends with the Secret of a credential, which must be there still.
async fn renew(
    context: &CommandContext,
    cluster: &Cluster,
    holder: Holder,
    marker: &str,
    terms: &Terms<'_>,
) -> Result<Minted, CommandError> {
    let place = holder.marker_place(marker);
    let token = request_token(cluster, &holder, Some((marker, None)), terms)
        .await
        .map_err(|error| match error.kind {
            ErrorKind::NotFound => CommandError::new(
                ErrorKind::NotFound,
                format!("the credential was revoked: {} is gone", place.words()),
            )
            .with_hint(format!(
                "make a new one: {} access kubeconfig {} -n {} --exec -f FILE",
                context.display_name(),
                holder.account,
                holder.namespace
            )),
            _ => error,
        })?;
    let claims = read_claims(&token, &holder)?;
    Ok(Minted {
        made: Made {
            issued: Issued::of(&claims, marker, context.now()),
            marker: marker.to_owned(),
            holder,
        },
        token: token.token,
    })
}

impl TokenArgs {
    /// To renew, the names are enough: the server knows whether the account is there.
    async fn fetch_holder(
        &self,
        context: &CommandContext,
        cluster: &Cluster,
    ) -> Result<Holder, CommandError> {
        match (&self.credential, self.mint.account()) {
            (Some(_), Some(account)) => Ok(Holder {
                namespace: cluster.namespace().to_owned(),
                account: account.to_owned(),
                uid: String::new(),
                persona: None,
            }),
            _ => self.mint.fetch_holder(context, cluster).await,
        }
    }

    fn rendered(&self, minted: &Minted, server: &str) -> String {
        let token = minted.token.expose_secret();
        match self.output {
            TokenFormat::Token => format!("{token}\n"),
            TokenFormat::Json => {
                let mut report = describe(&minted.made, server, None);
                report["token"] = token.into();
                render_json(&report)
            }
            TokenFormat::ExecCredential => {
                render_json(&exec_credential(token, &minted.made.issued))
            }
        }
    }
}
