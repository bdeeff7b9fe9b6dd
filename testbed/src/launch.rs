//! Launches a keeper, after everything that it needs has been built, and holds its leash: a pipe to its stdin.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::folder::{self, BedFolder};
use crate::options::Options;
use crate::process::run;
use crate::programs::{base_catalogue, build_missing};
use crate::protocol::{DETACH, Event};
use crate::{requirements, sweep, trainer};

/// Name the program `testbed` when it is built already, so that no cargo need be asked: set by a test run for all
/// packages, and by cargo for this package's own tests.
const PROGRAM_VARIABLES: [&str; 2] = ["KUBECTL_TRAINER_TESTBED_PROGRAM", "CARGO_BIN_EXE_testbed"];
/// Nothing inside a bed may be asked for through a proxy of this machine's network.
const PROXY_VARIABLES: [&str; 4] = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"];
/// Everything dies at once; what takes time is removing files.
const END_LIMIT: Duration = Duration::from_secs(20);

/// Lets go of the keeper, which then takes its bed down. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Leash(Arc<Mutex<Option<ChildStdin>>>);

impl Leash {
    pub(crate) fn let_go(&self) {
        drop(self.take());
    }

    fn take(&self) -> Option<ChildStdin> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A keeper that this process launched. Its bed ends when this is dropped, or when this process ends in any way.
pub(crate) struct Keeper {
    /// None once the keeper goes its own way.
    process: Option<Child>,
    leash: Leash,
}

impl Keeper {
    /// Starts a keeper. The bed is on its way then; `wait_ready` sees it arrive.
    pub(crate) fn launch(options: &Options, progress: &mut dyn Write) -> Result<Self, Error> {
        prepare(options, progress)?;
        let options =
            serde_json::to_string(options).map_err(Error::command("launching a test bed"))?;
        let mut command = Command::new(keeper_program()?);
        for variable in PROXY_VARIABLES {
            command
                .env_remove(variable)
                .env_remove(variable.to_lowercase());
        }
        let mut process = command
            .arg("keep")
            .arg(options)
            .env("PATH", requirements::search_path())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // A bed that stays must not hold on to the terminal, or to a pipe that somebody reads to its end.
            .stderr(Stdio::null())
            .spawn()
            .map_err(Error::command("launching a test bed"))?;
        let leash = Leash(Arc::new(Mutex::new(process.stdin.take())));
        Ok(Self {
            process: Some(process),
            leash,
        })
    }

    pub(crate) fn leash(&self) -> Leash {
        self.leash.clone()
    }

    /// Passes the keeper's steps on, with their times, until the bed is up or has failed.
    pub(crate) fn wait_ready(&mut self, progress: &mut dyn Write) -> Result<(), Error> {
        let start = Instant::now();
        let stdout = self
            .process
            .as_mut()
            .and_then(|process| process.stdout.take());
        for line in stdout
            .into_iter()
            .flat_map(|stdout| BufReader::new(stdout).lines())
            .map_while(Result::ok)
        {
            match serde_json::from_str(&line) {
                Ok(Event::Step(step)) => {
                    let _ = writeln!(progress, "{:6.1} s  {step}", start.elapsed().as_secs_f64());
                }
                Ok(Event::Ready) => return Ok(()),
                Ok(Event::Failed(text)) => return Err(Error::Keeper(text)),
                Err(_) => {}
            }
        }
        Err(Error::Interrupted)
    }

    /// From now on the bed stays until it is taken down by name.
    pub(crate) fn detach(mut self) -> Result<(), Error> {
        let mut stdin = self.leash.take().ok_or(Error::Interrupted)?;
        writeln!(stdin, "{DETACH}").map_err(Error::command("detaching the test bed"))?;
        self.process = None;
        Ok(())
    }
}

impl Drop for Keeper {
    /// Waits until the bed is gone, however its end began.
    fn drop(&mut self) {
        self.leash.let_go();
        if let Some(process) = &mut self.process {
            let start = Instant::now();
            while matches!(process.try_wait(), Ok(None)) && start.elapsed() < END_LIMIT {
                thread::sleep(Duration::from_millis(10));
            }
        }
    }
}

/// Checks the machine, clears away what dead beds left, and builds what is missing.
fn prepare(options: &Options, progress: &mut dyn Write) -> Result<(), Error> {
    requirements::provide(progress)?;
    sweep::sweep();
    // Who answers at the socket is a keeper; the lock alone may be held by one that looks or sweeps.
    let socket = BedFolder::new(&options.name)?.control_socket();
    if UnixStream::connect(socket).is_ok() {
        return Err(Error::AlreadyUp(options.name.clone()));
    }
    let mut catalogue = base_catalogue();
    build_missing(&catalogue, progress)?;
    if let Some(manifests) = trainer::manifests(options, progress)? {
        catalogue.extend(trainer::programs(&manifests));
        build_missing(&catalogue, progress)?;
    }
    let mut images = options.images.iter();
    images.try_for_each(|image| image.contents().provide(progress))
}

/// The program `testbed` of this very source: built by cargo, which does nothing when it is up to date.
fn keeper_program() -> Result<PathBuf, Error> {
    if let Some(path) = PROGRAM_VARIABLES.iter().find_map(env::var_os) {
        return Ok(PathBuf::from(path));
    }
    let here = env::current_exe().map_err(Error::file("find", Path::new("/proc/self/exe")))?;
    if here.file_name().is_some_and(|name| name == "testbed") {
        return Ok(here);
    }
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let mut build = Command::new(cargo);
    build
        .args(["build", "--quiet", "--bin", "testbed", "--manifest-path"])
        .arg(manifest);
    run("cargo build --package testbed", &mut build)?;
    Ok(folder::target().join("debug/testbed"))
}
