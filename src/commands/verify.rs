//! `verify`: runs a catalogue of checks against one cluster, or several at the same time, and shows the reports.

mod deep;

use std::{rc::Rc, time::Duration};

use clap::ValueEnum;
use futures::future::join_all;

use self::deep::{begin_trial, refuse_trial};
use crate::{
    check::{
        Question,
        engine::{Catalogue, Limits, prove, try_out},
        page,
        report::{Report, Verdict},
        selection::{NamespaceView, Selection, SelectionFault, Strictness, Trials, Typing, Wishes},
        trainer::{CATALOGUE, PRE, TrainerContext, Trial},
    },
    cli::{AccountReference, RequestsShown, parse_account, parse_duration},
    cluster::{AccountName, Cluster, Failure, Target},
    commands::{
        CommandContext,
        check_notes::{CheckNotes, ClusterNotes},
        signals::until_signal,
        trial::{TrialArgs, Trying},
    },
    error::{CommandError, ErrorKind, kind_of},
    plugin::{Names, Surroundings},
    render::check::{Depth, ReportFormat, Sheet, render_reports},
    ui::{Ui, is_attended},
};

/// One check with all its requests. A webhook that hangs is given up by the API server after 10 s each way.
pub(super) const CHECK_LIMIT: Duration = Duration::from_secs(40);

/// Check that Kubeflow Trainer is installed and working
///
/// Looks at the API server, the CRDs, the controllers, their webhooks (which are really called, by dry run) and the
/// training runtimes, and changes nothing. What you are not allowed to look at is reported as unknown, with the
/// missing rule. With -v the report unfolds: every check with all that it saw.
///
/// With -n, --as or --service-account it also tells whether you, or whom you name, may train in that namespace: its
/// rights, quotas and service accounts, and whether the pods of the runtimes are admitted.
///
/// With --deep it also tries: a TrainJob of every runtime by dry run, then a real one on two nodes of the namespace,
/// which is followed to its end, read and removed, also at Ctrl-C. With --service-account that is done as the account,
/// which takes the right to impersonate it.
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
    /// Check, before anything is installed, whether a release can be installed on this cluster, by you
    #[arg(long, conflicts_with = "service_account")]
    pre: bool,
    /// Whether this service account may train, not you; also NAMESPACE/NAME
    #[arg(long, value_name = "NAME", value_parser = parse_account)]
    service_account: Option<AccountReference>,
    /// Also make a real training on two nodes in the namespace of -n, follow it to its end, and remove it
    #[arg(long, group = "trial", conflicts_with = "pre")]
    deep: bool,
    #[command(flatten)]
    trial: TrialArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Format {
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
    refuse_namespace(args, context)?;
    refuse_trial(args, context)?;
    let selection = select(args, context)?;
    let connected = async {
        let clusters = connect(context, args).await?;
        let trying = begin_trial(context, args, &clusters).await?;
        Ok((clusters, trying))
    };
    let (clusters, trying) = until_signal(connected).await?;
    let subjects = look_at_each(ui, context, (&selection, args), &clusters, trying).await?;
    let sheets: Vec<_> = subjects
        .iter()
        .map(|subject| subject.sheet(context))
        .collect();
    let text = render_reports(args.output.of_report(context), &sheets, &context.look(ui));
    ui.answer(&text)?;
    match subjects
        .iter()
        .map(|subject| subject.report.verdict())
        .max()
        .and_then(error_kind)
    {
        None => Ok(()),
        Some(kind) => Err(CommandError::silent(kind)),
    }
}

/// All at the same time, until a signal; what a trial has made is removed then.
async fn look_at_each(
    ui: &mut Ui,
    context: &CommandContext,
    (selection, args): (&Selection<TrainerContext>, &VerifyArgs),
    clusters: &[Result<Cluster, Failure>],
    trying: Option<Trying>,
) -> Result<Vec<Subject>, CommandError> {
    let trial = trying.as_ref().map(|trying| Rc::clone(&trying.trial));
    let notes = CheckNotes::new(ui);
    let looks = clusters.iter().enumerate().map(|(position, cluster)| {
        let name = context.contexts().get(position).map_or("", String::as_str);
        let notes = notes.of_cluster(position, name);
        let way = Way {
            selection,
            args,
            trial: trial.clone(),
        };
        look(notes, context, way, cluster)
    });
    let looks = join_all(looks);
    match trying {
        Some(trying) => {
            let caller = clusters.iter().flatten().map(Cluster::target).next();
            let caller = caller.cloned().unwrap_or_default();
            trying.carry_through(&caller, &notes, looks).await
        }
        None => until_signal(async { Ok(looks.await) }).await,
    }
}

/// The clusters, or why they cannot be asked, which is a report too. A flag that was typed wrongly is none.
async fn connect(
    context: &CommandContext,
    args: &VerifyArgs,
) -> Result<Vec<Result<Cluster, Failure>>, CommandError> {
    let clusters = context.connect_each().await.into_iter();
    let settled = clusters.map(|cluster| match cluster {
        Err(failure) if kind_of(&failure) == ErrorKind::Usage => Err(failure.into()),
        cluster => Ok(cluster.map(|cluster| settle_namespace(cluster, args, context))),
    });
    settled.collect()
}

/// What is done with one cluster.
struct Way<'a> {
    selection: &'a Selection<TrainerContext>,
    args: &'a VerifyArgs,
    trial: Option<Rc<Trial>>,
}

/// One cluster that was looked at.
struct Subject {
    target: Target,
    namespace: String,
    report: Report,
}

impl Subject {
    fn sheet<'a>(&'a self, context: &'a CommandContext) -> Sheet<'a> {
        Sheet {
            report: &self.report,
            program: context.display_name(),
            context: &self.target.context,
            server: &self.target.server,
            namespace: &self.namespace,
            holder: "",
            exit_code: error_kind(self.report.verdict()).map_or(0, ErrorKind::exit_code),
        }
    }
}

/// Before an installation it is Trainer's namespace that counts, so another one would be named in vain.
fn refuse_namespace(args: &VerifyArgs, context: &CommandContext) -> Result<(), CommandError> {
    if !args.pre || context.options().namespace.is_none() {
        return Ok(());
    }
    let message = "--pre cannot be used with --namespace: a release is applied to the namespace that its manifests name, or that Trainer already lives in";
    let hint = format!(
        "whether you may train in a namespace: {} verify -n NAMESPACE, once Trainer is installed",
        context.display_name()
    );
    Err(CommandError::new(ErrorKind::Usage, message).with_hint(hint))
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
        trials: if args.deep { Trials::On } else { Trials::Off },
        typing: typing(args, context),
        strictness: if args.strict {
            Strictness::Strict
        } else {
            Strictness::Lenient
        },
    };
    let selection = catalogue.select(&wishes);
    selection.map_err(|fault| refusal(fault, catalogue, context.display_name()))
}

/// Where a person reads a table about one cluster. What programs read, and what warnings fail, must not hang on whether
/// somebody types there.
fn typing(args: &VerifyArgs, context: &CommandContext) -> Typing {
    let is_for_programs = args.strict || !matches!(args.output, Format::Table);
    let is_about_one = context.contexts().is_empty();
    if is_for_programs || !is_about_one || !is_attended() {
        return Typing::Off;
    }
    let plugin = Surroundings::read().find_program(&Names::own().plugin);
    plugin.map_or(Typing::Off, |_| Typing::On)
}

fn catalogue(args: &VerifyArgs) -> &'static Catalogue<TrainerContext> {
    if args.pre { &PRE } else { &CATALOGUE }
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
            let near = page::nearest_ids(typed, ids).join(" or ");
            let pages = page::pages();
            let mut elsewhere = pages.iter();
            let elsewhere = elsewhere.find(|page| page.id.0.eq_ignore_ascii_case(typed));
            Some(match (elsewhere.map(|page| page.question), near.as_str()) {
                (Some(Question::Ready), _) => "it is made with --pre".to_owned(),
                (Some(Question::Healthy), _) => "it is made without --pre".to_owned(),
                (Some(Question::Granted), _) => format!("it is made by: {program} access verify"),
                (None, "") => format!("all checks: {program} explain"),
                (None, near) => {
                    format!("did you mean {near}? all checks: {program} explain")
                }
            })
        }
        SelectionFault::IsTrial(id) => Some(format!(
            "it makes a TrainJob for a moment: {program} verify --deep -n NAMESPACE --only {id}"
        )),
        _ => None,
    };
    let error = CommandError::new(ErrorKind::Usage, fault);
    match hint {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

/// The report on one cluster, with mends that reach the same cluster.
async fn look(
    mut notes: ClusterNotes<'_, '_>,
    context: &CommandContext,
    way: Way<'_>,
    cluster: &Result<Cluster, Failure>,
) -> Subject {
    let Way {
        selection,
        args,
        trial,
    } = way;
    let limits = Limits {
        check: CHECK_LIMIT,
        // A kubeconfig does not heal while one waits.
        wait: args.wait.filter(|_| cluster.is_ok()),
    };
    let namespace = cluster.as_ref().map_or("default", Cluster::namespace);
    let report = prove(selection, &limits, &mut notes, || {
        TrainerContext::new(cluster.clone(), namespace.to_owned(), context.now())
            .about(account(args, namespace))
    });
    let report = report.await;
    let now = context.now();
    let trying = trial.map_or_else(
        || TrainerContext::new(cluster.clone(), namespace.to_owned(), now),
        |trial| TrainerContext::trying(trial, now),
    );
    let limit = args.trial.limit();
    let report = try_out(selection, report, limit, &mut notes, &trying).await;
    let mut target = target(cluster);
    if target.context.is_empty() {
        // A kubeconfig that cannot be used does not say it.
        notes.name().clone_into(&mut target.context);
    }
    Subject {
        report: report.with_kubectl(&target),
        namespace: namespace.to_owned(),
        target,
    }
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

impl Format {
    /// With -v the table unfolds.
    pub(super) fn of_report(self, context: &CommandContext) -> ReportFormat {
        match self {
            Self::Table if context.requests_shown() == RequestsShown::None => {
                ReportFormat::Table(Depth::Folded)
            }
            Self::Table => ReportFormat::Table(Depth::Full),
            Self::Json => ReportFormat::Json,
            Self::Yaml => ReportFormat::Yaml,
            Self::Junit => ReportFormat::Junit,
        }
    }
}

/// How the program ends after a report with this verdict; `None` is success.
pub(super) fn error_kind(verdict: Verdict) -> Option<ErrorKind> {
    match verdict {
        Verdict::Healthy | Verdict::Warnings => None,
        Verdict::Unhealthy => Some(ErrorKind::Failed),
        Verdict::Unknown => Some(ErrorKind::Forbidden),
        Verdict::Unreachable => Some(ErrorKind::Unreachable),
    }
}
