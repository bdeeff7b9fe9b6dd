//! The cluster of all runs: a bed whose logs rotate within seconds, with one node that may be broken; and the programs
//! that follow.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use testbed::{Error, LogRotation, Namespace, Options, Testbed, User};

use super::plan::{Output, Plan};
use super::scenario::Ground;
use super::writer::JOB;
use crate::process::{StepError, say};

/// Where Trainer's controllers live. They stay away from the node that gets broken.
const TRAINER: &str = "kubeflow-system";
/// The node that runs may break.
pub(super) const FRAGILE: &str = "n2";
/// Fake pods in so many namespaces have a log of their own at a time.
pub(super) const SLOTS: u8 = 4;

/// Whether stern and kubectl follow too.
#[derive(Clone, Debug)]
pub(super) enum Rivals {
    None,
    /// With the path of stern.
    Both(PathBuf),
}

/// What all runs share.
pub(super) struct Site {
    pub(super) bed: Testbed,
    pub(super) plugin: PathBuf,
    pub(super) rivals: Rivals,
    slots: Vec<Namespace>,
}

/// Where a run takes place: a slot's namespace, which outlives the run, or one of its own.
pub(super) enum Place<'a> {
    Slot(&'a Namespace, u8),
    Own(Namespace),
}

impl Place<'_> {
    pub(super) fn namespace(&self) -> &str {
        match self {
            Self::Slot(namespace, _) => namespace.name(),
            Self::Own(namespace) => namespace.name(),
        }
    }
}

impl Site {
    /// Brings the bed up and keeps the fragile node for the runs.
    pub(super) fn start(plugin: PathBuf, rivals: Rivals) -> Result<Site, StepError> {
        let options = Options {
            nodes: 2,
            fake_nodes: 1,
            log_rotation: LogRotation::quick(),
            ..Options::with_trainer()
        };
        let bed = Testbed::start(&options, &mut io::stderr())?;
        let slots = (0..SLOTS)
            .map(|slot| bed.fake_slot(slot))
            .collect::<Result<_, Error>>()?;
        let site = Site {
            bed,
            plugin,
            rivals,
            slots,
        };
        site.reserve_fragile_node()?;
        Ok(site)
    }

    fn reserve_fragile_node(&self) -> Result<(), StepError> {
        self.kubectl(&["cordon", FRAGILE])?;
        let on_node = format!("--field-selector=spec.nodeName={FRAGILE}");
        self.kubectl(&["-n", TRAINER, "delete", "pods", &on_node])?;
        let available = ["--for=condition=Available", "deployment", "--all"];
        let wait = ["-n", TRAINER, "wait", "--timeout=120s"];
        self.kubectl(&[wait.as_slice(), &available].concat())?;
        until("the webhooks answer", || self.bed.probe_webhooks().is_ok())
    }

    /// kubectl as the administrator; it has to succeed.
    pub(super) fn kubectl(&self, arguments: &[&str]) -> Result<String, StepError> {
        let output = self.bed.kubectl(arguments)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let text = format!("kubectl {}: {}", arguments.join(" "), said.trim());
        Err(StepError::Steps(text))
    }

    /// The place of a run; fake ones take turns in their slot.
    pub(super) fn place(&self, plan: &Plan, slot: u8) -> Result<Place<'_>, StepError> {
        if plan.scenario.ground() == Ground::Fake {
            let log = self.bed.fake_slot_log(slot);
            let fresh = log.with_extension("fresh");
            // Replaced, not emptied: who still follows the last run's keeps its file.
            std::fs::write(&fresh, "")
                .and_then(|()| std::fs::rename(&fresh, &log))
                .map_err(|error| StepError::io(log.display(), error))?;
            return Ok(Place::Slot(&self.slots[usize::from(slot)], slot));
        }
        Ok(Place::Own(self.bed.namespace("lossless")?))
    }

    /// The plugin, following the job.
    pub(super) fn plugin_command(
        &self,
        plan: &Plan,
        namespace: &str,
        kubeconfig: &Path,
    ) -> Command {
        let mut command = Command::new(&self.plugin);
        command.args(["logs", JOB, "--follow", "--namespace", namespace]);
        if plan.output == Output::Json {
            command.args(["--output", "json"]);
        }
        command.env("KUBECONFIG", kubeconfig);
        command
    }

    /// A kubeconfig of the administrator.
    pub(super) fn admin(&self) -> Result<PathBuf, StepError> {
        Ok(self.bed.kubeconfig(&User::Admin)?)
    }
}

/// Looks until it is so, for a minute at most.
pub(super) fn until(what: &str, is_so: impl Fn() -> bool) -> Result<(), StepError> {
    let start = std::time::Instant::now();
    while !is_so() {
        if start.elapsed() > std::time::Duration::from_mins(1) {
            return Err(StepError::Steps(format!("{what}: not within a minute")));
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    Ok(())
}

/// stern and kubectl, following the same pods.
pub(super) fn stern_command(stern: &Path, namespace: &str, kubeconfig: &Path) -> Command {
    let mut command = Command::new(stern);
    // Without these limits lifted it would wait between streams, and end itself at the fiftieth.
    command.args([".", "--namespace", namespace, "--output", "json"]);
    command.args(["--qps", "-1", "--only-log-lines", "--kubeconfig"]);
    command.arg(kubeconfig);
    command
}

pub(super) fn kubectl_command(
    site: &Site,
    namespace: &str,
    pod: &str,
    kubeconfig: &Path,
) -> Command {
    let mut command = Command::new(site.bed.kubectl_path());
    command.args(["logs", "--follow", pod, "--namespace", namespace]);
    command.arg("--kubeconfig").arg(kubeconfig);
    command
}

/// Says which run begins or ended.
pub(super) fn tell(plan: &Plan, what: &str) {
    say(format_args!(
        "seed {} {}: {what}",
        plan.seed,
        plan.scenario.name()
    ));
}
