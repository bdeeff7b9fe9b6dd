//! What can be wrong with a kubeconfig or with the flags over it, in words that name the entry and the mend.

use std::{error::Error, fmt, io, path::PathBuf, sync::Arc};

use super::failure::{Target, shell_word};

/// What the kubeconfig or the flags get wrong. Nothing was sent to a cluster.
#[derive(Clone, Debug)]
pub enum KubeconfigFault {
    /// No file, no flag and no pod to take a server from. The files that were looked for.
    Missing {
        searched: Vec<PathBuf>,
    },
    Unreadable {
        file: PathBuf,
        source: Arc<io::Error>,
    },
    Malformed {
        file: PathBuf,
        problem: String,
    },
    /// A flag or `current-context` names an entry that is not there.
    UnknownEntry {
        section: Section,
        name: String,
        known: Vec<String>,
    },
    /// An entry says something that cannot be used.
    BadEntry {
        section: Section,
        name: String,
        problem: String,
    },
    /// A file that an entry names, such as a certificate.
    BadFile {
        section: Section,
        name: String,
        problem: String,
    },
    /// The program that should fetch the credential.
    CredentialPlugin {
        user: String,
        problem: String,
        install_hint: Option<String>,
    },
    /// The value of a flag cannot be used, whatever the kubeconfig says.
    BadFlag {
        flag: &'static str,
        problem: String,
        hint: String,
    },
    /// No current context among those that are there.
    NoCurrentContext {
        known: Vec<String>,
    },
}

/// The lists of a kubeconfig.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    Context,
    Cluster,
    User,
    /// No list: the service account of the pod that this process runs in.
    Pod,
}

impl fmt::Display for Section {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Context => "context",
            Self::Cluster => "cluster",
            Self::User => "user",
            Self::Pod => "service account",
        })
    }
}

impl fmt::Display for KubeconfigFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { searched } if searched.is_empty() => write!(
                formatter,
                "no cluster is configured: the kubeconfig is empty"
            ),
            Self::Missing { searched } => {
                let files: Vec<_> = searched
                    .iter()
                    .map(|file| file.display().to_string())
                    .collect();
                write!(
                    formatter,
                    "no cluster is configured: there is no kubeconfig at {}",
                    files.join(", ")
                )
            }
            Self::Unreadable { file, .. } => {
                write!(formatter, "cannot read the kubeconfig {}", file.display())
            }
            Self::Malformed { file, problem } => {
                write!(
                    formatter,
                    "the kubeconfig {} cannot be parsed: {problem}",
                    file.display()
                )
            }
            Self::UnknownEntry { section, name, .. } => write!(
                formatter,
                "there is no {section} \"{name}\" in the kubeconfig"
            ),
            Self::BadFile {
                section: Section::Pod,
                problem,
                ..
            } => write!(
                formatter,
                "the service account of this pod cannot be used: {problem}"
            ),
            Self::BadEntry {
                section,
                name,
                problem,
            }
            | Self::BadFile {
                section,
                name,
                problem,
            } => {
                write!(
                    formatter,
                    "{section} \"{name}\" of the kubeconfig cannot be used: {problem}"
                )
            }
            Self::CredentialPlugin { user, problem, .. } => {
                write!(
                    formatter,
                    "the credential plugin of user \"{user}\" of the kubeconfig {problem}"
                )
            }
            Self::BadFlag { flag, problem, .. } => {
                write!(formatter, "{flag} cannot be used: {problem}")
            }
            Self::NoCurrentContext { .. } => {
                write!(formatter, "the kubeconfig has no current context")
            }
        }
    }
}

impl KubeconfigFault {
    pub(super) fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unreadable { source, .. } => Some(source.as_ref()),
            _ => None,
        }
    }

    pub(super) fn hint(&self, target: &Target) -> String {
        let config = target.kubectl_config();
        match self {
            Self::Missing { .. } => {
                "name the file with --kubeconfig FILE, or with: export KUBECONFIG=FILE".to_owned()
            }
            Self::Unreadable { file, .. } => {
                format!("look at it: ls -l {}", shell_word(&file.to_string_lossy()))
            }
            Self::Malformed { file, .. } => {
                format!(
                    "correct the file, then check it with: kubectl --kubeconfig {} config view",
                    shell_word(&file.to_string_lossy())
                )
            }
            Self::UnknownEntry {
                section,
                name,
                known,
            } => unknown_hint(*section, name, known, &config),
            Self::BadEntry {
                section: Section::Cluster,
                name,
                ..
            } => {
                format!(
                    "set it with: {config} set-cluster {} --server=https://HOST:PORT",
                    shell_word(name)
                )
            }
            Self::BadFile {
                section: Section::Pod,
                ..
            } => "name a kubeconfig with --kubeconfig FILE, or look at: ls /var/run/secrets/kubernetes.io/serviceaccount".to_owned(),
            Self::BadEntry { .. } | Self::BadFile { .. } => {
                format!("look at it: {config} view")
            }
            Self::CredentialPlugin {
                install_hint: Some(text),
                ..
            } => format!("the kubeconfig says: {}", text.trim()),
            Self::CredentialPlugin { user, .. } => {
                format!(
                    "see how it is called: {config} view -o jsonpath='{{.users[?(@.name==\"{user}\")].user.exec}}'"
                )
            }
            Self::BadFlag { hint, .. } => hint.clone(),
            Self::NoCurrentContext { known } => {
                format!(
                    "choose one of {}: {config} use-context NAME",
                    known.join(", ")
                )
            }
        }
    }
}

fn unknown_hint(section: Section, name: &str, known: &[String], config: &str) -> String {
    if known.is_empty() {
        return format!("the kubeconfig has no {section} at all; see: {config} view");
    }
    match nearest(name, known) {
        Some(nearest) => format!("did you mean \"{nearest}\"? all: {config} get-{section}s"),
        None => format!(
            "there are: {}; see: {config} get-{section}s",
            known.join(", ")
        ),
    }
}

/// The known name that is most like the given one, if any is alike at all.
pub fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a String> {
    let likeness =
        |candidate: &&String| strsim::jaro_winkler(&name.to_lowercase(), &candidate.to_lowercase());
    let best = known
        .iter()
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(&best) > 0.8).then_some(best)
}
