//! `access verify`: logs in with nothing but a credential, and proves what its account may and may not.

use secrecy::{ExposeSecret as _, SecretString};

use super::{
    accounts::fetch_holder,
    minting::{Terms, read_claims, request_token},
};
use crate::{
    access::{
        credential::{CredentialKind, Issued},
        kubeconfig_file::{Login, kubeconfig},
        lifetime,
        persona::Persona,
    },
    check::{
        access::{AccessContext, Asking, CATALOGUE, Subject},
        engine::{Limits, prove},
        report::Report,
        selection::Wishes,
    },
    cli::{AccountReference, parse_account},
    cluster::{
        AccountName, Attendance, Cluster, ConnectionOptions, Failure, Impersonation, Target,
    },
    commands::{
        CommandContext,
        check_notes::CheckNotes,
        verify::{CHECK_LIMIT, Format, error_kind},
    },
    error::{CommandError, ErrorKind, kind_of},
    render::{
        check::{Sheet, render_reports},
        document::render_unfolded_yaml,
    },
    ui::Ui,
};

/// Prove what a credential logs in as, what it may, and what it may not
///
/// Logs in with what the kubeconfig holds and nothing else, asks the server whom it sees, then for every right that the
/// account's persona must have and must not have; then it reads, and submits by dry run, for real. Changes nothing.
/// With a service account, a token for ten minutes is made for this run and written nowhere. With --service-account you
/// act as the account, which takes the right to impersonate it and tests no login.
///
/// Ends with 0 when all is as it should be, 1 when something is missing or too much, 3 when the server cannot be
/// reached or does not take the credential, and 4 when you may not ask.
#[derive(clap::Args, Debug)]
pub(super) struct VerifyArgs {
    /// Make a token of this account and verify that; without it, the kubeconfig itself is verified
    #[arg(value_name = "SERVICE-ACCOUNT", value_parser = parse_account)]
    account: Option<AccountReference>,
    /// Act as this account in place of logging in; also NAMESPACE/NAME
    #[arg(long, value_name = "NAME", value_parser = parse_account, conflicts_with = "account")]
    service_account: Option<AccountReference>,
    /// What the account is for, where neither labels nor names tell: viewer, submitter, ci, admin, system or user-code
    #[arg(long, value_name = "PERSONA", value_parser = parse_persona)]
    persona: Option<Persona>,
    /// Format of the report
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: Format,
}

fn parse_persona(text: &str) -> Result<Persona, String> {
    Persona::of_name(text)
        .ok_or_else(|| "expected viewer, submitter, ci, admin, system or user-code".to_owned())
}

pub(super) async fn run(
    ui: &mut Ui,
    context: &CommandContext,
    args: &VerifyArgs,
) -> Result<(), CommandError> {
    refuse_login_flags(context, args)?;
    let subject = fetch_subject(context, args).await?;
    let report = look(ui, context, &subject).await?;
    let target = target(&subject);
    let report = report.with_kubectl(&target);
    let kind = error_kind(report.verdict());
    let sheet = Sheet {
        report: &report,
        program: context.display_name(),
        context: &target.context,
        server: &target.server,
        namespace: &subject.namespace,
        holder: &subject.words(),
        exit_code: kind.map_or(0, ErrorKind::exit_code),
    };
    let text = render_reports(args.output.of_report(context), &[sheet], &context.look(ui));
    ui.answer(&text)?;
    kind.map_or(Ok(()), |kind| Err(CommandError::silent(kind)))
}

/// What a flag adds to the login is not in the file.
fn refuse_login_flags(context: &CommandContext, args: &VerifyArgs) -> Result<(), CommandError> {
    let options = context.options();
    let flags = [
        ("--as", options.impersonate.user.is_some()),
        ("--token", options.token.is_some()),
        ("--username", options.username.is_some()),
        ("--client-certificate", options.client_certificate.is_some()),
        ("--client-key", options.client_key.is_some()),
    ];
    let is_own = args.account.is_some() || args.service_account.is_some();
    let mut given = flags.into_iter().filter(|(_, given)| *given);
    let refused = given.find(|(flag, _)| !is_own || *flag == "--as");
    let Some((flag, _)) = refused else {
        return Ok(());
    };
    Err(CommandError::new(
        ErrorKind::Usage,
        format!("{flag} cannot be used here: the login is that of the kubeconfig alone, or of the account that is named"),
    )
    .with_hint("leave it out; to act as a service account: --service-account NAMESPACE/NAME"))
}

async fn fetch_subject(
    context: &CommandContext,
    args: &VerifyArgs,
) -> Result<Subject, CommandError> {
    let subject = match (&args.account, &args.service_account) {
        (Some(account), _) => of_account(context, account).await?,
        (None, Some(account)) => of_impersonation(context, account).await,
        (None, None) => of_kubeconfig(context).await,
    };
    match subject.acting {
        Err(failure) if kind_of(&failure) == ErrorKind::Usage => Err(failure.into()),
        acting => Ok(Subject {
            acting,
            persona: args.persona,
            ..subject
        }),
    }
}

/// The credential that is in the file.
async fn of_kubeconfig(context: &CommandContext) -> Subject {
    let acting = Cluster::connect(context.options()).await;
    of_login(context, acting, None)
}

/// A credential that is made for this run: it stands in no file, and is gone with the process.
async fn of_account(
    context: &CommandContext,
    account: &AccountReference,
) -> Result<Subject, CommandError> {
    let own = in_own_namespace(context.connect().await?, account);
    let holder = fetch_holder(context, &own, Some(&account.name)).await?;
    let terms = Terms {
        kind: CredentialKind::Token,
        lifetime: lifetime::SHORTEST,
        audiences: &[],
    };
    let token = request_token(&own, &holder, None, &terms).await?;
    let issued = Issued::of(&read_claims(&token, &holder)?, "", context.now());
    let login = Login::Token(token.token.expose_secret());
    let file = kubeconfig(own.server_entry(), "", &holder, login, &issued);
    let options = ConnectionOptions {
        kubeconfig_text: Some(SecretString::from(render_unfolded_yaml(&file))),
        namespace: context.options().namespace.clone(),
        attendance: Attendance::Unattended,
        request_timeout: context.options().request_timeout,
        request_log: context.options().request_log.clone(),
        ..ConnectionOptions::default()
    };
    let acting = Cluster::connect(&options).await;
    Ok(of_login(context, acting, Some(own)))
}

fn of_login(
    context: &CommandContext,
    acting: Result<Cluster, Failure>,
    own: Option<Cluster>,
) -> Subject {
    let mut subject = Subject {
        acting,
        own,
        asking: Asking::Login,
        account: None,
        namespace: String::new(),
        persona: None,
        program: context.display_name().to_owned(),
    };
    let account = subject.claims().map(|claims| AccountName {
        namespace: claims.namespace,
        name: claims.account,
    });
    let of_cluster = subject
        .acting
        .as_ref()
        .map_or("default", Cluster::namespace);
    subject.namespace = match (&context.options().namespace, &account) {
        (None, Some(account)) => account.namespace.clone(),
        _ => of_cluster.to_owned(),
    };
    Subject { account, ..subject }
}

/// The account as the caller acts as it.
async fn of_impersonation(context: &CommandContext, account: &AccountReference) -> Subject {
    let own = context.connect().await;
    let here = own.as_ref().map_or("default", Cluster::namespace);
    let own_namespace = account.namespace.clone();
    let name = AccountName {
        namespace: own_namespace.unwrap_or_else(|| here.to_owned()),
        name: account.name.clone(),
    };
    let options = ConnectionOptions {
        impersonate: Impersonation {
            user: Some(name.user()),
            ..Impersonation::default()
        },
        ..context.options().clone()
    };
    let asked = context.options().namespace.clone();
    Subject {
        acting: match &own {
            Ok(_) => Cluster::connect(&options).await,
            Err(failure) => Err(failure.clone()),
        },
        own: own.ok(),
        asking: Asking::Impersonation,
        namespace: asked.unwrap_or_else(|| name.namespace.clone()),
        account: Some(name),
        persona: None,
        program: context.display_name().to_owned(),
    }
}

fn in_own_namespace(cluster: Cluster, account: &AccountReference) -> Cluster {
    match account.namespace.clone() {
        Some(namespace) => cluster.in_namespace(namespace),
        None => cluster,
    }
}

async fn look(
    ui: &mut Ui,
    context: &CommandContext,
    subject: &Subject,
) -> Result<Report, CommandError> {
    let selection = CATALOGUE.select(&Wishes::default());
    let selection = selection.map_err(|fault| CommandError::new(ErrorKind::Failed, fault))?;
    let limits = Limits {
        check: CHECK_LIMIT,
        wait: None,
    };
    let notes = CheckNotes::new(ui);
    let mut notes = notes.of_cluster(0, "");
    let new_context = || AccessContext::new(subject.clone(), context.now());
    Ok(prove(&selection, &limits, &mut notes, new_context).await)
}

/// Whom commands in the report are for: the caller, whose own login they need.
fn target(subject: &Subject) -> Target {
    match (&subject.own, &subject.acting) {
        (Some(own), _) | (None, Ok(own)) => own.target().clone(),
        (None, Err(failure)) => failure.target.as_deref().cloned().unwrap_or_default(),
    }
}
