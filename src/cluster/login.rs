//! What a connection logs in with, so that it can be told whose login it is, and what else stands beside it.

use kube::config::AuthInfo;
use secrecy::SecretString;

use super::{
    files::{Reading, read_aside},
    kubeconfig_fault::KubeconfigFault,
};

/// What the API server is shown.
#[derive(Clone, Debug, Default)]
pub struct Login {
    /// The token, wherever it came from.
    pub token: Option<SecretString>,
    pub others: Vec<OtherLogin>,
}

/// What stands beside a token, or in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherLogin {
    /// Wins over a token.
    ClientCertificate,
    /// A program that fetches a token, with a login of its own.
    Plugin,
    /// An auth-provider, which kubectl ignores beside a token, and other clients ask first.
    Provider,
    Password,
    /// Every request acts as somebody else.
    Impersonation,
}

impl Login {
    /// In a pod the token stands in a file, which requests read themselves, because it changes. One that cannot be read
    /// is told by the first of them.
    pub(super) async fn read(
        user: &AuthInfo,
        others: Vec<OtherLogin>,
    ) -> Result<Self, KubeconfigFault> {
        let token = match (&user.token, user.token_file.clone()) {
            (None, Some(file)) => {
                let read = move || Ok(std::fs::read_to_string(file).ok());
                let text = read_aside(Reading::FilesOf(String::new()), read).await?;
                text.map(|text| SecretString::from(text.trim().to_owned()))
            }
            (token, _) => token.clone(),
        };
        Ok(Self { token, others })
    }
}

impl OtherLogin {
    /// Of a user as the kubeconfig and the flags say it, before anything of it is read or run.
    pub(super) fn all_of(user: &AuthInfo) -> Vec<Self> {
        let certificate =
            user.client_certificate.is_some() || user.client_certificate_data.is_some();
        // A plugin is not run where there is a token already.
        let runs = user.exec.is_some() && user.token.is_none() && user.token_file.is_none();
        let every = [
            (certificate, Self::ClientCertificate),
            (runs, Self::Plugin),
            (user.auth_provider.is_some(), Self::Provider),
            (user.username.is_some(), Self::Password),
            (user.impersonate.is_some(), Self::Impersonation),
        ];
        let there = every.into_iter().filter(|(there, _)| *there);
        there.map(|(_, other)| other).collect()
    }
}
