//! A new credential: a marker Secret, a token that ends with it, and what came of what was asked.

use std::time::Duration;

use clap::ValueEnum;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::accounts::fetch_holder;
use crate::{
    access::{
        credential::{Claims, CredentialKind, Holder, Issued, new_marker_name, parse_claims},
        lifetime,
    },
    cli::{parse_duration, parse_name},
    cluster::{AccountName, Cluster, DryRun, Failure, IssuedToken, TokenWish},
    commands::CommandContext,
    error::{CommandError, ErrorKind},
    ui::Ui,
};

/// For people, and for programs that live as long as a job.
const LIFETIME: Duration = Duration::from_hours(8);
const LIFETIME_CI: Duration = Duration::from_hours(1);
const CI: &str = "ci";

#[derive(clap::Args, Debug)]
pub(super) struct MintArgs {
    /// Service account; without it, the only one of the namespace that has a grant
    #[arg(value_name = "SERVICE-ACCOUNT", value_parser = parse_name)]
    account: Option<String>,
    /// How long the token shall live, at least 10m; without it 8h, and 1h for the persona ci. The server may grant less
    #[arg(long, value_name = "DURATION", value_parser = parse_lifetime)]
    pub(super) duration: Option<Duration>,
    /// Allow more than 24h: whoever finds such a token can use it for as long
    #[arg(long)]
    long_lived: bool,
    /// secret: a token that never expires, which the cluster puts into a Secret; for where tokens may not be requested
    #[arg(
        long,
        value_name = "request|secret",
        default_value = "request",
        hide_default_value = true,
        hide_possible_values = true,
        conflicts_with_all = ["duration", "long_lived"]
    )]
    token_type: TokenType,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum TokenType {
    Request,
    Secret,
}

fn parse_lifetime(text: &str) -> Result<Duration, String> {
    lifetime::check_asked(parse_duration(text)?)
}

/// A credential that was just made.
pub(super) struct Made {
    pub(super) holder: Holder,
    pub(super) issued: Issued,
    pub(super) marker: String,
}

/// Such a credential with its token.
pub(super) struct Minted {
    pub(super) made: Made,
    pub(super) token: SecretString,
}

/// What a new token shall be like.
pub(super) struct Terms<'a> {
    pub(super) kind: CredentialKind,
    pub(super) lifetime: Duration,
    pub(super) audiences: &'a [String],
}

impl MintArgs {
    /// A usual token of this account.
    pub(super) const fn of(account: String) -> Self {
        Self {
            account: Some(account),
            duration: None,
            long_lived: false,
            token_type: TokenType::Request,
        }
    }

    pub(super) async fn fetch_holder(
        &self,
        context: &CommandContext,
        cluster: &Cluster,
    ) -> Result<Holder, CommandError> {
        self.check()?;
        fetch_holder(context, cluster, self.account.as_deref()).await
    }

    pub(super) fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    fn check(&self) -> Result<(), CommandError> {
        match self.duration {
            Some(asked) if asked > lifetime::LONG && !self.long_lived => Err(CommandError::new(
                ErrorKind::Refused,
                format!(
                    "a token for {} is long-lived: whoever finds it can use it for as long",
                    lifetime::lifetime_words(asked.as_secs())
                ),
            )
            .with_hint("ask for 24h or less, or say that you mean it: --long-lived")),
            _ => Ok(()),
        }
    }

    pub(super) fn kind(&self) -> CredentialKind {
        match self.token_type {
            TokenType::Request => CredentialKind::Token,
            TokenType::Secret => CredentialKind::Secret,
        }
    }

    pub(super) fn lifetime(&self, holder: &Holder) -> Duration {
        let usual = match holder.persona.as_deref() {
            Some(CI) => LIFETIME_CI,
            _ => LIFETIME,
        };
        self.duration.unwrap_or(usual)
    }

    /// Makes the credential that these arguments ask for.
    pub(super) async fn mint(
        &self,
        ui: &mut Ui,
        context: &CommandContext,
        cluster: &Cluster,
    ) -> Result<Minted, CommandError> {
        let holder = self.fetch_holder(context, cluster).await?;
        let terms = Terms {
            kind: self.kind(),
            lifetime: self.lifetime(&holder),
            audiences: &[],
        };
        mint(ui, context, cluster, holder, &terms).await
    }
}

/// Makes a credential, and says what of it differs from what was asked. Where it fails nothing is left behind.
pub(super) async fn mint(
    ui: &mut Ui,
    context: &CommandContext,
    cluster: &Cluster,
    holder: Holder,
    terms: &Terms<'_>,
) -> Result<Minted, CommandError> {
    let marker = new_marker_name();
    let secret = cluster
        .apply(&holder.marker(&marker, terms.kind, None), DryRun::Off)
        .await?;
    match mint_for(context, cluster, &holder, (&marker, &secret), terms).await {
        Ok((token, issued)) => {
            say_warnings(ui, terms, &token, &issued);
            Ok(Minted {
                token: token.token,
                made: Made {
                    holder,
                    issued,
                    marker,
                },
            })
        }
        Err(error) => {
            // The first failure is the one to tell; what is left then has no token that anybody knows.
            let _ = cluster
                .delete(&holder.marker_place(&marker), uid_of(&secret))
                .await;
            Err(error)
        }
    }
}

async fn mint_for(
    context: &CommandContext,
    cluster: &Cluster,
    holder: &Holder,
    (name, secret): (&str, &Value),
    terms: &Terms<'_>,
) -> Result<(IssuedToken, Issued), CommandError> {
    let token = match terms.kind {
        CredentialKind::Secret => cluster.wait_for_token(&holder.marker_place(name)).await?,
        CredentialKind::Token | CredentialKind::Renewing => {
            let bound = Some((name, Some(uid_of(secret))));
            request_token(cluster, holder, bound, terms).await?
        }
    };
    let claims = read_claims(&token, holder)?;
    let issued = Issued::of(&claims, name, context.now());
    let marker = holder.marker(name, terms.kind, Some(&issued));
    cluster.apply(&marker, DryRun::Off).await?;
    Ok((token, issued))
}

/// A token for this account; `secret` is the one that it ends with.
pub(super) async fn request_token(
    cluster: &Cluster,
    holder: &Holder,
    secret: Option<(&str, Option<&str>)>,
    terms: &Terms<'_>,
) -> Result<IssuedToken, CommandError> {
    let account = AccountName {
        namespace: holder.namespace.clone(),
        name: holder.account.clone(),
    };
    let wish = TokenWish {
        account: &account,
        lifetime: terms.lifetime,
        audiences: terms.audiences,
        secret,
    };
    Ok(cluster.request_token(wish).await?)
}

/// What the token says of itself; one of another account is not handed on.
pub(super) fn read_claims(token: &IssuedToken, holder: &Holder) -> Result<Claims, CommandError> {
    let claims = parse_claims(token.token.expose_secret());
    let fits =
        |claims: &Claims| claims.namespace == holder.namespace && claims.account == holder.account;
    claims.filter(fits).ok_or_else(|| {
        CommandError::new(
            ErrorKind::Failed,
            format!(
                "the token that the server gave is not one of service account {}/{}",
                holder.namespace, holder.account
            ),
        )
        .with_hint("does something between you and the API server change its answers?")
    })
}

fn say_warnings(ui: &mut Ui, terms: &Terms<'_>, token: &IssuedToken, issued: &Issued) {
    for warning in &token.warnings {
        ui.warning(&format!("the server says: {warning}"));
    }
    let granted = issued.granted_seconds();
    match (terms.kind, granted) {
        (CredentialKind::Secret, None) => {
            ui.warning("this token never expires: it works until it is revoked");
        }
        (_, Some(granted)) => {
            if let Some(shortfall) = lifetime::shortfall(terms.lifetime, granted) {
                ui.warning(&shortfall);
            }
        }
        _ => {}
    }
}

pub(super) fn uid_of(object: &Value) -> &str {
    let uid = object.pointer("/metadata/uid").and_then(Value::as_str);
    uid.unwrap_or_default()
}

impl Made {
    /// Whose it is, until when, and how to revoke it.
    pub(super) fn say(&self, ui: &mut Ui, context: &CommandContext) {
        let until = match (self.issued.granted_seconds(), self.issued.expires) {
            (Some(seconds), Some(at)) => format!(
                "ends after {}, at {at}",
                lifetime::lifetime_words(u64::try_from(seconds).unwrap_or_default())
            ),
            _ => "lasts until it is revoked".to_owned(),
        };
        ui.note(&format!(
            "Credential {} of service account {}/{} {until}.",
            self.issued.id, self.holder.namespace, self.holder.account
        ));
        ui.hint(&format!(
            "revoke it with: {}",
            revoke_command(context, &self.holder.namespace, &self.issued.id)
        ));
    }

    /// Takes back what came to nothing: its file could not be written.
    pub(super) async fn withdraw(&self, cluster: &Cluster) -> Result<(), Failure> {
        let place = self.holder.marker_place(&self.marker);
        match cluster.fetch_place(&place).await? {
            Some(secret) => cluster.delete(&place, uid_of(&secret)).await,
            None => Ok(()),
        }
    }
}

pub(super) fn revoke_command(context: &CommandContext, namespace: &str, id: &str) -> String {
    format!(
        "{} access revoke {id} -n {namespace}",
        context.display_name()
    )
}
