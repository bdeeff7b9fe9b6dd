//! A credential for as long as something is tried with it: it is in no file, and taken back in the end.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

use super::{
    accounts::fetch_holder,
    minting::{Made, Terms, mint, revoke_command},
};
use crate::{
    access::{
        credential::CredentialKind,
        kubeconfig_file::{Login, kubeconfig},
        lifetime,
    },
    cluster::Cluster,
    commands::CommandContext,
    error::CommandError,
    render::document::render_unfolded_yaml,
    ui::Ui,
};

/// A credential that somebody has for a while.
pub(in crate::commands) struct Lent {
    /// A kubeconfig's text, which logs in as the account and as nobody else.
    pub(in crate::commands) kubeconfig: SecretString,
    made: Made,
    /// As whom it was made.
    cluster: Cluster,
}

/// For this account of the cluster's namespace; it ends by itself after `needed`, or as soon after as the server allows.
pub(in crate::commands) async fn lend(
    ui: &mut Ui,
    context: &CommandContext,
    cluster: Cluster,
    account: &str,
    needed: Duration,
) -> Result<Lent, CommandError> {
    let holder = fetch_holder(context, &cluster, Some(account)).await?;
    let terms = Terms {
        kind: CredentialKind::Token,
        lifetime: needed.max(lifetime::SHORTEST),
        audiences: &[],
    };
    let minted = mint(ui, context, &cluster, holder, &terms).await?;
    let login = Login::Token(minted.token.expose_secret());
    let made = minted.made;
    let file = kubeconfig(
        cluster.server_entry(),
        "",
        &made.holder,
        login,
        &made.issued,
    );
    Ok(Lent {
        kubeconfig: SecretString::from(render_unfolded_yaml(&file)),
        made,
        cluster,
    })
}

impl Lent {
    /// Says it where that fails: somebody has to know that the credential lives on.
    pub(in crate::commands) async fn take_back(self, ui: &mut Ui, context: &CommandContext) {
        if let Err(failure) = self.made.withdraw(&self.cluster).await {
            ui.warning(&format!(
                "credential {} was not taken back: {failure}",
                self.made.issued.id
            ));
            let command =
                revoke_command(context, &self.made.holder.namespace, &self.made.issued.id);
            ui.hint(&format!("revoke it with: {command}"));
        }
    }
}
