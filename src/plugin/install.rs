//! Makes and removes the completion file: beside the plugin where that is allowed, else in a folder of the home that
//! the `PATH` has. What somebody else made is left alone, and nothing is taken away before something is in its place.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use thiserror::Error;

use super::{
    platform::{link, program_file},
    survey::{CompletionFile, Names, Surroundings, survey},
};

/// Whether a file that stands in the way, and is not ours, may be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overwrite {
    Allowed,
    Refused,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Installed {
    Already(PathBuf),
    Made(PathBuf),
}

/// Why there is no completion file now, or still one.
#[derive(Debug, Error)]
pub enum InstallFault {
    #[error("kubectl does not find {name} on the PATH")]
    NoPlugin { name: String },
    #[error("{} is not on the PATH, so kubectl would not find {name} there", folder.display())]
    NotOnPath { folder: PathBuf, name: String },
    #[error("{} is not a link to this plugin", path.display())]
    NotOurs { path: PathBuf },
    #[error("no folder of the PATH takes {name}: {}", tried.join("; "))]
    Nowhere { name: String, tried: Vec<String> },
    #[error("{} is made, and kubectl finds {} before it", made.display(), first.display())]
    Shadowed { made: PathBuf, first: PathBuf },
    #[error("{}cannot remove {}", before(removed), path.display())]
    NotRemoved {
        /// What was removed before it.
        removed: Vec<PathBuf>,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

fn before(removed: &[PathBuf]) -> String {
    let lines = removed
        .iter()
        .map(|path| format!("{} is removed; ", path.display()));
    lines.collect()
}

/// Makes the completion file, in `folder` where one is named.
pub fn install(
    names: &Names,
    surroundings: &Surroundings,
    folder: Option<&Path>,
    overwrite: Overwrite,
) -> Result<Installed, InstallFault> {
    let found = survey(names, surroundings);
    let plugin = found.plugin.ok_or_else(|| InstallFault::NoPlugin {
        name: names.plugin.clone(),
    })?;
    let folders = match folder {
        Some(folder) => vec![on_path(folder, names, surroundings)?],
        None => usual_folders(&plugin, &found.completion, surroundings),
    };
    if let CompletionFile::Works(path) | CompletionFile::Own(path) = &found.completion
        && overwrite == Overwrite::Refused
        && (folder.is_none() || path.parent().and_then(whole) == whole(&folders[0]))
    {
        return Ok(Installed::Already(path.clone()));
    }
    let made = make(names, &plugin, &folders, overwrite)?;
    match survey(names, surroundings).completion {
        CompletionFile::Own(first) | CompletionFile::OtherCopy { path: first, .. } => {
            Err(InstallFault::Shadowed { made, first })
        }
        CompletionFile::Works(_) | CompletionFile::Absent | CompletionFile::Broken(_) => {
            Ok(Installed::Made(made))
        }
    }
}

/// Removes every completion file of this plugin along the `PATH`, and says which there were.
pub fn uninstall(names: &Names, surroundings: &Surroundings) -> Result<Vec<PathBuf>, InstallFault> {
    let found = surroundings.files_called(&names.completion);
    // Nothing is removed where one of them is somebody else's.
    if let Some(foreign) = found.iter().find(|path| !is_ours(path, names)) {
        return Err(InstallFault::NotOurs {
            path: foreign.clone(),
        });
    }
    let mut removed = Vec::new();
    for path in found {
        match fs::remove_file(&path) {
            Ok(()) => removed.push(path),
            Err(source) => {
                return Err(InstallFault::NotRemoved {
                    removed,
                    path,
                    source,
                });
            }
        }
    }
    Ok(removed)
}

fn whole(path: &Path) -> Option<PathBuf> {
    fs::canonicalize(path).ok()
}

/// The folder as the `PATH` spells it.
fn on_path(
    folder: &Path,
    names: &Names,
    surroundings: &Surroundings,
) -> Result<PathBuf, InstallFault> {
    let wanted = whole(folder);
    let mut folders = surroundings.search_path.iter();
    let same = folders.find(|one| wanted.is_some() && whole(one) == wanted);
    same.cloned().ok_or_else(|| InstallFault::NotOnPath {
        folder: folder.to_owned(),
        name: names.completion.clone(),
    })
}

/// Where one was made before, beside the plugin, else where the home has programs, the usual places first.
fn usual_folders(
    plugin: &Path,
    completion: &CompletionFile,
    surroundings: &Surroundings,
) -> Vec<PathBuf> {
    let earlier = match completion {
        CompletionFile::OtherCopy { path, .. } | CompletionFile::Broken(path) => path.parent(),
        CompletionFile::Absent | CompletionFile::Works(_) | CompletionFile::Own(_) => None,
    };
    let mut folders: Vec<PathBuf> = earlier
        .into_iter()
        .chain(plugin.parent())
        .map(Path::to_owned)
        .collect();
    if let Some(home) = &surroundings.home {
        let usual = [home.join(".local/bin"), home.join("bin")];
        let on_path = |folder: &&PathBuf| surroundings.search_path.contains(folder);
        folders.extend(usual.iter().filter(on_path).cloned());
        let of_home = surroundings.search_path.iter();
        folders.extend(of_home.filter(|folder| folder.starts_with(home)).cloned());
    }
    let mut seen = BTreeSet::new();
    folders.retain(|folder| seen.insert(folder.clone()));
    folders
}

fn make(
    names: &Names,
    plugin: &Path,
    folders: &[PathBuf],
    overwrite: Overwrite,
) -> Result<PathBuf, InstallFault> {
    let mut tried = Vec::new();
    for folder in folders {
        let path = folder.join(program_file(&names.completion));
        let there = path.symlink_metadata().ok();
        if there.as_ref().is_some_and(fs::Metadata::is_dir) {
            tried.push(format!("{} is a folder", path.display()));
            continue;
        }
        let is_plugin =
            there.as_ref().is_some_and(fs::Metadata::is_file) && whole(&path) == whole(plugin);
        let may_go = overwrite == Overwrite::Allowed || is_ours(&path, names);
        if there.is_some() && (is_plugin || !may_go) {
            return Err(InstallFault::NotOurs { path });
        }
        match put(plugin, &path) {
            Ok(()) => return Ok(path),
            Err(problem) => tried.push(format!("{}: {problem}", folder.display())),
        }
    }
    Err(InstallFault::Nowhere {
        name: names.completion.clone(),
        tried,
    })
}

/// Makes the new one under another name first, so that there is one at every moment.
fn put(plugin: &Path, path: &Path) -> io::Result<()> {
    let staged = path.with_extension(format!("new-{}", std::process::id()));
    link(plugin, &staged)?;
    fs::rename(&staged, path).inspect_err(|_| {
        // What cannot be put in place is not left behind; the first problem is the one to tell.
        let _ = fs::remove_file(&staged);
    })
}

/// A link to the plugin, or to where one with its name was; where links are not used, a copy of the plugin beside it.
fn is_ours(path: &Path, names: &Names) -> bool {
    let plugin = program_file(&names.plugin);
    match fs::read_link(path) {
        Ok(target) => {
            let is_called_so = target
                .file_name()
                .is_some_and(|name| name == plugin.as_str());
            is_called_so || whole(path) == whole(&path.with_file_name(&plugin))
        }
        Err(_) => is_copy(path, &plugin),
    }
}

fn is_copy(path: &Path, plugin: &str) -> bool {
    let plugin = path.with_file_name(plugin);
    // The plugin itself may have this name, and be linked to.
    if whole(path) == whole(&plugin) {
        return false;
    }
    matches!((fs::read(path), fs::read(plugin)), (Ok(one), Ok(other)) if one == other)
}
