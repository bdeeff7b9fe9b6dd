//! `runtimes list|show`: the recipes that a cluster and a namespace offer.

use clap::ValueEnum;
use futures::future::join_all;
use kube::core::{ApiResource, DynamicObject};

use crate::{
    cluster::{Cluster, Failure, FailureKind, Scope, nearest, resources},
    commands::{CommandContext, installation},
    error::{CommandError, ErrorKind},
    render::{
        OutputFormat,
        document::Asked,
        render_objects,
        runtime_page::render_runtime,
        shelf::{Shelf, render_shelves},
    },
    runtimes::Runtime,
    ui::Ui,
};

/// Show the training runtimes: the recipes that TrainJobs name
#[derive(clap::Args, Debug)]
#[command(arg_required_else_help = true)]
pub struct RuntimesArgs {
    #[command(subcommand)]
    command: RuntimesCommand,
}

#[derive(clap::Subcommand, Debug)]
enum RuntimesCommand {
    /// List the runtimes of the cluster and of the namespace
    #[command(visible_alias = "ls")]
    List(ListArgs),
    /// Show one runtime in detail: policy, jobs, containers, resources, volumes
    #[command(visible_alias = "describe")]
    Show(ShowArgs),
}

#[derive(clap::Args, Debug)]
struct ListArgs {
    /// The runtimes of all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// Only runtimes with these labels, such as trainer.kubeflow.org/framework=torch
    #[arg(short = 'l', long, value_name = "LABELS")]
    selector: Option<String>,
    /// Another format; json and yaml print whole objects, as kubectl does
    #[arg(
        short,
        long,
        value_name = "wide|json|yaml|name",
        hide_possible_values = true
    )]
    output: Option<ListFormat>,
}

#[derive(clap::Args, Debug)]
struct ShowArgs {
    /// Name, or KIND/NAME where a cluster and a namespace have the same name
    #[arg(value_name = "NAME", value_parser = crate::cli::parse_reference)]
    name: String,
    /// Another format; json and yaml print the whole object, as kubectl does
    #[arg(
        short,
        long,
        value_name = "json|yaml|name",
        hide_possible_values = true
    )]
    output: Option<ShowFormat>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ListFormat {
    Wide,
    Json,
    Yaml,
    Name,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ShowFormat {
    Json,
    Yaml,
    Name,
}

impl RuntimesArgs {
    pub(crate) const fn takes_several_contexts(&self) -> bool {
        matches!(self.command, RuntimesCommand::List(_))
    }
}

pub(crate) async fn run(
    ui: &mut Ui,
    context: &CommandContext,
    args: &RuntimesArgs,
) -> Result<(), CommandError> {
    match &args.command {
        RuntimesCommand::List(args) => list(ui, context, args).await,
        RuntimesCommand::Show(args) => show(ui, context, args).await,
    }
}

async fn list(ui: &mut Ui, context: &CommandContext, args: &ListArgs) -> Result<(), CommandError> {
    let mut clusters = context.connect_each().await;
    if clusters.len() > 1 {
        return list_side_by_side(ui, context, args, clusters).await;
    }
    let cluster = clusters.remove(0)?;
    let found = fetch_list(&cluster, args).await?;
    let failure = found.failures.into_iter().next();
    let format = args.format();
    match (found.runtimes.as_slice(), &failure) {
        // An empty answer would say something untrue.
        ([], Some(_)) => {}
        ([], None) if matches!(format, OutputFormat::Table | OutputFormat::Wide) => {
            ui.note(&format!(
                "No runtimes found in the cluster or in {}.",
                args.place(&cluster)
            ));
        }
        (runtimes, _) => ui.answer(&render_objects(
            format,
            Asked::Many,
            runtimes,
            &context.look(ui),
        ))?,
    }
    failure.map_or(Ok(()), |failure| Err(failure.into()))
}

async fn fetch_list(cluster: &Cluster, args: &ListArgs) -> Result<Found, CommandError> {
    let lists = Kind::BOTH.map(|kind| fetch_kind(cluster, kind, args));
    let found = Found::gather(join_all(lists).await);
    match found.not_served() {
        Some(missing) => Err(installation::fetch_explanation(cluster, missing).await),
        None => Ok(found),
    }
}

/// The runtimes of several clusters, which are asked at the same time; what one does not give stops no other.
async fn list_side_by_side(
    ui: &mut Ui,
    context: &CommandContext,
    args: &ListArgs,
    clusters: Vec<Result<Cluster, Failure>>,
) -> Result<(), CommandError> {
    let format = args.format();
    if format == OutputFormat::Name {
        return Err(names_tell_no_clusters());
    }
    let asked = context.contexts().iter().zip(clusters);
    let shelves = asked.map(|(name, cluster)| fetch_shelf(name, cluster, args));
    let shelves = join_all(shelves).await;
    if !shelves.iter().all(|(shelf, _)| shelf.runtimes.is_empty())
        || matches!(format, OutputFormat::Json | OutputFormat::Yaml)
    {
        let shelves: Vec<_> = shelves.iter().map(|(shelf, _)| shelf).collect();
        ui.answer(&render_shelves(format, &shelves, &context.look(ui)))?;
    }
    let mut kinds = Vec::new();
    for (shelf, error) in &shelves {
        match error {
            Some(error) => {
                say_of_context(ui, &shelf.context, error);
                kinds.push(error.kind);
            }
            None if shelf.runtimes.is_empty() => {
                ui.note(&format!("No runtimes found in context {}.", shelf.context));
            }
            None => {}
        }
    }
    let worst = kinds.into_iter().min_by_key(|kind| kind.exit_code());
    worst.map_or(Ok(()), |kind| Err(CommandError::silent(kind)))
}

fn say_of_context(ui: &mut Ui, context: &str, error: &CommandError) {
    let mut chain = error.chain();
    if let Some(first) = chain.first_mut() {
        *first = format!("context {context}: {first}");
    }
    ui.error(&chain, error.hints());
}

/// What one context offers, and why it is not all.
async fn fetch_shelf(
    context: &str,
    cluster: Result<Cluster, Failure>,
    args: &ListArgs,
) -> (Shelf, Option<CommandError>) {
    let server = match &cluster {
        Ok(cluster) => cluster.server().to_owned(),
        Err(failure) => failure
            .target
            .as_ref()
            .map_or(String::new(), |target| target.server.clone()),
    };
    let found = match cluster {
        Ok(cluster) => fetch_list(&cluster, args).await,
        Err(failure) => Err(failure.into()),
    };
    let (runtimes, error) = match found {
        Ok(found) => (
            found.runtimes,
            found.failures.into_iter().next().map(CommandError::from),
        ),
        Err(error) => (Vec::new(), Some(error)),
    };
    let shelf = Shelf {
        context: context.to_owned(),
        server,
        runtimes,
        exit_code: error.as_ref().map_or(0, |error| error.kind.exit_code()),
        error: error.as_ref().map(|error| error.chain().join(": ")),
    };
    (shelf, error)
}

fn names_tell_no_clusters() -> CommandError {
    CommandError::new(
        ErrorKind::Usage,
        "-o name does not say of which cluster a name is",
    )
    .with_hint("name one --context, or ask with -o json")
}

async fn show(ui: &mut Ui, context: &CommandContext, args: &ShowArgs) -> Result<(), CommandError> {
    let cluster = context.connect().await?;
    let (kinds, name) = parse_reference(&args.name)?;
    let fetches = kinds.iter().map(|kind| fetch_named(&cluster, *kind, name));
    let found = Found::gather(join_all(fetches).await);
    if let Some(missing) = found.not_served() {
        return Err(installation::fetch_explanation(&cluster, missing).await);
    }
    if found.runtimes.is_empty() {
        return Err(match found.failures.into_iter().next() {
            Some(failure) => failure.into(),
            None => fetch_not_found(&cluster, context, name).await,
        });
    }
    for failure in &found.failures {
        ui.warning(&failure.to_string());
        failure.hint().iter().for_each(|hint| ui.hint(hint));
    }
    let look = context.look(ui);
    let text = if let Some(format) = args.output {
        let asked = if found.runtimes.len() == 1 {
            Asked::One
        } else {
            Asked::Many
        };
        render_objects(format.output_format(), asked, &found.runtimes, &look)
    } else {
        let pages = found
            .runtimes
            .iter()
            .map(|runtime| render_runtime(runtime, &look));
        pages.collect::<Vec<_>>().join("\n")
    };
    Ok(ui.answer(&text)?)
}

/// The two kinds of runtimes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    OfCluster,
    OfNamespace,
}

impl Kind {
    const BOTH: [Self; 2] = [Self::OfCluster, Self::OfNamespace];

    fn resource(self) -> ApiResource {
        match self {
            Self::OfCluster => resources::cluster_training_runtimes(),
            Self::OfNamespace => resources::training_runtimes(),
        }
    }

    fn scope(self, cluster: &Cluster) -> Scope {
        match self {
            Self::OfCluster => Scope::Cluster,
            Self::OfNamespace => Scope::Namespace(cluster.namespace().to_owned()),
        }
    }
}

/// Reads `NAME` or `KIND/NAME`, the kind as kubectl takes it.
fn parse_reference(reference: &str) -> Result<(Vec<Kind>, &str), CommandError> {
    let Some((kind, name)) = reference.split_once('/') else {
        return Ok((Kind::BOTH.to_vec(), reference));
    };
    let plain = kind.to_ascii_lowercase();
    let (plural, group) = plain
        .split_once('.')
        .unwrap_or((&plain, resources::TRAINER_GROUP));
    let known = group == resources::TRAINER_GROUP;
    match plural.strip_suffix('s').unwrap_or(plural) {
        _ if !known => Err(unknown_kind(kind, name)),
        "clustertrainingruntime" => Ok((vec![Kind::OfCluster], name)),
        "trainingruntime" => Ok((vec![Kind::OfNamespace], name)),
        _ => Err(unknown_kind(kind, name)),
    }
}

fn unknown_kind(kind: &str, name: &str) -> CommandError {
    CommandError::new(
        ErrorKind::Usage,
        format!("\"{kind}\" is not a kind of runtime"),
    )
    .with_hint(format!(
        "write clustertrainingruntime/{name} or trainingruntime/{name}"
    ))
}

/// What the requests for both kinds gave.
struct Found {
    runtimes: Vec<Runtime>,
    failures: Vec<Failure>,
}

impl Found {
    fn gather(answers: Vec<Result<Vec<DynamicObject>, Failure>>) -> Self {
        let mut found = Self {
            runtimes: Vec::new(),
            failures: Vec::new(),
        };
        for answer in answers {
            match answer {
                Ok(objects) => found
                    .runtimes
                    .extend(objects.into_iter().map(Runtime::parse)),
                Err(failure) => found.failures.push(failure),
            }
        }
        found
    }

    /// The failure that says that the cluster does not know runtimes at all.
    fn not_served(&self) -> Option<Failure> {
        let missing =
            |failure: &&Failure| matches!(failure.kind, FailureKind::NotFound { object: None, .. });
        self.failures
            .iter()
            .find(missing)
            .filter(|_| self.runtimes.is_empty())
            .cloned()
    }
}

async fn fetch_kind(
    cluster: &Cluster,
    kind: Kind,
    args: &ListArgs,
) -> Result<Vec<DynamicObject>, Failure> {
    let scope = match kind {
        Kind::OfNamespace if args.all_namespaces => Scope::AllNamespaces,
        kind => kind.scope(cluster),
    };
    cluster
        .fetch_objects(&kind.resource(), &scope, args.selector.as_deref())
        .await
}

async fn fetch_named(
    cluster: &Cluster,
    kind: Kind,
    name: &str,
) -> Result<Vec<DynamicObject>, Failure> {
    let object = cluster
        .fetch_object(&kind.resource(), &kind.scope(cluster), name)
        .await?;
    Ok(object.into_iter().collect())
}

/// Names what there is instead, if the caller may list it.
async fn fetch_not_found(cluster: &Cluster, context: &CommandContext, name: &str) -> CommandError {
    let lists = Kind::BOTH.map(|kind| async move {
        let objects = cluster
            .fetch_objects(&kind.resource(), &kind.scope(cluster), None)
            .await;
        objects.unwrap_or_default()
    });
    let names: Vec<_> = join_all(lists)
        .await
        .into_iter()
        .flatten()
        .filter_map(|object| object.metadata.name)
        .collect();
    let error = CommandError::new(
        ErrorKind::NotFound,
        format!(
            "there is no runtime \"{name}\" in the cluster or in namespace {}",
            cluster.namespace()
        ),
    );
    match nearest(name, &names) {
        Some(nearest) => error.with_hint(format!(
            "did you mean \"{nearest}\"? all: {} runtimes list",
            context.display_name()
        )),
        None => error.with_hint(format!(
            "all runtimes: {} runtimes list",
            context.display_name()
        )),
    }
}

impl ListArgs {
    fn format(&self) -> OutputFormat {
        self.output
            .map_or(OutputFormat::Table, ListFormat::output_format)
    }

    fn place(&self, cluster: &Cluster) -> String {
        if self.all_namespaces {
            "any namespace".to_owned()
        } else {
            format!("namespace {}", cluster.namespace())
        }
    }
}

impl ListFormat {
    const fn output_format(self) -> OutputFormat {
        match self {
            Self::Wide => OutputFormat::Wide,
            Self::Json => OutputFormat::Json,
            Self::Yaml => OutputFormat::Yaml,
            Self::Name => OutputFormat::Name,
        }
    }
}

impl ShowFormat {
    const fn output_format(self) -> OutputFormat {
        match self {
            Self::Json => OutputFormat::Json,
            Self::Yaml => OutputFormat::Yaml,
            Self::Name => OutputFormat::Name,
        }
    }
}
