//! One run from its plan to its verdicts: a job writes, followers follow, faults happen, and then all is compared.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use testbed::ActiveFault;
use testbed::kwok::FATE;

use super::fault::{Stage, log_requests, untold};
use super::judge::{Evidence, RunReport, judge_run};
use super::plan::{Plan, RunFault};
use super::printed::writers_shown;
use super::process::{Process, Valve, Way};
use super::scenario::{Ground, Scenario};
use super::served;
use super::site::{FRAGILE, Place, Rivals, Site, kubectl_command, stern_command, until};
use super::token::RotatingToken;
use super::truth::{CriReader, Keeper, Truth};
use super::writer::{GO, JOB, objects, write_fake_log};
use crate::process::StepError;

/// The keeper looks at a node's files so often; the kubelet rotates every three seconds.
const LOOK: Duration = Duration::from_millis(100);
/// How long the plugin may take to end after its job could.
const END_LIMIT: Duration = Duration::from_mins(4);
/// How long the rivals may take to come to rest.
const REST_LIMIT: Duration = Duration::from_secs(30);
/// The plugin's name among the followers.
pub(super) const PLUGIN: &str = "plugin";
/// The folder of what the followers were served.
const RECORD: &str = "served";
pub(super) const STERN: &str = "stern";

/// Runs a plan in a slot and judges it.
pub(super) fn run(site: &Site, plan: &Plan, slot: u8) -> Result<RunReport, StepError> {
    let place = site.place(plan, slot)?;
    let namespace = place.namespace();
    let folder = site.bed.scratch(&format!("{namespace}-{}", plan.seed));
    fs::create_dir_all(&folder).map_err(|error| StepError::io(folder.display(), error))?;
    let record = folder.join(RECORD);
    let door = site.bed.between_client_and_server();
    let recording = door
        .record(log_requests(namespace), &record)
        .map_err(untold)?;
    let running = Running::start(site, plan, &place, &folder);
    let ended = running.and_then(|running| running.follow(recording));
    if ended.is_err() {
        // The slot is for others then. Why the run failed says more than why this did.
        let _ = clean_up(site, &place);
    }
    let ended = ended?;
    let broken = |error| StepError::io("reading what was written and printed", error);
    let evidence = Evidence {
        truth: ended.truth,
        served: served::read(&record, &plan.writer.shape).map_err(broken)?,
        pods: ended.pods,
        followers: ended.followers,
        missed: ended.missed,
        exit: ended.exit,
    };
    let report = judge_run(plan, &evidence).map_err(broken)?;
    clean_up(site, &place)?;
    if report.faults.is_empty() {
        // What a failed run printed stays for as long as the bed does.
        let _ = fs::remove_dir_all(&folder);
    }
    Ok(report)
}

/// A slot is used again, so its job must be gone.
fn clean_up(site: &Site, place: &Place<'_>) -> Result<(), StepError> {
    let namespace = place.namespace();
    site.kubectl(&["-n", namespace, "delete", "trainjob", JOB])?;
    if let Place::Slot(..) = place {
        let delete = ["-n", namespace, "delete", "pods", "--all"];
        site.kubectl(&[delete.as_slice(), &["--ignore-not-found"]].concat())?;
    }
    Ok(())
}

/// A run under way.
struct Running<'a> {
    plan: &'a Plan,
    place: &'a Place<'a>,
    stage: Stage<'a>,
    folder: PathBuf,
    followers: BTreeMap<String, Process>,
    keeping: Option<Keeping>,
}

/// What is left of a run once it is over.
struct Ended {
    truth: Truth,
    pods: Vec<String>,
    followers: BTreeMap<String, (PathBuf, PathBuf)>,
    missed: Vec<String>,
    exit: Option<i32>,
}

impl<'a> Running<'a> {
    /// Makes the job and lets the plugin and stern follow before its pods are there.
    fn start(
        site: &'a Site,
        plan: &'a Plan,
        place: &'a Place<'a>,
        folder: &Path,
    ) -> Result<Running<'a>, StepError> {
        let namespace = place.namespace();
        let rotates = plan
            .faults
            .iter()
            .any(|step| step.fault == RunFault::RotateToken);
        let token = rotates
            .then(|| RotatingToken::create(site, namespace, folder))
            .transpose()?;
        let keeping = Keeping::start(site, plan, namespace, folder)?;
        for object in objects(plan, namespace) {
            // A moment passes until the webhook for jobs knows a new runtime.
            until("the job's objects are taken", || {
                site.bed.apply(&object.to_string()).is_ok()
            })?;
        }
        let mut running = Running {
            plan,
            place,
            stage: Stage {
                site,
                namespace,
                pods: Vec::new(),
                keeper: keeping.as_ref().map(|keeping| Arc::clone(&keeping.keeper)),
                valve: Valve::default(),
                token,
            },
            folder: folder.to_owned(),
            followers: BTreeMap::new(),
            keeping,
        };
        running.start_followers()?;
        Ok(running)
    }

    fn start_followers(&mut self) -> Result<(), StepError> {
        let (site, namespace) = (self.stage.site, self.stage.namespace);
        let kubeconfig = self.kubeconfig()?;
        let plugin = site.plugin_command(self.plan, namespace, &kubeconfig);
        self.spawn(PLUGIN, plugin)?;
        if let Rivals::Both(stern) = &site.rivals {
            self.spawn(STERN, stern_command(stern, namespace, &kubeconfig))?;
        }
        self.stage.pods = self.wait_pods()?;
        if let Rivals::Both(_) = &site.rivals {
            for pod in self.stage.pods.clone() {
                let kubectl = kubectl_command(site, namespace, &pod, &kubeconfig);
                self.spawn(&pod, kubectl)?;
            }
        }
        Ok(())
    }

    fn kubeconfig(&self) -> Result<PathBuf, StepError> {
        match &self.stage.token {
            Some(token) => Ok(token.kubeconfig.clone()),
            None => self.stage.site.admin(),
        }
    }

    fn spawn(&mut self, name: &str, mut command: std::process::Command) -> Result<(), StepError> {
        let rests = |fault| matches!(fault, RunFault::RestReader(_));
        let way = if self.plan.faults.iter().any(|step| rests(step.fault)) {
            Way::Valve(self.stage.valve.clone())
        } else {
            Way::File
        };
        let process = Process::start(&mut command, &self.folder, name, way)
            .map_err(|error| StepError::io(format!("starting {name}"), error))?;
        self.followers.insert(name.to_owned(), process);
        Ok(())
    }

    /// The names of the job's pods, once all of them run.
    fn wait_pods(&self) -> Result<Vec<String>, StepError> {
        let wanted = usize::try_from(self.plan.nodes).unwrap_or(1);
        until("the job's pods run", || self.running_pods().len() >= wanted)?;
        Ok(self.running_pods())
    }

    fn running_pods(&self) -> Vec<String> {
        let (site, namespace) = (self.stage.site, self.stage.namespace);
        let get = ["-n", namespace, "get", "pods"];
        let running = [
            "--field-selector=status.phase=Running",
            "--output=jsonpath={.items[*].metadata.name}",
        ];
        let names = site.kubectl(&[get.as_slice(), &running].concat());
        let names = names.unwrap_or_default();
        names.split_whitespace().map(str::to_owned).collect()
    }

    /// Lets the writer write and the faults happen, waits for the ends, and gathers what was written.
    fn follow(mut self, recording: ActiveFault) -> Result<Ended, StepError> {
        let writing = self.start_writing();
        let begun = self.let_write(self.plan.nodes);
        let mut played = begun.and_then(|()| self.stage.play(self.plan, &self.followers));
        if self.plan.scenario == Scenario::PodReplaced {
            // Who came instead waits, too.
            played = played.and_then(|missed| {
                self.let_write(self.plan.nodes + 1)?;
                Ok(missed)
            });
        }
        let written = writing.map_or(Ok(()), join);
        let missed = played?;
        written?;
        if let Scenario::Refused | Scenario::ErrorAnswers | Scenario::TokenRotated =
            self.plan.scenario
        {
            // The job's end would come before the stream that follows the fault. What does not come is judged later.
            let record = self.folder.join(RECORD);
            let _ = until("the plugin follows again", || {
                served::most_begun(&record) > 1
            });
        }
        if let Place::Slot(..) = self.place {
            self.complete_fake_pods()?;
        }
        let exit = self.end_followers()?;
        drop(recording);
        self.gather(exit, missed)
    }

    fn start_writing(&self) -> Option<JoinHandle<Result<(), StepError>>> {
        let Place::Slot(_, slot) = self.place else {
            return None;
        };
        let log = self.stage.site.bed.fake_slot_log(*slot);
        let (tag, writer) = (fake_tag(self.plan), self.plan.writer.clone());
        Some(thread::spawn(move || {
            write_fake_log(&log, &tag, &writer).map_err(|error| StepError::io(log.display(), error))
        }))
    }

    /// Waits until the plugin has a line of so many writers, and lets real ones write on. Fake ones write since the
    /// beginning: nothing rotates what they wrote.
    fn let_write(&self, writers: u64) -> Result<(), StepError> {
        let plugin = &self.followers[PLUGIN];
        until("the plugin prints a line of each writer", || {
            writers_shown(&plugin.stdout, self.plan.output).is_ok_and(|shown| shown >= writers)
        })?;
        if let Place::Slot(..) = self.place {
            return Ok(());
        }
        // A rival that does not come is judged as any other.
        let _ = until("the rivals print a line", || {
            self.followers.values().all(|one| one.printed() > 0)
        });
        let (site, namespace) = (self.stage.site, self.stage.namespace);
        until("the writers write on", || {
            let go = |pod: &String| {
                let exec = ["-n", namespace, "exec", pod, "--"];
                site.kubectl(&[exec.as_slice(), &GO].concat()).is_ok()
            };
            // One that has ended meanwhile needs no word.
            let pods = self.running_pods();
            !pods.is_empty() && pods.iter().all(go)
        })
    }

    fn complete_fake_pods(&self) -> Result<(), StepError> {
        let fate = format!("{FATE}=complete");
        let namespace = self.stage.namespace;
        let annotate = ["-n", namespace, "annotate", "pods", "--all", &fate];
        self.stage.site.kubectl(&annotate).map(drop)
    }

    /// Waits for the plugin's end, and ends the rivals once they print no more. Gives the plugin's exit code.
    fn end_followers(&mut self) -> Result<Option<i32>, StepError> {
        let limit = self.plan.duration() + END_LIMIT;
        let broken = |error| StepError::io("waiting for a follower", error);
        let mut exit = None;
        if let Some(plugin) = self.followers.get_mut(PLUGIN) {
            let status = plugin.wait(limit).map_err(broken)?;
            exit = status.and_then(|status| status.code());
        }
        for (name, process) in &mut self.followers {
            if name != PLUGIN {
                process.end_at_rest(REST_LIMIT).map_err(broken)?;
            }
        }
        Ok(exit)
    }

    fn gather(self, exit: Option<i32>, missed: Vec<String>) -> Result<Ended, StepError> {
        let truth = match self.keeping {
            Some(keeping) => keeping.end()?,
            None => self.fake_truth()?,
        };
        let paths = self
            .followers
            .iter()
            .map(|(name, process)| {
                (
                    name.clone(),
                    (process.stdout.clone(), process.stderr.clone()),
                )
            })
            .collect();
        Ok(Ended {
            truth,
            pods: self.stage.pods,
            followers: paths,
            missed,
            exit,
        })
    }

    /// Every fake pod has "written" the whole file of its slot.
    fn fake_truth(&self) -> Result<Truth, StepError> {
        let Place::Slot(_, slot) = self.place else {
            return Ok(Truth::new());
        };
        let log = self.stage.site.bed.fake_slot_log(*slot);
        let mut truth = Truth::new();
        for pod in &self.stage.pods {
            CriReader::default()
                .read(&log, (pod, None), &mut truth)
                .map_err(|error| StepError::io(log.display(), error))?;
        }
        Ok(truth)
    }
}

/// The tag of fake writers: eight characters, another for each seed.
fn fake_tag(plan: &Plan) -> String {
    format!("f{:07}", plan.seed % 10_000_000)
}

fn join(writing: JoinHandle<Result<(), StepError>>) -> Result<(), StepError> {
    let ended = writing.join();
    ended.unwrap_or_else(|_| Err(StepError::Steps("the writer broke down".to_owned())))
}

/// Looks at a node's files on a thread of its own until it is ended.
struct Keeping {
    keeper: Arc<Mutex<Keeper>>,
    over: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Keeping {
    /// None on fake nodes, whose only file the bench itself writes.
    fn start(
        site: &Site,
        plan: &Plan,
        namespace: &str,
        folder: &Path,
    ) -> Result<Option<Keeping>, StepError> {
        let node = match plan.scenario.ground() {
            Ground::Fake => return Ok(None),
            Ground::Steady => "n1",
            Ground::Fragile => FRAGILE,
        };
        let keeper = Keeper::new(site.bed.pod_logs(node), folder.join("kept"), namespace);
        let keeper = keeper.map_err(|error| StepError::io(folder.display(), error))?;
        let keeper = Arc::new(Mutex::new(keeper));
        let over = Arc::new(AtomicBool::new(false));
        let (looker, is_over) = (Arc::clone(&keeper), Arc::clone(&over));
        let thread = thread::spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                looker.lock().unwrap_or_else(PoisonError::into_inner).look();
                thread::sleep(LOOK);
            }
        });
        Ok(Some(Keeping {
            keeper,
            over,
            thread,
        }))
    }

    fn end(self) -> Result<Truth, StepError> {
        self.over.store(true, Ordering::Relaxed);
        let ended = self.thread.join();
        ended.map_err(|_| StepError::Steps("the keeper of files broke down".to_owned()))?;
        let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        keeper.look();
        keeper
            .truth()
            .map_err(|error| StepError::io("the kept files", error))
    }
}
