//! `progress`: how far a TrainJob is, or each of several.

mod looking;

use clap::ValueEnum;
use jiff::Timestamp;

pub(super) use self::looking::fetch_beginning;
use self::looking::{look_at, look_at_all};
use crate::{
    cluster::{Cluster, ListedJob, Scope, fetch_job, fetch_jobs},
    commands::{
        CommandContext, installation,
        job_name::{explain_none, fetch_job_name},
        logs::{ProgressArg, ProgressWish, follow_progress, parse_job},
        signals::until_signal,
    },
    error::{CommandError, ErrorKind},
    progress::look::{JobLook, Unheard},
    render::{
        document::{render_json, render_yaml},
        progress_document::ProgressDocument,
        progress_look::render_look,
        progress_table::{Namespaces, render_progress_table, render_unheard},
    },
    ui::Ui,
};

/// Show how far TrainJobs are
///
/// Of one job: its phases with their times, and of the training a bar, steps, epochs, speed, the time that is left and
/// the last metrics; and who says so, how long ago: the training's own report to the cluster where there is a fresh one,
/// else the end of its log. What nothing tells is not shown. Without a name: the only job of the namespace, or a table
/// of all.
///
/// With -w it follows until the job is over, and ends with 0 when it is complete, with 1 when it failed. With
/// --progress none it shows only how the job stands in the end.
#[derive(clap::Args, Debug)]
pub struct ProgressArgs {
    /// TrainJob: its name, the beginning of it, trainjob/NAME, or @last; without one, all of the namespace
    #[arg(value_name = "JOB", value_parser = parse_job)]
    job: Option<String>,
    /// Follow one job until it is over
    #[arg(short, long)]
    watch: bool,
    /// The jobs of all namespaces, as a table
    #[arg(short = 'A', long, conflicts_with = "job")]
    all_namespaces: bool,
    /// Another format; json and yaml have all that is known, json with -w an object for each change
    #[arg(
        short,
        long,
        value_name = "table|json|yaml",
        default_value = "table",
        hide_default_value = true,
        hide_possible_values = true
    )]
    output: Format,
    #[command(flatten)]
    progress: ProgressArg,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
    Yaml,
}

pub(crate) async fn run(
    ui: &mut Ui,
    context: &CommandContext,
    args: &ProgressArgs,
) -> Result<(), CommandError> {
    if args.watch && args.all_namespaces {
        return Err(refuse_watching_all());
    }
    let wish = match (args.watch, args.output) {
        (false, _) if !matches!(args.progress.wish, ProgressWish::Auto | ProgressWish::None) => {
            return Err(refuse_wish(args));
        }
        (false, _) => return Box::pin(until_signal(look(ui, context, args))).await,
        (true, Format::Table) => args.progress.wish,
        (true, Format::Json) => match args.progress.wish {
            ProgressWish::Auto | ProgressWish::Json => ProgressWish::Json,
            _ => return Err(refuse_two_ways()),
        },
        (true, Format::Yaml) => return Err(refuse_yaml()),
    };
    follow_progress(ui, context, args.job.as_deref(), wish).await
}

fn refuse_watching_all() -> CommandError {
    let text = "-w follows one TrainJob, and -A means those of all namespaces";
    CommandError::new(ErrorKind::Usage, text)
        .with_hint("name one and its namespace with -n, or leave -w out and look again")
}

fn refuse_wish(args: &ProgressArgs) -> CommandError {
    let text = "--progress is for a job that is followed";
    CommandError::new(ErrorKind::Usage, text).with_hint(if args.all_namespaces {
        "leave it out; or name one TrainJob and its namespace with -n, and add --watch"
    } else {
        "add --watch"
    })
}

fn refuse_two_ways() -> CommandError {
    let text = "-o json with -w prints events, and --progress asks for something else";
    CommandError::new(ErrorKind::Usage, text).with_hint("leave one of them out")
}

fn refuse_yaml() -> CommandError {
    let text = "-o yaml is for one look";
    CommandError::new(ErrorKind::Usage, text).with_hint("with -w: -o json, an object a line")
}

/// What was seen.
enum Seen {
    One(Box<JobLook>),
    Several(Vec<JobLook>, Namespaces),
}

/// One look.
async fn look(
    ui: &mut Ui,
    context: &CommandContext,
    args: &ProgressArgs,
) -> Result<(), CommandError> {
    let cluster = context.connect().await?;
    let seen = see(&cluster, args).await?;
    let text = match (args.output, &seen) {
        (Format::Table, Seen::Several(jobs, _)) if jobs.is_empty() => {
            ui.note("No TrainJobs found in any namespace.");
            return Ok(());
        }
        (Format::Table, Seen::Several(jobs, namespaces)) => {
            render_progress_table(jobs, *namespaces, &context.look(ui))
        }
        (Format::Table, Seen::One(job)) => render_look(job, &context.look(ui), ui.glyphs()),
        (Format::Json, seen) => render_json(&seen.document(context.now())),
        (Format::Yaml, seen) => render_yaml(&seen.document(context.now())),
    };
    ui.answer(&text)?;
    report_unheard(ui, &seen)
}

async fn see(cluster: &Cluster, args: &ProgressArgs) -> Result<Seen, CommandError> {
    if args.all_namespaces {
        let jobs = fetch_all(cluster, &Scope::AllNamespaces).await?;
        let looks = look_at_all(cluster, &jobs).await;
        return Ok(Seen::Several(looks, Namespaces::All));
    }
    if args.job.is_some() {
        let name = fetch_job_name(cluster, args.job.as_deref()).await?;
        return see_one(cluster, &name).await;
    }
    let scope = Scope::Namespace(cluster.namespace().to_owned());
    let jobs = fetch_all(cluster, &scope).await?;
    match jobs.as_slice() {
        [] => Err(explain_none(cluster)),
        // Programs get the same shape however many there are.
        [only] if args.output == Format::Table => {
            see_one(cluster, &only.observation.train_job.name).await
        }
        several => {
            let looks = look_at_all(cluster, several).await;
            Ok(Seen::Several(looks, Namespaces::One))
        }
    }
}

async fn see_one(cluster: &Cluster, name: &str) -> Result<Seen, CommandError> {
    let namespace = cluster.namespace();
    let job = ListedJob {
        namespace: namespace.to_owned(),
        observation: fetch_job(cluster, namespace, name).await?,
    };
    Ok(Seen::One(Box::new(look_at(cluster, &job).await)))
}

async fn fetch_all(cluster: &Cluster, scope: &Scope) -> Result<Vec<ListedJob>, CommandError> {
    match fetch_jobs(cluster, scope).await {
        Ok(jobs) => Ok(jobs),
        Err(failure) => Err(installation::fetch_explanation(cluster, failure).await),
    }
}

impl Seen {
    fn document(&self, now: Timestamp) -> ProgressDocument<'_> {
        match self {
            Self::One(job) => ProgressDocument::of_one(job, now),
            Self::Several(jobs, _) => ProgressDocument::of_several(jobs, now),
        }
    }

    fn jobs(&self) -> &[JobLook] {
        match self {
            Self::One(job) => std::slice::from_ref(job),
            Self::Several(jobs, _) => jobs,
        }
    }
}

/// Says why it is not known how far jobs are, where the answer has no room for it. What may not be read is the command's
/// error; a node that does not answer is not.
fn report_unheard(ui: &mut Ui, seen: &Seen) -> Result<(), CommandError> {
    if let Seen::Several(jobs, namespaces) = seen {
        for text in render_unheard(jobs, *namespaces) {
            ui.warning(&text);
        }
    }
    let mut unheard = seen.jobs().iter().filter_map(|job| job.unheard.as_ref());
    match unheard.find_map(Unheard::missing_right) {
        Some(missing) => Err(missing.clone().into()),
        None => Ok(()),
    }
}
