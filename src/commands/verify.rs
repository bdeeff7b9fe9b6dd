//! `verify`: runs the catalogue of Trainer's checks against one cluster and shows the report.

use std::time::{Duration, Instant};

use clap::ValueEnum;

use crate::{
    check::{
        engine::{Catalogue, Event, Limits, Observer, prove},
        page,
        report::{Report, Verdict},
        selection::{NamespaceView, Selection, SelectionFault, Strictness, Wishes},
        trainer::{CATALOGUE, TrainerContext},
    },
    cli::{AccountReference, RequestsShown, parse_account, parse_duration},
    cluster::{AccountName, Cluster, Failure, Target},
    commands::CommandContext,
    error::{CommandError, ErrorKind},
    render::check::{Depth, ReportFormat, Sheet, render_reports},
    ui::Ui,
};

/// One check with all its requests. A webhook that hangs is given up by the API server after 10 s each way.
const CHECK_LIMIT: Duration = Duration::from_secs(40);

/// Check that Kubeflow Trainer is installed and working
///
/// Looks at the API server, the CRDs, the controllers, their webhooks (which are really called, by dry run) and the
/// training runtimes, and changes nothing. What you are not allowed to look at is reported as unknown, with the
/// missing rule. With -v the report unfolds: every check with all that it saw.
///
/// Ends with 0 when nothing failed, 1 when a check failed, 4 when nothing failed but you may not look at everything
/// that counts, and 3 when the cluster cannot be reached or does not know you. With --wait it ends as soon as nothing
/// that can heal is failed; when the time is over first, with the same codes as without.
#[derive(clap::Args, Debug)]
pub struct VerifyArgs {
    /// Format of the report
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: Format,
    /// Try failed checks again for as long as this, such as 90s or 5m
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    wait: Option<Duration>,
    /// Only this check and what it requires; may be repeated, or a list with commas
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    only: Vec<String>,
    /// Not this check; may be repeated, or a list with commas
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    skip: Vec<String>,
    /// Warnings count as failures
    #[arg(long)]
    strict: bool,
    /// Ask whether this service account may train, not whether you may; without NAMESPACE, that of -n or the context
    #[arg(long, value_name = "[NAMESPACE/]NAME", value_parser = parse_account)]
    service_account: Option<AccountReference>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Table,
    Json,
    Yaml,
    Junit,
}

pub(crate) async fn run(
    ui: &mut Ui,
    context: &CommandContext,
    args: &VerifyArgs,
) -> Result<(), CommandError> {
    let selection = select(args, context)?;
    let cluster = context.connect().await;
    let cluster = cluster.map(|cluster| settle_namespace(cluster, args, context));
    let namespace = cluster
        .as_ref()
        .map_or("default", Cluster::namespace)
        .to_owned();
    let question = (&selection, args);
    let report = look(&mut Progress::new(ui), context, question, &cluster).await;
    let kind = error_kind(report.verdict());
    let target = target(&cluster);
    let sheet = Sheet {
        report: &report,
        program: context.display_name(),
        context: &target.context,
        server: &target.server,
        namespace: &namespace,
        exit_code: kind.map_or(0, ErrorKind::exit_code),
    };
    ui.answer(&render_reports(
        format(args, context),
        &[sheet],
        &context.look(ui),
    ))?;
    kind.map_or(Ok(()), |kind| Err(CommandError::silent(kind)))
}

/// The checks that the arguments ask for.
fn select(
    args: &VerifyArgs,
    context: &CommandContext,
) -> Result<Selection<TrainerContext>, CommandError> {
    let catalogue = catalogue(args);
    let wishes = Wishes {
        only: &args.only,
        skip: &args.skip,
        namespace: namespace_view(args, context),
        strictness: if args.strict {
            Strictness::Strict
        } else {
            Strictness::Lenient
        },
    };
    let selection = catalogue.select(&wishes);
    selection.map_err(|fault| refusal(fault, catalogue, context.display_name()))
}

fn catalogue(_args: &VerifyArgs) -> &'static Catalogue<TrainerContext> {
    &CATALOGUE
}

/// Who names a namespace or another caller asks about them.
fn namespace_view(args: &VerifyArgs, context: &CommandContext) -> NamespaceView {
    let options = context.options();
    let asked = options.namespace.is_some() || options.impersonate.user.is_some();
    if asked || args.service_account.is_some() {
        NamespaceView::On
    } else {
        NamespaceView::Off
    }
}

fn refusal(
    fault: SelectionFault,
    catalogue: &Catalogue<TrainerContext>,
    program: &str,
) -> CommandError {
    let hint = match &fault {
        SelectionFault::Unknown(typed) => {
            let ids = catalogue.checks.iter().map(|check| check.id);
            Some(match page::nearest_ids(typed, ids).as_slice() {
                [] => format!("all checks: {program} explain"),
                near => format!(
                    "did you mean {}? all checks: {program} explain",
                    near.join(" or ")
                ),
            })
        }
        _ => None,
    };
    let error = CommandError::new(ErrorKind::Usage, fault);
    match hint {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

/// The report, with mends that reach the same cluster.
async fn look(
    progress: &mut Progress<'_>,
    context: &CommandContext,
    (selection, args): (&Selection<TrainerContext>, &VerifyArgs),
    cluster: &Result<Cluster, Failure>,
) -> Report {
    let limits = Limits {
        check: CHECK_LIMIT,
        // A kubeconfig does not heal while one waits.
        wait: args.wait.filter(|_| cluster.is_ok()),
    };
    let report = prove(selection, &limits, progress, || {
        let namespace = cluster.as_ref().map_or("default", Cluster::namespace);
        TrainerContext::new(cluster.clone(), namespace.to_owned(), context.now())
            .about(account(args, namespace))
    });
    report.await.with_kubectl(&target(cluster))
}

/// Without -n, a service account is asked about in its own namespace.
fn settle_namespace(cluster: Cluster, args: &VerifyArgs, context: &CommandContext) -> Cluster {
    let account = args.service_account.as_ref();
    let own = account.and_then(|account| account.namespace.clone());
    match own.filter(|_| context.options().namespace.is_none()) {
        Some(namespace) => cluster.in_namespace(namespace),
        None => cluster,
    }
}

fn account(args: &VerifyArgs, namespace: &str) -> Option<AccountName> {
    let AccountReference {
        namespace: own,
        name,
    } = args.service_account.clone()?;
    Some(AccountName {
        namespace: own.unwrap_or_else(|| namespace.to_owned()),
        name,
    })
}

/// Whom the report is about; known in part when the kubeconfig is bad.
fn target(cluster: &Result<Cluster, Failure>) -> Target {
    match cluster {
        Ok(cluster) => cluster.target().clone(),
        Err(failure) => failure.target.as_deref().cloned().unwrap_or_default(),
    }
}

fn format(args: &VerifyArgs, context: &CommandContext) -> ReportFormat {
    match args.output {
        Format::Table if context.requests_shown() == RequestsShown::None => {
            ReportFormat::Table(Depth::Folded)
        }
        Format::Table => ReportFormat::Table(Depth::Full),
        Format::Json => ReportFormat::Json,
        Format::Yaml => ReportFormat::Yaml,
        Format::Junit => ReportFormat::Junit,
    }
}

/// How the program ends after a report with this verdict; `None` is success.
fn error_kind(verdict: Verdict) -> Option<ErrorKind> {
    match verdict {
        Verdict::Healthy | Verdict::Warnings => None,
        Verdict::Unhealthy => Some(ErrorKind::Failed),
        Verdict::Unknown => Some(ErrorKind::Forbidden),
        Verdict::Unreachable => Some(ErrorKind::Unreachable),
    }
}

/// Shows on standard error what is being waited for.
struct Progress<'a> {
    ui: &'a mut Ui,
    begin: Instant,
}

/// What is over sooner than this would only flash.
const FLASH: Duration = Duration::from_millis(300);

impl<'a> Progress<'a> {
    fn new(ui: &'a mut Ui) -> Self {
        Self {
            ui,
            begin: Instant::now(),
        }
    }
}

/// How often a wait without news says that it goes on.
const HEARTBEAT_SECONDS: u64 = 30;

impl Observer for Progress<'_> {
    fn on_event(&mut self, event: Event<'_>) {
        match event {
            Event::Started { .. } => {}
            Event::Finished(_) if self.begin.elapsed() < FLASH => {}
            Event::Finished(result) => self.ui.glance(&format!("checked {}", result.title)),
            Event::Waiting { report, waited } => self.ui.transient(&waiting_line(report, waited)),
        }
    }
}

fn waiting_line(report: &Report, waited: Duration) -> String {
    let failures = report.results.iter();
    let failures = failures.filter(|result| report.is_failure(result));
    let failed = failures.map(|result| {
        let reason = result
            .findings
            .first()
            .map_or("", |finding| finding.reason.code);
        format!("{} ({reason})", result.id)
    });
    let seconds = waited.as_secs() / HEARTBEAT_SECONDS * HEARTBEAT_SECONDS;
    let since = if seconds == 0 {
        String::new()
    } else {
        format!(" for {seconds} s")
    };
    format!(
        "waiting{since} for {}",
        failed.collect::<Vec<_>>().join(", ")
    )
}
