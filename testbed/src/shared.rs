//! Which bed a test gets: the one that the test run keeps, or one of this process's own; and what it records when
//! no bed can run here.

use std::env;
use std::fs::File;
use std::io::{self, Write};
use std::ops::Deref;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::handle::{Testbed, WeakTestbed};
use crate::kwok::FAKE_RUNTIME;
use crate::node;
use crate::options::Options;
use crate::process::run;
use crate::requirements;
use crate::trainer::Installer;

/// Names the bed that the tests share.
const BED_VARIABLE: &str = "KUBECTL_TRAINER_TESTBED";
/// Names the file to which skipped tests are written.
const SKIPPED_VARIABLE: &str = "KUBECTL_TRAINER_SKIPPED";
/// How long webhooks may take to answer again after they were put back.
const HEALTH_LIMIT: Duration = Duration::from_mins(2);
/// What a test may have changed and what `apply` alone would not put back, because others own the change.
const REPLACED_KINDS: [&str; 7] = [
    "ClusterRole",
    "ConfigMap",
    "CustomResourceDefinition",
    "Deployment",
    "MutatingWebhookConfiguration",
    "Service",
    "ValidatingWebhookConfiguration",
];
/// Put back after the others, because webhooks look at it.
const RUNTIME_KIND: &str = "ClusterTrainingRuntime";
/// Runtimes can be applied once their definition is there.
const ESTABLISHED: [&str; 5] = [
    "wait",
    "--for=condition=Established",
    "customresourcedefinition",
    "--all",
    "--timeout=30s",
];
/// Kinds of which a healthy bed has none but the released objects.
const SWEPT_KINDS: [&str; 5] = [
    "clustertrainingruntimes",
    "customresourcedefinitions",
    "mutatingwebhookconfigurations",
    "storageclasses",
    "validatingwebhookconfigurations",
];
/// Removes what no namespace of a healthy bed has.
const SWEEP_NAMESPACES: [&str; 5] = [
    "delete",
    "networkpolicies,trainingruntimes",
    "--all",
    "--all-namespaces",
    "--wait=false",
];

/// What a bed of this process is for.
#[derive(Clone, Copy, PartialEq)]
enum Purpose {
    Shared,
    Exclusive,
}

/// The beds that this process started for its tests. They end with the process.
static OWN_BEDS: Mutex<Vec<(Purpose, Testbed)>> = Mutex::new(Vec::new());

impl Testbed {
    /// The bed with Trainer that all tests share; none where no bed can run, which is then recorded.
    ///
    /// # Panics
    /// When a bed should run here and does not: a test without its bed must fail, not pass.
    pub fn shared() -> Option<Self> {
        if is_skipped() {
            return None;
        }
        let bed = match env::var(BED_VARIABLE) {
            Ok(name) => Self::attach(&name),
            Err(_) => own_bed(Purpose::Shared),
        };
        Some(required(bed))
    }

    /// A second bed, for tests that change what all namespaces share; each test program has its own. One test has it
    /// at a time, and finds it as released and healthy.
    ///
    /// # Panics
    /// As [`Testbed::shared`] does.
    pub fn exclusive() -> Option<ExclusiveTestbed> {
        if is_skipped() {
            return None;
        }
        let bed = required(own_bed(Purpose::Exclusive));
        let lock = required(lock(&bed));
        required(restore(&bed));
        Some(ExclusiveTestbed { bed, _lock: lock })
    }
}

/// The bed of one test that may change everything in it.
pub struct ExclusiveTestbed {
    bed: Testbed,
    _lock: File,
}

impl Deref for ExclusiveTestbed {
    type Target = Testbed;

    fn deref(&self) -> &Testbed {
        &self.bed
    }
}

/// A bed of several tests, which is there for as long as one of them has it: a machine has room for some six beds.
pub struct CommonBed {
    known: Mutex<WeakTestbed>,
    options: fn() -> Options,
}

impl CommonBed {
    pub const fn new(options: fn() -> Options) -> Self {
        Self {
            known: Mutex::new(WeakTestbed::new()),
            options,
        }
    }

    /// None where no bed can run, which is then recorded.
    ///
    /// # Panics
    /// As [`Testbed::shared`] does.
    pub fn take(&self) -> Option<Testbed> {
        if is_skipped() {
            return None;
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bed) = known.upgrade() {
            return Some(bed);
        }
        let bed = required(Testbed::start(&(self.options)(), &mut io::stderr()));
        *known = bed.downgrade();
        Some(bed)
    }
}

#[expect(clippy::panic, reason = "a test without its bed must fail, not pass")]
fn required<T>(result: Result<T, Error>) -> T {
    result.unwrap_or_else(|error| panic!("{error}"))
}

/// Whether the running test must be skipped because no bed can run here. Records it, by the name of its thread.
pub fn is_skipped() -> bool {
    let Some(lack) = requirements::missing().into_iter().next() else {
        return false;
    };
    record_skip(&lack.what);
    true
}

/// Tells the test run that the running test is skipped, and why; the thread has the test's name.
pub fn record_skip(reason: &str) {
    let test = thread::current();
    let line = format!("{}: {reason}\n", test.name().unwrap_or("unnamed test"));
    if let Some(path) = env::var_os(SKIPPED_VARIABLE) {
        let file = File::options().create(true).append(true).open(path);
        // One write a line, so that lines of several processes do not mix.
        let _ = file.and_then(|mut file| file.write_all(line.as_bytes()));
    }
}

/// The bed that this process has for a purpose, started by who first asks for it.
fn own_bed(purpose: Purpose) -> Result<Testbed, Error> {
    let mut beds = OWN_BEDS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, bed)) = beds.iter().find(|(known, _)| *known == purpose) {
        return Ok(bed.clone());
    }
    let bed = Testbed::start(&Options::with_trainer(), &mut io::stderr())?;
    beds.push((purpose, bed.clone()));
    Ok(bed)
}

fn lock(bed: &Testbed) -> Result<File, Error> {
    let path = bed.folder().join("exclusive.lock");
    let file = File::options()
        .create(true)
        .append(true)
        .open(&path)
        .map_err(Error::file("open", &path))?;
    file.lock().map_err(Error::file("lock", &path))?;
    Ok(file)
}

/// Puts everything back that Trainer and JobSet installed, removes what does not belong, and waits for the webhooks.
fn restore(bed: &Testbed) -> Result<(), Error> {
    let manifests = bed.manifests()?;
    let kubectl = || bed.kubectl_command();
    let installer = Installer {
        kubectl: &kubectl,
        manifests: &manifests,
    };
    restore_machine(bed)?;
    installer.apply_manager()?;
    run(
        "waiting for definitions",
        bed.kubectl_command().args(ESTABLISHED),
    )?;
    installer.replace(&REPLACED_KINDS)?;
    let released: Vec<&str> = manifests
        .manager
        .iter()
        .chain(&manifests.runtimes)
        .filter_map(|object| object["metadata"]["name"].as_str())
        .chain([FAKE_RUNTIME])
        .collect();
    for kind in SWEPT_KINDS {
        remove_strangers(bed, kind, &released)?;
    }
    run(
        "removing what no namespace has",
        bed.kubectl_command().args(SWEEP_NAMESPACES),
    )?;
    wait_healthy(&installer)
}

/// Clears faults, and starts what was stopped or killed.
fn restore_machine(bed: &Testbed) -> Result<(), Error> {
    for proxy in [
        bed.between_client_and_server(),
        bed.between_server_and_cluster(),
    ] {
        proxy
            .clear_all()
            .map_err(Error::command("clearing faults"))?;
    }
    for number in 1..=bed.options().nodes {
        bed.start_node(&node::name(number))?;
    }
    Ok(())
}

fn remove_strangers(bed: &Testbed, kind: &str, released: &[&str]) -> Result<(), Error> {
    let names = run(
        &format!("listing {kind}"),
        bed.kubectl_command().args([
            "get",
            kind,
            "--output",
            "jsonpath={.items[*].metadata.name}",
        ]),
    )?;
    let strangers: Vec<&str> = names
        .split_whitespace()
        .filter(|name| !released.contains(name))
        .collect();
    if strangers.is_empty() {
        return Ok(());
    }
    let mut kubectl = bed.kubectl_command();
    kubectl.args(["delete", kind]).args(strangers);
    run(&format!("removing {kind} that do not belong"), &mut kubectl).map(drop)
}

/// Waits for the webhooks, which before 2.3 look at the released runtimes too, so that these are put back last.
fn wait_healthy(installer: &Installer<'_>) -> Result<(), Error> {
    let start = Instant::now();
    installer.wait_available()?;
    let put_back = || {
        installer.apply_runtimes()?;
        installer.replace(&[RUNTIME_KIND])?;
        installer.probe_webhooks()
    };
    loop {
        match put_back() {
            Err(_) if start.elapsed() < HEALTH_LIMIT => thread::sleep(Duration::from_millis(200)),
            result => return result,
        }
    }
}
