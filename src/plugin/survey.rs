//! Looks for the plugin and its completion file where kubectl looks: along the `PATH`, the first that can be started.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use super::platform::{is_program, program_file};

/// What kubectl calls a plugin's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// `kubectl-trainer`
    pub plugin: String,
    /// `kubectl_complete-trainer`
    pub completion: String,
}

const PLUGIN: &str = "kubectl-";
const COMPLETION: &str = "kubectl_complete-";
const USUAL: &str = "trainer";

impl Names {
    /// By what this process was started as.
    pub fn own() -> Self {
        Self::of_program(std::env::args_os().next().as_deref())
    }

    /// By what this program was started as. Under a name that kubectl would not find it is the usual plugin.
    pub fn of_program(program: Option<&OsStr>) -> Self {
        let stem = stem(program);
        let name = stem
            .strip_prefix(PLUGIN)
            .or_else(|| stem.strip_prefix(COMPLETION))
            .unwrap_or(USUAL);
        Self {
            plugin: format!("{PLUGIN}{name}"),
            completion: format!("{COMPLETION}{name}"),
        }
    }

    /// Whether kubectl started this program to complete a line.
    pub fn is_completion(program: Option<&OsStr>) -> bool {
        stem(program).starts_with(COMPLETION)
    }

    /// What stands behind `kubectl` to run the plugin: kubectl runs `kubectl-foo-bar_baz` for `foo bar-baz`.
    pub fn words(&self) -> Vec<String> {
        let name = self.plugin.strip_prefix(PLUGIN).unwrap_or_default();
        name.split('-').map(|word| word.replace('_', "-")).collect()
    }
}

/// The name of a program's file, without what the system adds to it.
fn stem(program: Option<&OsStr>) -> String {
    let file = program.and_then(|program| Path::new(program).file_name());
    let file = file.map(OsStr::to_string_lossy).unwrap_or_default();
    let file = file.strip_suffix(".exe").unwrap_or(&file);
    file.to_owned()
}

/// What of the environment counts.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The folders of the `PATH`.
    pub search_path: Vec<PathBuf>,
    pub home: Option<PathBuf>,
}

impl Surroundings {
    pub fn read() -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        Self {
            search_path: std::env::split_paths(&path)
                .filter(|folder| folder.is_absolute())
                .collect(),
            home: std::env::home_dir(),
        }
    }

    /// The program of that name that a shell would start.
    pub fn find_program(&self, name: &str) -> Option<PathBuf> {
        let file = program_file(name);
        let mut files = self.search_path.iter().map(|folder| folder.join(&file));
        files.find(|path| is_program(path))
    }

    /// Whatever is called so, along the `PATH`: also what cannot be started.
    pub(super) fn files_called(&self, name: &str) -> Vec<PathBuf> {
        let file = program_file(name);
        let mut seen = BTreeSet::new();
        let folders = self.search_path.iter();
        // Folders that are the same under another name, as /bin is /usr/bin, count once.
        let folders =
            folders.filter(|folder| whole(folder).is_some_and(|whole| seen.insert(whole)));
        let files = folders.map(|folder| folder.join(&file));
        files
            .filter(|path| path.symlink_metadata().is_ok_and(|found| !found.is_dir()))
            .collect()
    }
}

/// The file that kubectl would ask, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CompletionFile {
    Absent,
    /// It is this plugin under its second name.
    Works(PathBuf),
    /// Something of its own, such as a script that calls the plugin. Only asking it tells what it does.
    Own(PathBuf),
    /// A link to another copy of the plugin than the one that kubectl runs, which may be of another version.
    OtherCopy {
        path: PathBuf,
        target: PathBuf,
    },
    /// It is there and cannot be started: its plugin is gone, or it is not executable.
    Broken(PathBuf),
}

/// What kubectl finds of this plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    pub names: Names,
    pub kubectl: Option<PathBuf>,
    /// The plugin that kubectl runs.
    pub plugin: Option<PathBuf>,
    pub completion: CompletionFile,
}

/// Looks along the `PATH`.
pub fn survey(names: &Names, surroundings: &Surroundings) -> Survey {
    let plugin = surroundings.find_program(&names.plugin);
    Survey {
        names: names.clone(),
        kubectl: surroundings.find_program("kubectl"),
        completion: completion_file(names, surroundings, plugin.as_deref()),
        plugin,
    }
}

fn completion_file(
    names: &Names,
    surroundings: &Surroundings,
    plugin: Option<&Path>,
) -> CompletionFile {
    let Some(path) = surroundings.find_program(&names.completion) else {
        let mut broken = surroundings.files_called(&names.completion).into_iter();
        return broken
            .next()
            .map_or(CompletionFile::Absent, CompletionFile::Broken);
    };
    match (fs::canonicalize(&path).ok(), plugin.and_then(whole)) {
        (Some(target), Some(plugin)) if target == plugin => CompletionFile::Works(path),
        (Some(target), _) if is_called(&target, &names.plugin) => {
            CompletionFile::OtherCopy { path, target }
        }
        _ => CompletionFile::Own(path),
    }
}

/// Whether a link that led here led to a plugin of this name.
fn is_called(target: &Path, plugin: &str) -> bool {
    target
        .file_name()
        .is_some_and(|name| name == program_file(plugin).as_str())
}

fn whole(path: &Path) -> Option<PathBuf> {
    fs::canonicalize(path).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_what_the_program_was_started_as() {
        let names = |program: &str| Names::of_program(Some(OsStr::new(program)));
        assert_eq!(
            names("/x/kubectl-trainer").completion,
            "kubectl_complete-trainer"
        );
        assert_eq!(names("kubectl_complete-ml").plugin, "kubectl-ml");
        assert_eq!(names("./ktr").plugin, "kubectl-trainer");
        assert_eq!(names("kubectl-ml-train_job").words(), ["ml", "train-job"]);
        assert!(Names::is_completion(Some(OsStr::new(
            "/x/kubectl_complete-ml.exe"
        ))));
        assert!(!Names::is_completion(Some(OsStr::new("/x/kubectl-ml"))));
        assert!(!Names::is_completion(None));
    }
}
