//! Everything that can go wrong between the user and the API server, as one type: what was asked, of whom,
//! what came back, and what mends it. `kubeconfig.rs`, `unreachable.rs` and `status.rs` recognise the cases.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use super::{
    kubeconfig_fault::KubeconfigFault, status::WebhookFault, unreachable::UnreachableCause,
};

/// A request that did not give its answer.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The request in words, fit for "cannot ...": `list trainjobs.trainer.kubeflow.org in namespace a`.
    pub request: String,
    pub kind: FailureKind,
    /// Whom it was asked of; absent while the kubeconfig is still being read.
    pub target: Option<Arc<Target>>,
}

/// The connection's names, for messages and hints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// The kubeconfig context; empty without one (in a pod, or with `--server` alone).
    pub context: String,
    /// The kubeconfig entry under `clusters`.
    pub cluster: String,
    /// The kubeconfig entry under `users`.
    pub user: String,
    /// URL of the API server.
    pub server: String,
}

#[derive(Clone, Debug)]
pub enum FailureKind {
    /// The kubeconfig does not say how to connect. Nothing was sent.
    Kubeconfig(KubeconfigFault),
    /// No answer, because no trusted connection came about.
    Unreachable(UnreachableCause),
    /// HTTP 401: the server does not accept the credential.
    Unauthorized { message: String },
    /// HTTP 403 by the authorizer: the caller lacks a rule.
    Forbidden(Box<MissingRule>),
    /// HTTP 404: no such object, or (without one) the server does not serve the resource.
    NotFound {
        object: Option<MissingObject>,
        message: String,
    },
    /// The request was understood and refused (validation, admission, quota, conflict).
    Rejected {
        message: String,
        webhook: Option<WebhookFault>,
    },
    /// Connected, but no answer within the limit.
    TimedOut { limit: Duration },
    /// Anything else; `code` is the HTTP status if there was one.
    Unexpected { code: Option<u16>, message: String },
}

/// The object that a 404 speaks of. It need not be the one that was asked for: creating in a namespace that is not
/// there names the namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingObject {
    /// Plural, with the group: `trainjobs.trainer.kubeflow.org`.
    pub resource: String,
    pub name: String,
}

/// The rule that a 403 says is missing, in the words of RBAC.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MissingRule {
    pub user: String,
    pub verb: String,
    pub resource: String,
    /// Empty for the core group.
    pub group: String,
    /// `None` for a request on the cluster scope.
    pub namespace: Option<String>,
    /// `None` for lists and creations.
    pub name: Option<String>,
    /// The server's own sentence.
    pub message: String,
}

impl Failure {
    /// The command or change that mends it.
    pub fn hint(&self) -> Option<String> {
        let target = self.target.as_deref().cloned().unwrap_or_default();
        match &self.kind {
            FailureKind::Kubeconfig(fault) => Some(fault.hint()),
            FailureKind::Unreachable(cause) => Some(cause.hint(&target)),
            FailureKind::Unauthorized { .. } => Some(target.unauthorized_hint()),
            FailureKind::Forbidden(rule) => Some(rule.hint(&target)),
            FailureKind::NotFound { object: None, .. } => Some(format!(
                "see what the server offers: {} api-resources",
                target.kubectl()
            )),
            FailureKind::NotFound { .. } => None,
            FailureKind::Rejected { webhook, .. } => {
                webhook.as_ref().and_then(|fault| fault.hint(&target))
            }
            FailureKind::TimedOut { .. } => Some(format!(
                "is the server slow? {} get --raw /readyz; a longer wait: --request-timeout=2m",
                target.kubectl()
            )),
            FailureKind::Unexpected { .. } => Some(format!(
                "ask the server yourself: {} get --raw /readyz?verbose",
                target.kubectl()
            )),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            FailureKind::Kubeconfig(fault) => fault.fmt(formatter),
            // The rule already says what cannot be done.
            FailureKind::Forbidden(rule) => write!(formatter, "forbidden: {rule}"),
            kind => write!(
                formatter,
                "cannot {}: {}",
                self.request,
                kind.words(self.target.as_deref())
            ),
        }
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.kind {
            FailureKind::Kubeconfig(fault) => fault.source(),
            FailureKind::Unreachable(cause) => cause.source(),
            _ => None,
        }
    }
}

impl FailureKind {
    pub(super) fn words(&self, target: Option<&Target>) -> String {
        let server = target.map_or("the server", |target| target.server.as_str());
        match self {
            Self::Kubeconfig(fault) => fault.to_string(),
            Self::Unreachable(cause) => cause.words(server),
            Self::Unauthorized { .. } => format!(
                "{server} does not accept the credential of {}",
                user_words(target)
            ),
            Self::Forbidden(rule) => rule.to_string(),
            Self::NotFound { object: None, .. } => format!("{server} does not serve this resource"),
            Self::NotFound {
                object: Some(object),
                ..
            } => format!("{} \"{}\" not found", object.resource, object.name),
            Self::TimedOut { limit } => {
                format!("{server} gave no answer within {} s", limit.as_secs_f64())
            }
            Self::Unexpected {
                code: Some(code),
                message,
            } => format!("{server} answered HTTP {code}: {message}"),
            Self::Rejected { message, .. }
            | Self::Unexpected {
                code: None,
                message,
            } => message.clone(),
        }
    }
}

fn user_words(target: Option<&Target>) -> String {
    match target.map(|target| target.user.as_str()) {
        None | Some("") => "the caller".to_owned(),
        Some(user) => format!("user \"{user}\" of the kubeconfig"),
    }
}

impl Target {
    /// `kubectl`, pointed at the same context.
    pub fn kubectl(&self) -> String {
        match self.context.as_str() {
            "" => "kubectl".to_owned(),
            context => format!("kubectl --context {}", shell_word(context)),
        }
    }

    fn unauthorized_hint(&self) -> String {
        match self.user.as_str() {
            "" => format!(
                "give a credential (--token, --client-certificate) and try: {} auth whoami",
                self.kubectl()
            ),
            user => format!(
                "the credential has expired or belongs to another cluster: log in again, or replace it with: kubectl config set-credentials {} --token=TOKEN",
                shell_word(user)
            ),
        }
    }
}

impl fmt::Display for MissingRule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "user \"{}\" may not {}", self.user, self.words())
    }
}

impl MissingRule {
    /// `pods` or `trainjobs.trainer.kubeflow.org`.
    pub fn full_resource(&self) -> String {
        match self.group.as_str() {
            "" => self.resource.clone(),
            group => format!("{}.{group}", self.resource),
        }
    }

    /// What may not be done: `list pods in namespace a`.
    pub fn words(&self) -> String {
        let name = self
            .name
            .as_ref()
            .map_or(String::new(), |name| format!(" {name}"));
        let place = match &self.namespace {
            Some(namespace) => format!("in namespace {namespace}"),
            None => "at the cluster scope".to_owned(),
        };
        format!("{} {}{name} {place}", self.verb, self.full_resource())
    }

    /// The command that asks the server whether the rule is there now.
    pub fn question(&self) -> String {
        self.question_with("kubectl")
    }

    fn question_with(&self, kubectl: &str) -> String {
        let scope = match &self.namespace {
            Some(namespace) => format!("-n {namespace}"),
            None => "--all-namespaces".to_owned(),
        };
        format!(
            "{kubectl} auth can-i {} {} {scope}",
            self.verb,
            self.full_resource()
        )
    }

    fn hint(&self, target: &Target) -> String {
        format!(
            "ask an administrator for verb \"{}\" on resource \"{}\" of apiGroup \"{}\"; check it with: {}",
            self.verb,
            self.resource,
            self.group,
            self.question_with(&target.kubectl())
        )
    }
}

/// A word as a POSIX shell reads it back.
pub fn shell_word(word: &str) -> String {
    let safe =
        |character: char| character.is_ascii_alphanumeric() || "-_./:@%+=,".contains(character);
    if !word.is_empty() && word.chars().all(safe) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}
