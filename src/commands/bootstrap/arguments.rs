//! What may be typed after `bootstrap`.

use std::path::PathBuf;

use crate::{
    access::persona::Persona,
    cli::{AccountReference, parse_account, parse_name},
    commands::{applying::ApplyArgs, trial::TrialArgs},
};

/// Make a namespace ready for training, with just enough rights for somebody
///
/// Makes what is missing: the namespace, a service account, the persona's Role and a binding to it; and where it is
/// needed, reading the cluster's training runtimes for that account alone. Namespaces and accounts that are there serve
/// as they are, and are never changed. A second run changes nothing.
///
/// What you may not make is left to an administrator: all else is made, the rest is printed as a command to hand on, and
/// the exit code is 4. Where somebody else has made an object of the same name, nothing at all is changed: 6.
#[derive(clap::Args, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub struct BootstrapArgs {
    /// The namespace; without it, that of the context
    #[arg(value_name = "NAMESPACE", value_parser = parse_label)]
    pub(super) named: Option<String>,
    /// What the rights are for: viewer, submitter (without it), ci, admin, system, or user-code, which has none
    #[arg(long, value_name = "PERSONA", value_parser = parse_persona)]
    pub(super) persona: Option<Persona>,
    /// Who gets them; also NAMESPACE/NAME. Without it an account of the persona's name, such as trainer-submitter; may
    /// be repeated
    #[arg(long, value_name = "NAME", value_parser = parse_account)]
    pub(super) service_account: Vec<AccountReference>,
    /// A person who gets them, under the name that the API server knows; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(super) for_user: Vec<String>,
    /// A group whose members get them; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(super) for_group: Vec<String>,
    /// A viewer reads logs too: they may hold secrets
    #[arg(long)]
    pub(super) logs: bool,
    /// Leave out the rights that only tell why a job waits, such as those on queues
    #[arg(long)]
    pub(super) core_only: bool,
    /// Do not ask who may read the cluster's runtimes, and grant nothing in the cluster
    #[arg(long)]
    pub(super) namespaced_only: bool,
    /// What the namespace may have in all, such as trainjobs=10,requests.cpu=64,requests.nvidia.com/gpu=8
    #[arg(long, value_name = "RESOURCE=AMOUNT", value_delimiter = ',', value_parser = parse_amount)]
    pub(super) quota: Vec<(String, String)>,
    /// What a container gets that does not say what it needs, such as cpu=1,memory=2Gi
    #[arg(long, value_name = "RESOURCE=AMOUNT", value_delimiter = ',', value_parser = parse_amount)]
    pub(super) limits: Vec<(String, String)>,
    /// Two accounts: one for a platform's own components, and one without rights for training code
    #[arg(long)]
    pub(super) two_tier: bool,
    /// The platform's account; as NAMESPACE/NAME in a namespace of its own. Without it trainer-system
    #[arg(long, value_name = "NAME", value_parser = parse_account, requires = "two_tier")]
    pub(super) system_service_account: Option<AccountReference>,
    /// The account of training code; without it trainer-user-code
    #[arg(long, value_name = "NAME", value_parser = parse_name, requires = "two_tier")]
    pub(super) code_service_account: Option<String>,
    /// A Secret that training code may use in two tiers; may be repeated
    #[arg(long, value_name = "NAME", value_parser = parse_name, requires = "two_tier")]
    pub(super) code_secret: Vec<String>,
    /// In the end, write a kubeconfig that logs in as the service account
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["diff", "dry_run", "export"])]
    pub(super) file: Option<PathBuf>,
    /// Replace a file that is there
    #[arg(long, requires = "file")]
    pub(super) force: bool,
    /// In the end, log in as the service account with a new credential and nothing else, and make a real training on two
    /// nodes, which is followed to its end and removed: kubectl trainer verify --deep
    #[arg(long, group = "trial", conflicts_with_all = ["diff", "dry_run", "export", "output"])]
    pub(super) test_run: bool,
    #[command(flatten)]
    pub(super) trial: TrialArgs,
    #[command(flatten)]
    pub(super) apply: ApplyArgs,
}

/// A namespace's name is a DNS label.
fn parse_label(text: &str) -> Result<String, String> {
    let name = parse_name(text)?;
    if name.len() > 63 || name.contains('.') {
        return Err("a namespace's name has at most 63 letters and no dot".to_owned());
    }
    Ok(name)
}

fn parse_amount(text: &str) -> Result<(String, String), String> {
    let parts = text
        .split_once('=')
        .map(|(name, amount)| (name.trim(), amount.trim()));
    match parts {
        Some((name, amount)) if !name.is_empty() && !amount.is_empty() => {
            Ok((name.to_owned(), amount.to_owned()))
        }
        _ => Err("expected RESOURCE=AMOUNT, such as cpu=4".to_owned()),
    }
}

fn parse_persona(text: &str) -> Result<Persona, String> {
    Persona::of_name(text)
        .ok_or_else(|| "expected viewer, submitter, ci, admin, system or user-code".to_owned())
}
