//! `cargo xtask demo`: the plugin's main job on a real cluster, in some two minutes once built. Every command is
//! shown as a person would type it, and what it prints is its own.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use testbed::{Image, Options, Testbed, User};

use crate::film::{Recording, render_svg};
use crate::process::{
    StepError, cargo, command, run, say, spelled, status, target_folder, timed, words, workspace,
};
use crate::terminal::{Size, run_on_terminal};

const NAMESPACE: &str = "kubeflow-system";
const POD: &str = "app.kubernetes.io/name=trainer";
const DEPLOYMENT: &str = "deployment/kubeflow-trainer-controller-manager";
const RUNTIME: &str = "torch-distributed";
/// How a job says how long it is.
const EPOCHS: &str = "- name: EPOCHS\n        value: ";

/// The terminal on which the training is recorded.
const TERMINAL: Size = Size {
    columns: 100,
    rows: 20,
};
const TITLE: &str = "The lines of a training on two nodes, followed with bars under them";

/// How to run the demo.
#[derive(clap::Args)]
pub(crate) struct DemoArgs {
    /// Leave the cluster running, and say how to use it
    #[arg(long)]
    keep: bool,
    /// What the training is made with: python, or torch, which is PyTorch with torchrun and gloo (some minutes more)
    #[arg(long, value_enum, default_value_t = Image::Python, hide_possible_values = true)]
    image: Image,
    /// Epochs of the training, 3 s each on an idle machine; by default those of its file in xtask/demo
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    epochs: Option<u32>,
    /// Record the training on a terminal, as an animated SVG file
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
}

/// A cluster with the real kubectl and the plugin beside it.
struct Stage {
    bed: Testbed,
    path: OsString,
    kubeconfig: PathBuf,
}

/// Brings the cluster up and plays the three acts.
pub(crate) fn demo(args: &DemoArgs) -> Result<(), StepError> {
    let stage = set_up(args.image)?;
    let (played, duration) = timed(|| play(&stage, args));
    played?;
    say(format_args!(
        "\nThat took {} after the cluster was up.",
        spelled(duration)
    ));
    if args.keep {
        stage.leave_running()
    } else {
        Ok(())
    }
}

fn set_up(image: Image) -> Result<Stage, StepError> {
    testbed::requirements::provide(&mut io::stderr())?;
    crate::bundle::make_if_missing()?;
    say("building the plugin");
    run(cargo().args(["build", "--locked", "--package", "kubectl-trainer"]))?;
    let options = Options {
        nodes: 2,
        images: vec![image],
        ..Options::with_trainer()
    };
    let (bed, duration) = timed(|| Testbed::start(&options, &mut io::stderr()));
    let bed = bed?;
    say(format_args!(
        "cluster with Kubeflow Trainer up after {}",
        spelled(duration)
    ));
    let folders = [
        Some(target_folder().join("debug")),
        bed.kubectl_path().parent().map(PathBuf::from),
    ];
    let inherited = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(
        folders
            .into_iter()
            .flatten()
            .chain(std::env::split_paths(&inherited)),
    );
    let path = path.map_err(|error| StepError::io("PATH", io::Error::other(error)))?;
    let kubeconfig = bed.kubeconfig(&User::Admin)?;
    Ok(Stage {
        bed,
        path,
        kubeconfig,
    })
}

fn play(stage: &Stage, args: &DemoArgs) -> Result<(), StepError> {
    heading("A healthy Kubeflow Trainer");
    stage.verify(Expected::Healthy, &[])?;
    heading("The controller, and its webhooks with it, is stopped; a runtime is deleted");
    break_trainer(stage)?;
    stage.verify(Expected::Broken, &[])?;
    heading("Mended");
    mend_trainer(stage)?;
    stage.verify(Expected::Healthy, &["--wait", "60s"])?;
    heading("A training on two nodes, followed to its end");
    let job = job_of(args.image, args.epochs)?.display().to_string();
    let (apply, follow) = (
        ["apply", "-f", &job],
        ["trainer", "logs", "-f", "two-nodes"],
    );
    let Some(file) = &args.record else {
        stage.kubectl(&apply)?;
        return stage.kubectl(&follow);
    };
    let look = ["trainer", "progress", "two-nodes"];
    stage.record(&[&apply, &follow, &look], file)
}

fn break_trainer(stage: &Stage) -> Result<(), StepError> {
    stage.kubectl(&["-n", NAMESPACE, "scale", DEPLOYMENT, "--replicas=0"])?;
    stage.kubectl(&["delete", "clustertrainingruntime", RUNTIME])?;
    let gone = ["wait", "pod", "--for=delete", "-l", POD, "--timeout=60s"];
    stage.kubectl(&[&["-n", NAMESPACE], gone.as_slice()].concat())
}

fn mend_trainer(stage: &Stage) -> Result<(), StepError> {
    stage.kubectl(&["-n", NAMESPACE, "scale", DEPLOYMENT, "--replicas=1"])?;
    stage.bed.apply_runtimes()?;
    say(format_args!(
        "(the released runtime {RUNTIME} is applied again)"
    ));
    Ok(())
}

/// The file of the job; with a number of epochs, of a copy that trains for so many.
fn job_of(image: Image, epochs: Option<u32>) -> Result<PathBuf, StepError> {
    let job = match image {
        Image::Python => "xtask/demo/two-nodes.yaml",
        Image::Torch => "xtask/demo/two-nodes-torch.yaml",
    };
    let Some(epochs) = epochs else {
        return Ok(PathBuf::from(job));
    };
    let read = fs::read_to_string(workspace().join(job));
    let text = read.map_err(|error| StepError::io(job, error))?;
    let longer = with_epochs(&text, epochs)
        .ok_or_else(|| StepError::Steps(format!("{job} does not say: {EPOCHS}")))?;
    let path = target_folder().join("two-nodes.yaml");
    fs::write(&path, longer).map_err(|error| StepError::io(path.display(), error))?;
    let shown = path.strip_prefix(workspace()).map(Path::to_owned);
    Ok(shown.unwrap_or(path))
}

/// None of a job that does not say how long it is.
fn with_epochs(job: &str, epochs: u32) -> Option<String> {
    let (before, after) = job.split_once(EPOCHS)?;
    let (_, rest) = after.split_once('\n')?;
    Some(format!("{before}{EPOCHS}\"{epochs}\"\n{rest}"))
}

/// What the story says that `verify` must find.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expected {
    Healthy,
    Broken,
}

impl Stage {
    /// Runs `kubectl` as a person would; anything but success ends the demo.
    fn kubectl(&self, arguments: &[&str]) -> Result<(), StepError> {
        let mut kubectl = self.command(arguments);
        say(format_args!("$ {}", words(&kubectl)));
        run(&mut kubectl)
    }

    /// Runs commands of `kubectl` one after the other on a terminal, and keeps in a file what was seen there.
    fn record(&self, commands: &[&[&str]], path: &Path) -> Result<(), StepError> {
        let mut recording = Recording::new(TERMINAL);
        for arguments in commands {
            let mut kubectl = self.command(arguments);
            kubectl.env("TERM", "xterm-256color").env("LANG", "C.UTF-8");
            kubectl.env_remove("NO_COLOR").env_remove("LC_ALL");
            let command = words(&kubectl);
            say(format_args!("$ {command} (is recorded)"));
            recording.take(format!("$ {command}\r\n").as_bytes());
            let ended = run_on_terminal(kubectl, TERMINAL, |bytes| recording.take(bytes));
            let status = ended.map_err(|error| StepError::io(&command, error))?;
            if !status.success() {
                return Err(StepError::Failed { command, status });
            }
        }
        let film = recording.film().ok_or_else(|| {
            let text = format!("{} is not written: nothing was seen", path.display());
            StepError::Steps(text)
        })?;
        let svg = render_svg(&film, TITLE);
        fs::write(path, svg).map_err(|error| StepError::io(path.display(), error))
    }

    /// Runs `kubectl trainer verify` and holds its exit code against the story.
    fn verify(&self, expected: Expected, more: &[&str]) -> Result<(), StepError> {
        let mut kubectl = self.command(&[&["trainer", "verify"], more].concat());
        say(format_args!("$ {}", words(&kubectl)));
        let ended = status(&mut kubectl)?;
        say(format_args!("(exit code {})", ended.code().unwrap_or(-1)));
        let told = match ended.code() {
            Some(0) => Some(Expected::Healthy),
            Some(1) => Some(Expected::Broken),
            _ => None,
        };
        if told == Some(expected) {
            Ok(())
        } else {
            Err(StepError::Failed {
                command: words(&kubectl),
                status: ended,
            })
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut kubectl = command(self.bed.kubectl_path());
        kubectl
            .args(arguments)
            .env("KUBECONFIG", &self.kubeconfig)
            .env("PATH", &self.path);
        kubectl
    }

    fn leave_running(self) -> Result<(), StepError> {
        let name = self.bed.name().to_owned();
        self.bed.detach()?;
        say(format_args!(
            "The cluster stays. To use it: eval \"$(cargo xtask cluster env --name {name})\""
        ));
        say(format_args!(
            "To end it:             cargo xtask cluster down --name {name}"
        ));
        Ok(())
    }
}

fn heading(text: &str) {
    say(format_args!("\n── {text} ──"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_the_training_can_be_chosen() {
        for job in [
            include_str!("../demo/two-nodes.yaml"),
            include_str!("../demo/two-nodes-torch.yaml"),
        ] {
            let longer = with_epochs(job, 1234).unwrap();
            let changed: Vec<(&str, &str)> = job
                .lines()
                .zip(longer.lines())
                .filter(|(before, after)| before != after)
                .collect();
            let [(before, after)] = changed.as_slice() else {
                panic!("{changed:?}");
            };
            assert!(before.starts_with("        value: "));
            assert_eq!(*after, "        value: \"1234\"");
            assert_eq!(job.lines().count(), longer.lines().count());
        }
    }

    #[test]
    fn a_job_that_does_not_say_how_long_it_is_is_not_taken_as_it_is() {
        assert_eq!(with_epochs("- name: STEPS\n        value: 3\n", 1234), None);
    }
}
