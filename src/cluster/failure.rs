//! Everything that can go wrong between the user and the API server, as one type: what was asked, of whom,
//! what came back, and what mends it. `kubeconfig.rs`, `unreachable.rs` and `status.rs` recognise the cases.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use super::{
    kubeconfig_fault::KubeconfigFault,
    options::{CONTEXT, ConnectionOptions, IMPERSONATE, KUBECONFIG},
    status::WebhookFault,
    unreachable::UnreachableCause,
};

const TOO_MANY_REQUESTS: u16 = 429;

/// A request that did not give its answer.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The request in words, fit for "cannot ...": `list trainjobs.trainer.kubeflow.org in namespace a`.
    pub request: String,
    pub kind: FailureKind,
    /// Whom it was asked of.
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
    /// URL of the API server, without a password.
    pub server: String,
    /// The flags, ready for a shell, with which kubectl reaches the same cluster as the same caller: those that
    /// were given, and never a credential.
    pub flags: Vec<String>,
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
    /// HTTP 409 to a server-side apply: others have set fields to something else. Nothing was changed.
    Conflict(Vec<FieldConflict>),
    /// The request was understood and refused (validation, admission, quota).
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

/// A field that another manager has set otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldConflict {
    /// As the server knows it: `kubectl-client-side-apply`.
    pub manager: String,
    /// As the server writes it: `.spec.replicas`; empty for the whole object.
    pub field: String,
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
            FailureKind::Kubeconfig(fault) => Some(fault.hint(&target)),
            FailureKind::Unreachable(cause) => Some(cause.hint(&target)),
            FailureKind::Unauthorized { .. } => Some(target.unauthorized_hint()),
            FailureKind::Forbidden(rule) => Some(rule.hint(&target)),
            FailureKind::NotFound { object: None, .. } => Some(format!(
                "see what the server offers: {} api-resources",
                target.kubectl()
            )),
            FailureKind::NotFound { .. } | FailureKind::Conflict(_) => None,
            FailureKind::Rejected { .. } if self.kind.is_bad_selector() => Some(
                "write selectors as kubectl takes them, such as: -l team=vision,tier!=test"
                    .to_owned(),
            ),
            FailureKind::Rejected { webhook, .. } => {
                webhook.as_ref().and_then(|fault| fault.hint(&target))
            }
            FailureKind::TimedOut { .. } => Some(format!(
                "is the server slow? {} get --raw /readyz; a longer wait: --request-timeout=2m",
                target.kubectl()
            )),
            FailureKind::Unexpected {
                code: Some(TOO_MANY_REQUESTS),
                ..
            } => Some(
                "the server is busy, or limits how often you may ask: wait, then try again"
                    .to_owned(),
            ),
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
    /// The server could not read the label selector that was typed; the wording is that of apimachinery's `labels`.
    pub fn is_bad_selector(&self) -> bool {
        matches!(self, Self::Rejected { message, .. } if message.contains("unable to parse requirement"))
    }

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
            Self::Conflict(conflicts) => {
                let words: Vec<_> = conflicts.iter().map(ToString::to_string).collect();
                words.join(", ")
            }
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
    /// What the flags alone say, before the kubeconfig is read.
    pub(super) fn of_flags(options: &ConnectionOptions) -> Self {
        Self {
            flags: options.kubectl_flags(),
            ..Self::default()
        }
    }

    /// `kubectl`, pointed at the same cluster as the same caller.
    pub fn kubectl(&self) -> String {
        let is_context = |flag: &String| flag.starts_with(CONTEXT);
        let context = match self.context.as_str() {
            "" => None,
            _ if self.flags.iter().any(is_context) => None,
            context => Some(format!("{CONTEXT} {}", shell_word(context))),
        };
        let words = ["kubectl".to_owned()].into_iter().chain(context);
        let words: Vec<_> = words.chain(self.flags.iter().cloned()).collect();
        words.join(" ")
    }

    /// `kubectl` with the flags that were given.
    pub fn kubectl_as_given(&self) -> String {
        let flags = self.flags.iter().map(String::as_str);
        ["kubectl"]
            .into_iter()
            .chain(flags)
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// The same, but never as somebody else: for what takes one's own rights.
    pub fn kubectl_as_oneself(&self) -> String {
        let flags = self.flags.iter().map(String::as_str);
        let own = flags.filter(|flag| !flag.starts_with(IMPERSONATE));
        ["kubectl"]
            .into_iter()
            .chain(own)
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// `kubectl config`, on the same file.
    pub fn kubectl_config(&self) -> String {
        let file = self.flags.iter().find(|flag| flag.starts_with(KUBECONFIG));
        match file {
            Some(flag) => format!("kubectl {flag} config"),
            None => "kubectl config".to_owned(),
        }
    }

    fn unauthorized_hint(&self) -> String {
        match self.user.as_str() {
            "" => format!(
                "give a credential (--token, --client-certificate) and try: {} auth whoami",
                self.kubectl()
            ),
            user => format!(
                "the credential has expired or belongs to another cluster: log in again, or replace it with: {} set-credentials {} --token=TOKEN",
                self.kubectl_config(),
                shell_word(user)
            ),
        }
    }
}

impl fmt::Display for FieldConflict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field.as_str() {
            "" => write!(formatter, "{} has made it", self.manager),
            field => write!(formatter, "{} has set {field}", self.manager),
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
        if self.resource.starts_with('/') {
            return format!("{kubectl} auth can-i {} {}", self.verb, self.resource);
        }
        let (resource, part) = match self.resource.split_once('/') {
            Some((resource, part)) => (resource, format!(" --subresource={part}")),
            None => (self.resource.as_str(), String::new()),
        };
        let group = match self.group.as_str() {
            "" => String::new(),
            group => format!(".{group}"),
        };
        let scope = match &self.namespace {
            Some(namespace) => format!("-n {namespace}"),
            None => "--all-namespaces".to_owned(),
        };
        format!(
            "{kubectl} auth can-i {} {resource}{group}{part} {scope}",
            self.verb
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

#[cfg(test)]
mod tests {
    use super::*;

    fn question(resource: &str, group: &str, namespace: Option<&str>) -> String {
        let rule = MissingRule {
            verb: "get".to_owned(),
            resource: resource.to_owned(),
            group: group.to_owned(),
            namespace: namespace.map(str::to_owned),
            ..MissingRule::default()
        };
        rule.question()
    }

    #[test]
    fn the_question_about_a_rule_is_one_that_kubectl_understands() {
        assert_eq!(
            question("pods/log", "", Some("a")),
            "kubectl auth can-i get pods --subresource=log -n a"
        );
        assert_eq!(
            question("deployments/scale", "apps", None),
            "kubectl auth can-i get deployments.apps --subresource=scale --all-namespaces"
        );
        assert_eq!(
            question("/version", "", None),
            "kubectl auth can-i get /version"
        );
    }

    #[test]
    fn commands_in_hints_reach_the_same_cluster_as_the_same_caller() {
        let mut options = ConnectionOptions {
            kubeconfig: Some("my file".into()),
            token: Some("sesame".to_owned().into()),
            server: Some("https://ann:sesame@one:1".to_owned()),
            ..ConnectionOptions::default()
        };
        options.impersonate.user = Some("ann@example.com".to_owned());
        options.impersonate.groups.push("a team".to_owned());
        let target = Target {
            context: "c".to_owned(),
            ..Target::of_flags(&options)
        };
        assert_eq!(
            target.kubectl(),
            "kubectl --context c --kubeconfig 'my file' --server https://one:1 --as ann@example.com --as-group 'a team'"
        );
        assert_eq!(
            target.kubectl_config(),
            "kubectl --kubeconfig 'my file' config"
        );
        options.context = Some("d".to_owned());
        assert!(
            Target::of_flags(&options)
                .kubectl()
                .starts_with("kubectl --kubeconfig 'my file' --context d ")
        );
    }
}
