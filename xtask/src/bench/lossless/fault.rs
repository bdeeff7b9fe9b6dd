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
use super::site::{FRAGILE, Site, until};
use super::token::RotatingToken;
use super::truth::Keeper;
use crate::process::StepError;

/// How long a cut goes on, so that it meets every stream, and those that are just being opened.
const CUT: Duration = Duration::from_millis(300);
/// How long a fault waits for bytes that it counts.
const ARMED: Duration = Duration::from_millis(1_500);

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
    /// Makes all faults of the plan happen. Those that wait for a request stay set until the returned values go.
    pub(super) fn play(
        &self,
        plan: &Plan,
        followers: &BTreeMap<String, Process>,
    ) -> Result<Vec<ActiveFault>, StepError> {
        let start = Instant::now();
        let mut waiting = Vec::new();
        for step in &plan.faults {
            // The time of a fault is the plan's.
            thread::sleep(step.at.saturating_sub(start.elapsed()));
            self.happen(step.fault, followers, &mut waiting)?;
        }
        Ok(waiting)
    }

    fn happen(
        &self,
        fault: RunFault,
        followers: &BTreeMap<String, Process>,
        waiting: &mut Vec<ActiveFault>,
    ) -> Result<(), StepError> {
        let bed = &self.site.bed;
        match fault {
            RunFault::Cut => self.cut()?,
            RunFault::BreakMidLine(bytes) => self.armed(Fault::BreakMidLine(bytes))?,
            RunFault::CutAfter(bytes) => self.armed(Fault::CutAfter(bytes))?,
            RunFault::Refuse(rest) => {
                let _refused = self.set(Fault::Refuse, Times::Always)?;
                self.cut()?;
                thread::sleep(rest);
            }
            RunFault::Answer { status, times } => {
                waiting.push(self.set(Fault::Answer(status), Times::Next(times))?);
                self.cut()?;
            }
            RunFault::Stall(rest) => {
                let streams = (followers.len().max(1) * self.pods.len()) as u64;
                let _stalled = self.set(Fault::Stall, Times::Next(streams))?;
                thread::sleep(rest);
            }
            RunFault::RestartApiServer => bed.restart_api_server()?,
            RunFault::RotateToken => self.rotate_token()?,
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
            RunFault::RestReader(rest) => {
                self.valve.close();
                thread::sleep(rest);
                self.valve.open();
            }
            RunFault::StopProcesses(rest) => {
                signal(followers, Signal::STOP);
                thread::sleep(rest);
                signal(followers, Signal::CONT);
            }
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

    fn cut(&self) -> Result<(), StepError> {
        let _cut = self.set(Fault::Cut, Times::Always)?;
        thread::sleep(CUT);
        Ok(())
    }

    fn armed(&self, fault: Fault) -> Result<(), StepError> {
        let _armed = self.set(fault, Times::Always)?;
        thread::sleep(ARMED);
        Ok(())
    }

    /// Cut at once, and again when the old token is worth nothing any more.
    fn rotate_token(&self) -> Result<(), StepError> {
        let Some(token) = &self.token else {
            return Err(StepError::Steps("this run has no token".to_owned()));
        };
        let old = token.rotate()?;
        self.cut()?;
        until("the old token is refused", || !token.is_taken(&old))?;
        self.cut()
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
