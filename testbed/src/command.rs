//! `cluster up | down | status | env | logs`: beds for work by hand.

use std::fs;
use std::io::{self, Write};
use std::thread;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};

use crate::bundle::RELEASES;
use crate::error::Error;
use crate::folder::BedFolder;
use crate::handle::Testbed;
use crate::launch::{Keeper, Leash};
use crate::options::{FakeLogs, Image, LogRotation, Options, TrainerFeature};
use crate::protocol::{Record, Request, ask};
use crate::sweep;

const DEFAULT_NAME: &str = "default";
const DOWN_LIMIT: Duration = Duration::from_mins(1);

/// What can be done with beds by hand.
#[derive(Clone, Debug, Subcommand)]
pub enum ClusterCommand {
    /// Bring a cluster up, building its programs first where that has not been done
    Up(UpArgs),
    /// Take a cluster down, leaving nothing behind
    Down(NameArgs),
    /// List the clusters that are up
    Status,
    /// Print the shell commands that point kubectl at a cluster
    Env(NameArgs),
    /// Print the log of a component, or the names of the components
    Logs(LogsArgs),
}

/// Which cluster.
#[derive(Clone, Debug, Args)]
pub struct NameArgs {
    /// Name of the cluster
    #[arg(long, default_value = DEFAULT_NAME)]
    pub name: String,
}

/// What `up` may be told.
#[derive(Clone, Debug, Args)]
pub struct UpArgs {
    /// Name of the cluster
    #[arg(long, default_value = DEFAULT_NAME)]
    pub name: String,
    /// Real nodes
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=20))]
    pub nodes: u8,
    /// Nodes played by kwok, for scale
    #[arg(long, default_value_t = 0)]
    pub fake_nodes: u16,
    /// Who serves the logs of pods on fake nodes
    #[arg(long, value_enum, default_value_t)]
    pub fake_logs: FakeLogs,
    /// Release of Kubeflow Trainer to install, such as v2.3.0
    #[arg(long, value_parser = parse_release)]
    pub trainer: Option<String>,
    /// Feature gate to switch on in Trainer's controller; may be given more than once
    #[arg(
        long = "trainer-feature",
        value_enum,
        value_name = "FEATURE",
        requires = "trainer"
    )]
    pub trainer_features: Vec<TrainerFeature>,
    /// Further image for the pods of real nodes; may be given more than once
    #[arg(long = "image", value_enum, value_name = "IMAGE")]
    pub images: Vec<Image>,
    /// Size at which the log of a container is rotated
    #[arg(long, default_value = "10Mi")]
    pub log_max_size: String,
}

/// Which log.
#[derive(Clone, Debug, Args)]
pub struct LogsArgs {
    /// Name of the cluster
    #[arg(long, default_value = DEFAULT_NAME)]
    pub name: String,
    /// Component, such as kube-apiserver or kubelet-n1
    pub component: Option<String>,
}

/// A release of the bundle, with or without the `v`.
fn parse_release(text: &str) -> Result<String, String> {
    let known = |(trainer, _): &(&str, &str)| text.strip_prefix('v').unwrap_or(text) == *trainer;
    if RELEASES.iter().any(known) {
        return Ok(text.to_owned());
    }
    let names: Vec<String> = RELEASES
        .iter()
        .map(|(name, _)| format!("v{name}"))
        .collect();
    Err(format!("the test bed has {}", names.join(", ")))
}

/// Carries a command out; answers go to stdout, the course of long work to stderr.
pub fn run(command: &ClusterCommand) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    match command {
        ClusterCommand::Up(args) => up(args, &mut io::stderr()),
        ClusterCommand::Down(args) => down(&args.name, &mut io::stderr()),
        ClusterCommand::Status => status(&mut out),
        ClusterCommand::Env(args) => env(&args.name, &mut out),
        ClusterCommand::Logs(args) => logs(args, &mut out),
    }
}

/// Brings a bed up that stays. Ctrl-C before the end takes it down again.
pub fn up(args: &UpArgs, progress: &mut dyn Write) -> Result<(), Error> {
    let start = Instant::now();
    let mut keeper = Keeper::launch(&options(args), progress)?;
    let_go_on_interrupt(keeper.leash())?;
    keeper.wait_ready(progress)?;
    keeper.detach()?;
    let (name, seconds) = (&args.name, start.elapsed().as_secs_f64());
    let lines = [
        format!("cluster {name} is up after {seconds:.1} s"),
        format!("use it:       eval \"$(cargo xtask cluster env --name {name})\""),
        format!("take it down: cargo xtask cluster down --name {name}"),
    ];
    for line in &lines {
        say(progress, line);
    }
    Ok(())
}

fn options(args: &UpArgs) -> Options {
    Options {
        name: args.name.clone(),
        nodes: args.nodes,
        fake_nodes: args.fake_nodes,
        fake_logs: args.fake_logs,
        trainer: args.trainer.clone(),
        trainer_features: args.trainer_features.clone(),
        images: args.images.clone(),
        log_rotation: LogRotation {
            max_size: args.log_max_size.clone(),
            ..LogRotation::default()
        },
        ..Options::default()
    }
}

/// Takes a bed down, and clears away what dead ones left. No such bed is an error.
pub fn down(name: &str, progress: &mut dyn Write) -> Result<(), Error> {
    let start = Instant::now();
    let folder = BedFolder::new(name)?;
    let dead = folder.path().exists() && !folder.is_kept();
    if dead {
        sweep::clear_dead(&folder)?;
    }
    sweep::sweep();
    if dead {
        let text = format!("cluster {name} had died; what it left is cleared away");
        say(progress, &text);
        return Ok(());
    }
    ask(&folder, &Request::Down)?;
    wait_gone(&folder)?;
    let seconds = start.elapsed().as_secs_f64();
    say(
        progress,
        &format!("cluster {name} is down after {seconds:.1} s"),
    );
    Ok(())
}

fn wait_gone(folder: &BedFolder) -> Result<(), Error> {
    let start = Instant::now();
    while folder.path().exists() {
        if start.elapsed() > DOWN_LIMIT {
            return Err(Error::TimedOut {
                what: format!("taking the cluster {} down", folder.name()),
                seconds: DOWN_LIMIT.as_secs(),
                log: String::new(),
            });
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// One line a bed: name, address, nodes, Trainer.
pub fn status(out: &mut dyn Write) -> Result<(), Error> {
    sweep::sweep();
    let mut found = false;
    for folder in BedFolder::all() {
        found = true;
        let line = match Record::read(&folder) {
            Ok(record) => describe(&record),
            Err(_) => format!("{:20} starting", folder.name()),
        };
        answer(out, &line)?;
    }
    if !found {
        answer(
            out,
            "no cluster is up; start one with: cargo xtask cluster up",
        )?;
    }
    Ok(())
}

/// Lines for a shell: which kubeconfig, and where kubectl is.
pub fn env(name: &str, out: &mut dyn Write) -> Result<(), Error> {
    let bed = Testbed::attach(name)?;
    let kubeconfig = bed.kubeconfig(&crate::user::User::Admin)?;
    answer(out, &format!("export KUBECONFIG={}", kubeconfig.display()))?;
    let folder = bed.kubectl_path().parent().unwrap_or(bed.kubectl_path());
    answer(out, &format!("export PATH={}:$PATH", folder.display()))
}

/// The log of a component, or the components that have one.
pub fn logs(args: &LogsArgs, out: &mut dyn Write) -> Result<(), Error> {
    let bed = Testbed::attach(&args.name)?;
    if let Some(component) = &args.component {
        return answer(out, bed.component_log(component)?.trim_end());
    }
    let folder = bed.folder().join("log");
    let entries = fs::read_dir(&folder).map_err(Error::file("read", &folder))?;
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| Some(entry.path().file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    answer(out, &names.join("\n"))
}

fn describe(record: &Record) -> String {
    let options = &record.options;
    let trainer = options.trainer.as_deref().unwrap_or("none");
    format!(
        "{:20} {}  nodes: {}, fake nodes: {}, trainer: {trainer}",
        options.name, record.url, options.nodes, options.fake_nodes
    )
}

/// From now on Ctrl-C and the like only end the bed; this process then ends by the error that follows.
fn let_go_on_interrupt(leash: Leash) -> Result<(), Error> {
    let runtime = crate::keeper::signal_runtime()?;
    thread::spawn(move || {
        runtime.block_on(crate::keeper::wait_signal());
        leash.let_go();
    });
    Ok(())
}

fn say(progress: &mut dyn Write, line: &str) {
    // Nobody reads the progress of a closed terminal.
    let _ = writeln!(progress, "{line}");
}

fn answer(out: &mut dyn Write, line: &str) -> Result<(), Error> {
    writeln!(out, "{line}").map_err(Error::command("writing the answer"))
}
