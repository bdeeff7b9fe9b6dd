//! `access env`: the variables for the Kubeflow SDK outside the cluster, with the server's authority beside them, and
//! the Python that reads them.

use std::path::{Path, PathBuf, absolute};

use clap::ValueEnum;
use k8s_openapi::api::core::v1::ConfigMap;
use secrecy::ExposeSecret as _;

use super::{
    minting::MintArgs,
    output::{Destination, OutputArgs, ReportFormat, check_free, check_report, report, write_file},
    server::{AddressArgs, said_entry},
};
use crate::{
    access::{
        env_file::{Authority, EnvFile},
        python,
    },
    cluster::{Cluster, Scope, ServerEntry},
    commands::CommandContext,
    error::CommandError,
    ui::{Existing, Ui},
};

const COMMAND: &str = "access env";
const AUTHORITY_FILE: &str = "ca.crt";
/// Where Trainer tells its version, and where it may live.
const VERSION_MAP: &str = "kubeflow-trainer-public";
const SYSTEM_NAMESPACES: [&str; 2] = ["kubeflow-system", "kubeflow"];

/// Write an env file for the Kubeflow SDK, or the Python that reads it
///
/// The file has address, authority, namespace and token; the authority's certificate goes into ca.crt beside it. The
/// SDK reads none of these variables by itself: -o python prints the lines that do, and makes no credential.
#[derive(clap::Args, Debug)]
pub(super) struct EnvArgs {
    #[command(flatten)]
    mint: MintArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    address: AddressArgs,
    /// python: print the Python that reads the variables; json: tell on standard output what was made, without the
    /// token
    #[arg(
        short = 'o',
        long = "output",
        value_name = "env|python|json",
        default_value = "env",
        hide_default_value = true,
        hide_possible_values = true
    )]
    format: EnvFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum EnvFormat {
    Env,
    Python,
    Json,
}

pub(super) async fn run(
    ui: &mut Ui,
    context: &CommandContext,
    args: &EnvArgs,
) -> Result<(), CommandError> {
    if args.format == EnvFormat::Python {
        return write_snippet(ui, context, args);
    }
    let destination = args.output.destination(ui, context, COMMAND)?;
    check_report(args.report(), destination)?;
    let cluster = context.connect().await?;
    let entry = said_entry(ui, &cluster, &args.address)?;
    let authority = AuthorityPlace::beside(destination, &entry)?;
    let system_namespace = fetch_system_namespace(&cluster).await;
    let minted = args.mint.mint(ui, context, &cluster).await?;
    let file = EnvFile {
        entry: &entry,
        holder: &minted.made.holder,
        token: minted.token.expose_secret(),
        issued: &minted.made.issued,
        authority: authority.named(),
        system_namespace,
    };
    let written = authority
        .write(ui, &entry)
        .and_then(|()| destination.write(ui, &file.text()));
    if let Err(error) = written {
        // The first failure is the one to tell.
        drop(minted.made.withdraw(&cluster).await);
        return Err(error);
    }
    minted.made.say(ui, context);
    report(
        ui,
        args.report(),
        &minted.made,
        (&entry.server, destination),
    )
}

/// It holds no credential, so it may be shown.
fn write_snippet(
    ui: &mut Ui,
    context: &CommandContext,
    args: &EnvArgs,
) -> Result<(), CommandError> {
    match args.output.file {
        Some(_) => args.output.destination(ui, context, COMMAND)?,
        None => Destination::StandardOutput,
    }
    .write(ui, &python::snippet())
}

impl EnvArgs {
    const fn report(&self) -> Option<ReportFormat> {
        match self.format {
            EnvFormat::Json => Some(ReportFormat::Json),
            EnvFormat::Env | EnvFormat::Python => None,
        }
    }
}

/// Where the server's authority goes.
enum AuthorityPlace {
    /// Into a file of its own.
    Beside(PathBuf, Existing),
    /// There is one already, with the same content.
    Kept(PathBuf),
    /// Into the env file, or nowhere where the system's authorities are trusted.
    Inside,
}

impl AuthorityPlace {
    fn beside(destination: Destination<'_>, entry: &ServerEntry) -> Result<Self, CommandError> {
        let (Destination::File(file, existing), Some(authority)) = (destination, &entry.authority)
        else {
            return Ok(Self::Inside);
        };
        let file = absolute(file).unwrap_or_else(|_| file.to_owned());
        let path = file.with_file_name(AUTHORITY_FILE);
        if std::fs::read_to_string(&path).is_ok_and(|found| found == *authority) {
            return Ok(Self::Kept(path));
        }
        check_free(&path, existing)?;
        Ok(Self::Beside(path, existing))
    }

    fn named(&self) -> Authority<'_> {
        match self {
            Self::Beside(path, _) | Self::Kept(path) => Authority::File(path),
            Self::Inside => Authority::Inside,
        }
    }

    fn write(&self, ui: &mut Ui, entry: &ServerEntry) -> Result<(), CommandError> {
        let (Self::Beside(path, existing), Some(authority)) = (self, &entry.authority) else {
            return Ok(());
        };
        write_file(path, authority, *existing)?;
        ui.note(&format!("Wrote {}.", shown(path)));
        Ok(())
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// Where the SDK finds Trainer's version. Only a variable depends on it, so a failure does not matter.
async fn fetch_system_namespace(cluster: &Cluster) -> Option<&'static str> {
    for namespace in SYSTEM_NAMESPACES {
        let scope = Scope::Namespace(namespace.to_owned());
        if let Ok(Some(_)) = cluster.fetch::<ConfigMap>(&scope, VERSION_MAP).await {
            return Some(namespace);
        }
    }
    None
}
