//! Makes the faults of a plan happen, each at its time, on the bed and on the followers.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use testbed::faults::ControlError;
use testbed::{ActiveFault, Fault, Matcher, Times};

use super::plan::{Plan, RunFault};
use super::process::{Process, Valve};
use super::run::PLUGIN;
use super::site::{FRAGILE, Site, until};
use super::token::RotatingToken;
use super::truth::Keeper;
use crate::process::StepError;

/// How long a cut goes on, so that it meets every stream, and those that are just being opened.
const CUT: Duration = Duration::from_millis(300);
/// Between two looks at a fault.
const LOOK: Duration = Duration::from_millis(50);
/// How long a fault waits for bytes that it counts.
const ARMED: Duration = Duration::from_millis(1_500);
/// How long a fault waits for a stream that it meets.
const MEETING: Duration = Duration::from_secs(10);
/// After this time nothing of what came before the stall is on its way any more.
const SETTLED: Duration = Duration::from_millis(1_500);
/// The plugin takes a stream for stalled no sooner than after this time.
const PATIENCE: Duration = Duration::from_secs(25);
/// A pipe that nobody reads is full with about this many bytes.
const FULL_PIPE: u64 = 60_000;

/// What faults act on.
pub(super) struct Stage<'a> {
    pub(super) site: &'a Site,
    pub(super) namespace: &'a str,
    pub(super) pods: Vec<String>,
    pub(super) keeper: Option<Arc<Mutex<Keeper>>>,
    pub(super) valve: Valve,
    pub(super) token: Option<RotatingToken<'a>>,
}

impl Stage<'_> {
    /// Makes all faults of the plan happen. Gives those that met nothing.
    pub(super) fn play(
        &self,
        plan: &Plan,
        followers: &BTreeMap<String, Process>,
    ) -> Result<Vec<String>, StepError> {
        let start = Instant::now();
        let mut missed = Vec::new();
        for step in &plan.faults {
            // The time of a fault is the plan's.
            thread::sleep(step.at.saturating_sub(start.elapsed()));
            if self.happen(step.fault, followers)? == Effect::None {
                missed.push(format!("{:?} met nothing", step.fault));
            }
        }
        Ok(missed)
    }

    fn happen(
        &self,
        fault: RunFault,
        followers: &BTreeMap<String, Process>,
    ) -> Result<Effect, StepError> {
        match fault {
            RunFault::Cut => self.strike(Fault::Cut, CUT),
            RunFault::BreakMidLine(bytes) => self.strike(Fault::BreakMidLine(bytes), ARMED),
            RunFault::CutAfter(bytes) => self.strike(Fault::CutAfter(bytes), ARMED),
            RunFault::Refuse(rest) => self.refuse(rest),
            RunFault::Answer { status, rest } => self.answer((status, rest), followers),
            RunFault::Stall(rest) => self.stall(rest, followers),
            RunFault::RotateToken => self.rotate_token(),
            RunFault::RestReader(rest) => self.rest_reader(rest, followers),
            RunFault::StopProcesses(rest) => {
                signal(followers, Signal::STOP);
                thread::sleep(rest);
                let stopped = followers.values().all(Process::is_stopped);
                signal(followers, Signal::CONT);
                Ok(Effect::of(stopped))
            }
            _ => self.break_cluster(fault).map(|()| Effect::Met),
        }
    }

    /// What the bed does, or says that it cannot.
    fn break_cluster(&self, fault: RunFault) -> Result<(), StepError> {
        let bed = &self.site.bed;
        match fault {
            RunFault::RestartApiServer => bed.restart_api_server()?,
            RunFault::DeletePod => self.delete_pod()?,
            RunFault::Truncate => self.truncate()?,
            RunFault::StopKubelet(rest) => {
                bed.stop_kubelet(FRAGILE)?;
                thread::sleep(rest);
                bed.start_kubelet(FRAGILE)?;
            }
            RunFault::KillNode(rest) => {
                bed.kill_node(FRAGILE)?;
                thread::sleep(rest);
                bed.start_node(FRAGILE)?;
            }
            other => return Err(StepError::Steps(format!("nothing makes {other:?} happen"))),
        }
        Ok(())
    }

    /// On requests for logs of this run's pods.
    fn set(&self, fault: Fault, times: Times) -> Result<ActiveFault, StepError> {
        let matcher = Matcher::Request {
            method: Some("GET".to_owned()),
            path_prefix: log_requests(self.namespace),
        };
        let set = self.site.bed.between_client_and_server();
        set.set(matcher, fault, times).map_err(untold)
    }

    /// Sets a fault, waits until it meets a stream, and keeps it for so long then.
    fn strike(&self, fault: Fault, keep: Duration) -> Result<Effect, StepError> {
        let set = self.set(fault, Times::Always)?;
        wait_met(&set)?;
        thread::sleep(keep);
        met(&set)
    }

    /// Cuts the streams, and lets nobody connect from then on. What is refused would not meet the cut.
    fn refuse(&self, rest: Duration) -> Result<Effect, StepError> {
        let cut = self.set(Fault::Cut, Times::Always)?;
        wait_met(&cut)?;
        let refused = self.set(Fault::Refuse, Times::Always)?;
        let effect = met(&cut)?;
        drop(cut);
        thread::sleep(rest);
        drop(refused);
        Ok(effect)
    }

    /// Cuts the streams, and whoever asks again meanwhile is answered with this status. Who is still kept away by the
    /// fault before has no stream that could be cut.
    fn answer(
        &self,
        (status, rest): (u16, Duration),
        followers: &BTreeMap<String, Process>,
    ) -> Result<Effect, StepError> {
        wait_printing(followers)?;
        let answers = self.set(Fault::Answer(status), Times::Always)?;
        let cut = self.strike(Fault::Cut, CUT)?;
        wait_met(&answers)?;
        thread::sleep(rest);
        Ok(cut.and(met(&answers)?))
    }

    /// A stall that is shorter than the plugin's patience shows in that the plugin prints nothing.
    fn stall(
        &self,
        rest: Duration,
        followers: &BTreeMap<String, Process>,
    ) -> Result<Effect, StepError> {
        let printed = || printed(followers);
        // The plugin and stern follow all pods, each kubectl one.
        let rivals = if followers.len() > 1 { 2 } else { 0 };
        let streams = ((1 + rivals) * self.pods.len()) as u64;
        let stalled = self.set(Fault::Stall, Times::Next(streams))?;
        thread::sleep(SETTLED);
        let before = printed();
        thread::sleep(rest.saturating_sub(SETTLED));
        let is_still = rest > PATIENCE || printed() == before;
        Ok(Effect::of(is_still).and(met(&stalled)?))
    }

    /// A reader rests if the plugin's pipe is full in the end.
    fn rest_reader(
        &self,
        rest: Duration,
        followers: &BTreeMap<String, Process>,
    ) -> Result<Effect, StepError> {
        self.valve.close();
        thread::sleep(rest);
        let held = followers.get(PLUGIN).map_or(Ok(0), Process::held_back);
        self.valve.open();
        let held = held.map_err(|error| StepError::io("the plugin's pipe", error))?;
        Ok(Effect::of(held >= FULL_PIPE))
    }

    /// Cut at once, and again when the old token is worth nothing any more.
    fn rotate_token(&self) -> Result<Effect, StepError> {
        let Some(token) = &self.token else {
            return Err(StepError::Steps("this run has no token".to_owned()));
        };
        let old = token.rotate()?;
        let first = self.strike(Fault::Cut, CUT)?;
        until("the old token is refused", || !token.is_taken(&old))?;
        Ok(first.and(self.strike(Fault::Cut, CUT)?))
    }

    fn delete_pod(&self) -> Result<(), StepError> {
        let Some(pod) = self.pods.first() else {
            return Err(StepError::Steps("this run has no pod".to_owned()));
        };
        let delete = ["-n", self.namespace, "delete", "pod", pod, "--wait=false"];
        self.site.kubectl(&delete).map(drop)
    }

    fn truncate(&self) -> Result<(), StepError> {
        let Some(keeper) = &self.keeper else {
            return Err(StepError::Steps("this run keeps no files".to_owned()));
        };
        let mut keeper = keeper.lock().unwrap_or_else(PoisonError::into_inner);
        for pod in &self.pods {
            keeper
                .truncate(pod)
                .map_err(|error| StepError::io(format!("truncating the log of {pod}"), error))?;
        }
        Ok(())
    }
}

/// Whether a fault happened to anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    Met,
    None,
}

impl Effect {
    fn of(is_met: bool) -> Effect {
        if is_met { Self::Met } else { Self::None }
    }

    fn and(self, other: Effect) -> Effect {
        Self::of(self == Self::Met && other == Self::Met)
    }
}

/// Waits until a fault has met something, for so long at most.
fn wait_met(fault: &ActiveFault) -> Result<(), StepError> {
    wait_while(|| Ok(met(fault)? == Effect::None))
}

/// Looks until it is so no more, for so long at most.
fn wait_while(is_so: impl Fn() -> Result<bool, StepError>) -> Result<(), StepError> {
    let start = Instant::now();
    while is_so()? && start.elapsed() < MEETING {
        thread::sleep(LOOK);
    }
    Ok(())
}

fn printed(followers: &BTreeMap<String, Process>) -> u64 {
    followers.get(PLUGIN).map_or(0, Process::printed)
}

/// Waits until the plugin prints more, for so long at most: a writer that has ended writes no more.
fn wait_printing(followers: &BTreeMap<String, Process>) -> Result<(), StepError> {
    let before = printed(followers);
    wait_while(|| Ok(printed(followers) == before))
}

/// A fault that is used up has met all that it was for.
fn met(fault: &ActiveFault) -> Result<Effect, StepError> {
    let hits = fault.hits().map_err(untold)?;
    Ok(Effect::of(hits.is_none_or(|hits| hits > 0)))
}

fn signal(followers: &BTreeMap<String, Process>, signal: Signal) {
    for process in followers.values() {
        process.signal(signal);
    }
}

/// How paths of requests for logs of a namespace's pods begin.
pub(super) fn log_requests(namespace: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/pods/")
}

pub(super) fn untold(error: ControlError) -> StepError {
    StepError::io("setting a fault", std::io::Error::other(error))
}

/// Writes a file whole or not at all, as who rotates tokens does.
pub(super) fn replace(path: &PathBuf, text: &str) -> Result<(), StepError> {
    let fresh = path.with_extension("fresh");
    fs::write(&fresh, text)
        .and_then(|()| fs::rename(&fresh, path))
        .map_err(|error| StepError::io(path.display(), error))
}
