//! `logs` and `tail`: every line of every node of a TrainJob. Here the reading side is set against the showing side.

mod arguments;
mod bars_alone;
mod board;
mod display;
mod ending;
mod live;
mod memory;
mod progress;
mod saving;
mod sheet;
mod showing;
mod thread;
mod troubles;
mod values;

use std::{sync::Arc, time::Instant};

use tokio::sync::watch;

pub use arguments::LogsArgs;
pub(super) use arguments::{ProgressArg, ProgressWish};
pub(super) use bars_alone::follow_progress;
pub(super) use values::parse_job;

use self::{
    arguments::Tail,
    display::Display,
    ending::{Afterwards, End, Gaps, Past, Rules, SavedEnd},
    live::{Live, Rest},
    memory::keep_freed_memory,
    saving::{Rescue, Saving, SharedSaver},
    sheet::{Beside, Lines, Sheet, SheetLook},
    showing::Showing,
    thread::{ReadBack, ShowingThread},
};
use crate::{
    cluster::{Cluster, Follow, JobObservation, LogPool, fetch_job, nearest},
    commands::{
        CommandContext,
        job_name::{fetch_job_name, fetch_typed_job},
        signals::{heed_suspension, wait_for_signal},
    },
    error::{CommandError, ErrorKind},
    logs::{
        Footing, LogRequest, Observed, ReadEnd, UserStart,
        attempts::Before,
        filter::Filter,
        order::{Merge, Window},
        read,
        save::{RunNames, Saver},
        saved::{Saved, SavedStart, Wanted},
        shared_spool::SharedSpool,
        spool::DEFAULT_LIMIT,
        stamp::Stamp,
    },
    progress::excerpt::Excerpt,
    render::log_note::list_steps,
    train_job::{
        JobEnd, Selection, ended_without_pods, other_containers, state_word, steps,
        steps_without_pods, unknown_step,
    },
    ui::Ui,
};

/// `follow` is for `tail`, which is `logs --follow`. Ends by itself at a signal: a run that was interrupted has
/// something to say.
pub(crate) async fn run(
    ui: &mut Ui,
    context: &CommandContext,
    args: &LogsArgs,
    follow: Follow,
) -> Result<(), CommandError> {
    let run = Run {
        context,
        args,
        follow,
        lines: Lines::Shown,
        said_first: None,
    };
    run.refuse_progress()?;
    if let Some(folder) = &args.files.from {
        let saved = Saved::open(folder)?;
        refuse_unsaved(&saved, &args.sources.selection())?;
        return run.read_back(ui, saved).await;
    }
    let found = tokio::select! {
        found = run.find() => found?,
        kind = wait_for_signal() => return Err(CommandError::silent(kind)),
    };
    run.read(ui, found).await
}

/// What is known before anything is read.
struct Found {
    cluster: Cluster,
    job: String,
    footing: Footing,
}

/// One run of the command.
struct Run<'a> {
    context: &'a CommandContext,
    args: &'a LogsArgs,
    follow: Follow,
    lines: Lines,
    /// What stands in a log before the lines that are read, where that counts.
    said_first: Option<Excerpt>,
}

impl Run<'_> {
    async fn find(&self) -> Result<Found, CommandError> {
        let cluster = self.context.connect().await?;
        // While the job is looked for.
        let pool = LogPool::opening(&cluster);
        let (job, seen) = self.find_job(&cluster).await?;
        Ok(Found {
            cluster,
            job,
            footing: Footing { pool, seen },
        })
    }

    /// With how it stands, where nobody follows it.
    async fn find_job(
        &self,
        cluster: &Cluster,
    ) -> Result<(String, Option<(Instant, JobObservation)>), CommandError> {
        let looked = Instant::now();
        let typed = self.args.job.as_deref();
        let selection = self.args.sources.selection();
        if self.follow == Follow::Yes && selection.is_everything() {
            return Ok((fetch_job_name(cluster, typed).await?, None));
        }
        let seen = fetch_typed_job(cluster, typed).await?;
        let job = seen.train_job.name.clone();
        if !selection.is_everything() {
            refuse_unknown_step(&seen, &selection)?;
            if let Some(there) = other_containers(&seen, &selection, self.follow) {
                let of = format!("TrainJob \"{job}\" has no container that is asked for");
                return Err(CommandError::new(ErrorKind::Usage, of).with_hint(it_has(&there)));
            }
        }
        let seen = (self.follow == Follow::No).then_some((looked, seen));
        Ok((job, seen))
    }

    async fn read(&self, ui: &mut Ui, found: Found) -> Result<(), CommandError> {
        keep_freed_memory();
        let Found {
            cluster,
            job,
            footing,
        } = found;
        let target = cluster.target();
        let names = RunNames {
            job: job.clone(),
            namespace: cluster.namespace().to_owned(),
            context: target.context.clone(),
            server: target.server.clone(),
        };
        let rules = self.rules(&names, target.kubectl());
        let (observed, sightings) = watch::channel(None);
        let sheet = match self.follow {
            Follow::Yes => self.with_progress(self.sheet(ui)?, sightings, &names)?,
            Follow::No => self.sheet(ui)?,
        };
        let saver = self.saver(names)?;
        let showing = self.showing(sheet, saver.clone());
        if let Some(pause) = showing.pause() {
            tokio::spawn(heed_suspension(pause));
        }
        let request = self.request(&cluster, job);
        let limit = self.args.files.buffer.unwrap_or(DEFAULT_LIMIT);
        let spool = Arc::new(SharedSpool::new(limit));
        let rest = saver.as_ref().map_or(Rest::Left, |_| Rest::Saved);
        let live = Live::new(Arc::clone(&spool), rest);
        let rescue = saver.map(|saver| Rescue::new(saver, Arc::clone(&spool)));
        let mut thread = ShowingThread::start(live, showing, rules)?.saved_by(rescue);
        let end = tokio::select! {
            end = read_all(&cluster, &request, footing, (&spool, &observed)) => end,
            result = thread.wait() => return result,
            kind = wait_for_signal() => End::Stopped(kind),
        };
        thread.finish(end).await
    }

    async fn read_back(&self, ui: &mut Ui, saved: Saved) -> Result<(), CommandError> {
        let rules = self.rules(saved.names(), String::new());
        let showing = self.showing(self.sheet(ui)?, None);
        let end = End::ReadBack(SavedEnd {
            word: saved.outcome().map(str::to_owned),
            updated: saved.updated().to_owned(),
        });
        let wanted = Wanted {
            selection: self.args.sources.selection(),
            start: self.saved_start(),
        };
        let feed = ReadBack::new(saved, wanted);
        ShowingThread::start(feed, showing, rules)?
            .finish(end)
            .await
    }

    fn saver(&self, names: RunNames) -> Result<Option<SharedSaver>, CommandError> {
        let Some(folder) = &self.args.files.save else {
            return Ok(None);
        };
        let saver = Saver::create(folder, names, &self.context.now().to_string())?;
        Ok(Some(SharedSaver::new(saver)))
    }

    fn sheet(&self, ui: &mut Ui) -> Result<Sheet, CommandError> {
        let filter = Filter::new(&self.args.lines.patterns()).map_err(|error| {
            CommandError::new(ErrorKind::Usage, error)
                .with_hint("name fewer or shorter patterns to --include, --exclude and --highlight")
        })?;
        let look = SheetLook {
            format: self.args.lines.output,
            stamps: self.args.lines.stamps(),
            follow: self.follow,
            lines: self.lines,
            beside: if self.args.lines.only_log_lines {
                Beside::GapsOnly
            } else {
                Beside::Notes
            },
        };
        Ok(Sheet::new(ui.pen(), look, filter))
    }

    fn showing(&self, sheet: Sheet, saver: Option<SharedSaver>) -> Showing {
        let merge = self.args.lines.merge.map(|window| match self.follow {
            Follow::Yes => Merge::new(Window::For(window)),
            Follow::No => Merge::new(Window::Everything),
        });
        let display = Display::new(sheet, merge);
        Showing::new(display, saver.map(Saving::new))
    }

    fn request(&self, cluster: &Cluster, job: String) -> LogRequest {
        LogRequest {
            namespace: cluster.namespace().into(),
            job,
            selection: self.args.sources.selection(),
            follow: self.follow,
            start: match (self.args.reading.tail, self.since()) {
                (Some(Tail::Lines(lines)), None) => UserStart::Tail(lines),
                (Some(Tail::Lines(lines)), Some(moment)) => UserStart::TailSince(lines, moment),
                (Some(Tail::All) | None, Some(moment)) => UserStart::Since(moment),
                (Some(Tail::All) | None, None) => UserStart::All,
            },
            before: if self.args.reading.previous {
                Before::Wanted
            } else {
                Before::Left
            },
        }
    }

    fn saved_start(&self) -> SavedStart {
        match (self.args.reading.tail, self.since()) {
            (Some(Tail::Lines(lines)), None) => SavedStart::Tail(lines.into()),
            (Some(Tail::Lines(lines)), Some(moment)) => SavedStart::TailSince(lines.into(), moment),
            (Some(Tail::All) | None, Some(moment)) => SavedStart::Since(moment),
            (Some(Tail::All) | None, None) => SavedStart::All,
        }
    }

    /// None: from the beginning; so says 0, too, as in kubectl.
    fn since(&self) -> Option<Stamp> {
        let reading = &self.args.reading;
        let span = reading.since.filter(|span| !span.is_zero());
        let ago = span.map(|span| self.context.now() - span);
        ago.or(reading.since_time).map(Stamp::from)
    }

    fn rules(&self, names: &RunNames, kubectl: String) -> Rules {
        Rules {
            follow: self.follow,
            gaps: if self.args.files.strict {
                Gaps::Failures
            } else {
                Gaps::Tolerated
            },
            job: names.job.clone(),
            namespace: names.namespace.clone(),
            kubectl,
        }
    }
}

/// A step that the job has not would be waited for in vain.
fn refuse_unknown_step(
    observation: &JobObservation,
    selection: &Selection,
) -> Result<(), CommandError> {
    let Some(name) = unknown_step(observation, selection) else {
        return Ok(());
    };
    let job = &observation.train_job.name;
    let steps: Vec<_> = steps(observation)
        .into_iter()
        .map(|step| step.name)
        .collect();
    let text = format!("TrainJob \"{job}\" has no step \"{name}\"");
    let hint = others(&name, &steps, selection);
    Err(CommandError::new(ErrorKind::Usage, text).with_hint(hint))
}

/// What there is in place of a step; of a number no other is meant.
fn others(name: &String, steps: &[String], selection: &Selection) -> String {
    let typed = selection.steps.contains(name);
    match nearest(name, steps).filter(|_| typed) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => it_has(steps),
    }
}

fn it_has(names: &[String]) -> String {
    format!("it has: {}", list_steps(names))
}

/// What nothing was saved of is not shown as if it had been silent.
fn refuse_unsaved(saved: &Saved, selection: &Selection) -> Result<(), CommandError> {
    let steps = saved.steps();
    let (text, hint) = if let Some(name) = saved.unknown_step(selection) {
        let text = format!("the saved run has no step \"{name}\"");
        (text, others(&name, &steps, selection))
    } else if let Some(there) = saved.other_containers(selection) {
        let text = "the saved run has no container that is asked for".to_owned();
        (text, it_has(&there))
    } else {
        return Ok(());
    };
    Err(CommandError::new(ErrorKind::Usage, text).with_hint(hint))
}

/// Reads to the end, and then looks at the job once more, unless that was just done: how it stands, and whether pods are
/// gone.
async fn read_all(
    cluster: &Cluster,
    request: &LogRequest,
    footing: Footing,
    (spool, observed): (&Arc<SharedSpool>, &Observed),
) -> End {
    let end = match read(cluster, request, footing, spool, observed).await {
        Ok(end) => end,
        Err(error) => return End::Broken(error.into()),
    };
    let observed = match end {
        ReadEnd {
            job: JobEnd::Deleted,
            ..
        } => None,
        ReadEnd {
            seen: Some(seen), ..
        } => Some(seen),
        // What cannot be had is not worth an error: all was read.
        _ => fetch_job(cluster, &request.namespace, &request.job)
            .await
            .ok(),
    };
    let afterwards = observed.map(|observation| Afterwards {
        state: Some(state_word(&observation)),
        without_pods: steps_without_pods(&observation, &request.selection),
        past: if ended_without_pods(&observation) {
            Past::EndedWithoutPods
        } else {
            Past::HadPods
        },
        other_containers: other_containers(&observation, &request.selection, Follow::No)
            .unwrap_or_default(),
    });
    End::Read(end.job, afterwards.unwrap_or_default())
}

impl LogsArgs {
    pub(crate) const fn follow(&self) -> Follow {
        if self.reading.follow {
            Follow::Yes
        } else {
            Follow::No
        }
    }
}
