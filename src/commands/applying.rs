//! What every command that writes has in common: looking before writing, and saying what was made, kept and left.

use clap::ValueEnum;

use super::{CommandContext, signals::until_signal};
use crate::{
    apply::{Existing, Fate, Plan, Step, Verdict, Wanted, execute, fetch_plan},
    cluster::{Cluster, Manifest, ObjectKind},
    error::{CommandError, ErrorKind},
    render::{
        document::{render_json, render_yaml},
        plan::{
            Intent, reason, render_diff, render_export, render_left, render_manifests, render_plan,
        },
        plan_document::plan_document,
    },
    ui::Ui,
};

#[derive(clap::Args, Debug)]
pub(super) struct ApplyArgs {
    /// Change nothing: client only lists the objects, server asks the cluster what would become of each
    #[arg(
        long,
        value_name = "client|server",
        hide_possible_values = true,
        conflicts_with_all = ["diff", "export"]
    )]
    dry_run: Option<DryRunChoice>,
    /// Show every field that would change, and change nothing
    #[arg(long, conflicts_with_all = ["export", "output"])]
    diff: bool,
    /// Print the objects as YAML, without asking the cluster, and change nothing
    #[arg(long, conflicts_with = "output")]
    export: bool,
    /// Another format, with every object and what became of it
    #[arg(short, long, value_name = "json|yaml", hide_possible_values = true)]
    output: Option<Format>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DryRunChoice {
    Client,
    Server,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Json,
    Yaml,
}

/// How far a run goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// Only what the arguments say; the cluster is not asked.
    Offline,
    /// The cluster says what would happen.
    Look,
    Write,
}

impl ApplyArgs {
    pub(super) fn extent(&self) -> Extent {
        match self.dry_run {
            _ if self.export => Extent::Offline,
            _ if self.diff => Extent::Look,
            Some(DryRunChoice::Client) => Extent::Offline,
            Some(DryRunChoice::Server) => Extent::Look,
            None => Extent::Write,
        }
    }

    /// Whether the answer is a document for programs.
    pub(super) const fn is_for_programs(&self) -> bool {
        self.output.is_some() || self.export
    }

    /// The answer of a run that asks nothing; `notes` stand as comments above exported objects.
    pub(super) fn answer_offline(
        &self,
        ui: &mut Ui,
        context: &CommandContext,
        wanted: &[Wanted],
        notes: &[String],
    ) -> Result<(), CommandError> {
        let mut manifests: Vec<_> = wanted.iter().map(|wanted| &wanted.manifest).collect();
        manifests.sort_by_key(|manifest| manifest.place.kind);
        if !self.export && self.output.is_none() {
            ui.answer(&render_manifests(&manifests, &context.look(ui)))?;
            for note in notes {
                ui.note(note);
            }
            return Ok(());
        }
        if self.output == Some(Format::Json) {
            let objects: Vec<_> = manifests.iter().map(|it| &it.body).collect();
            let list = serde_json::json!({ "apiVersion": "v1", "kind": "List", "items": objects });
            return Ok(ui.answer(&render_json(&list))?);
        }
        for note in notes {
            ui.answer(&format!("# {note}\n"))?;
        }
        Ok(ui.answer(&render_export(manifests.into_iter()))?)
    }

    /// Plans, writes what is to be written, and shows what came of it.
    pub(super) async fn carry_out(
        &self,
        ui: &mut Ui,
        context: &CommandContext,
        cluster: &Cluster,
        wanted: Vec<Wanted>,
    ) -> Result<Plan, CommandError> {
        ui.glance("asking the cluster what is there");
        let mut plan = fetch_plan(cluster, wanted).await?;
        let intent = match self.extent() {
            Extent::Write => Intent::Write,
            Extent::Look | Extent::Offline => Intent::LookOnly,
        };
        let mut failure = None;
        if intent == Intent::Write && !plan.is_obstructed() {
            ui.glance("writing");
            failure = write(cluster, &mut plan).await.err();
        }
        let ending = failure.or_else(|| ending(&plan, intent, cluster));
        let exit_code = ending.as_ref().map_or(0, |error| error.kind.exit_code());
        self.show(ui, context, (&plan, intent, exit_code), cluster)?;
        ending.map_or(Ok(plan), Err)
    }

    fn show(
        &self,
        ui: &mut Ui,
        context: &CommandContext,
        (plan, intent, exit_code): (&Plan, Intent, u8),
        cluster: &Cluster,
    ) -> Result<(), CommandError> {
        if let Some(format) = self.output {
            let document = plan_document(plan, intent, exit_code);
            let text = match format {
                Format::Json => render_json(&document),
                Format::Yaml => render_yaml(&document),
            };
            return Ok(ui.answer(&text)?);
        }
        let look = context.look(ui);
        if self.diff {
            ui.answer(&render_diff(plan, &look))?;
            if !plan.steps.iter().any(Step::is_write) {
                ui.note("Nothing would change.");
            }
        } else {
            ui.answer(&render_plan(plan, intent, &look))?;
        }
        for reason in plan.steps.iter().filter_map(reason) {
            ui.warning(&reason);
        }
        if !plan.is_obstructed() && plan.for_administrator().next().is_some() {
            let kubectl = cluster.target().kubectl_as_oneself();
            ui.answer(&format!("\n{}", render_left(plan, &kubectl)))?;
        }
        Ok(())
    }
}

/// Takes the plan's steps, until a signal; then it is told how far they came.
async fn write(cluster: &Cluster, plan: &mut Plan) -> Result<(), CommandError> {
    let steps = async { Ok(execute(cluster, plan).await?) };
    match until_signal(steps).await {
        Err(signal) if signal.chain().is_empty() => Err(stopped(plan, signal.kind)),
        result => result,
    }
}

fn stopped(plan: &Plan, kind: ErrorKind) -> CommandError {
    let writes = plan.steps.iter().filter(|step| step.is_write());
    let (done, left): (Vec<_>, Vec<_>) = writes.partition(|step| step.fate == Fate::Done);
    let message = format!(
        "stopped after {} of {} objects",
        done.len(),
        done.len() + left.len()
    );
    CommandError::new(kind, message).with_hint("the same command goes on where it stopped")
}

/// How a run ends by what its plan came to; `None` is success.
fn ending(plan: &Plan, intent: Intent, cluster: &Cluster) -> Option<CommandError> {
    if let Some(step) = plan.steps.iter().find(|step| step.is_obstacle()) {
        let place = &step.manifest.place;
        let nothing = match intent {
            Intent::Write if plan.steps.iter().any(|step| step.fate == Fate::Done) => {
                "the rest was not done"
            }
            _ => "nothing was changed",
        };
        let error = CommandError::new(
            ErrorKind::Refused,
            format!("{} is in the way; {nothing}", place.words()),
        );
        let scope = place.namespace.as_ref();
        let scope = scope.map_or(String::new(), |namespace| format!(" -n {namespace}"));
        return Some(match step.verdict {
            Verdict::Conflict(_) => error.with_hint(format!(
                "see who set what: {} get {} {}{scope} -o yaml --show-managed-fields; when nothing needs it as it is, delete it and try again",
                cluster.target().kubectl(),
                place.kind.resource(),
                place.name
            )),
            _ => error,
        });
    }
    let left = plan.for_administrator().count();
    (left > 0).then(|| {
        let rest = match intent {
            Intent::Write => "the rest is done",
            Intent::LookOnly => "nothing was changed",
        };
        CommandError::new(
            ErrorKind::Forbidden,
            format!(
                "you may not make {left} of {} objects; {rest}",
                plan.steps.len()
            ),
        )
        .with_hint("give the command above to an administrator of the cluster; then try again")
    })
}

/// Namespaces and accounts of others serve as they are; everything else must be as it should be.
pub(super) fn wanted(manifest: Manifest) -> Wanted {
    let existing = match manifest.place.kind {
        ObjectKind::Namespace | ObjectKind::ServiceAccount => Existing::IsKept,
        _ => Existing::MustMatch,
    };
    Wanted { manifest, existing }
}

/// Each object once: several subjects share roles.
pub(super) fn gather(
    own: Vec<Manifest>,
    of_cluster: impl IntoIterator<Item = Manifest>,
) -> Vec<Wanted> {
    let mut every: Vec<Manifest> = Vec::new();
    for manifest in own.into_iter().chain(of_cluster) {
        if !every.iter().any(|known| known.place == manifest.place) {
            every.push(manifest);
        }
    }
    every.into_iter().map(wanted).collect()
}
