//! Makes and removes the completion file: beside the plugin where that is allowed, else in a folder of the home that
//! the `PATH` has. What somebody else made there is left alone.

use std::{
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

/// What was removed; nothing where nothing was there.
pub type Removed = Vec<PathBuf>;

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
    #[error("cannot remove {}", path.display())]
    NotRemoved {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
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
    let wanted_there = |path: &Path| folder.is_none_or(|folder| path.parent() == Some(folder));
    match found.completion {
        CompletionFile::Works(path) | CompletionFile::Own(path)
            if wanted_there(&path) && overwrite == Overwrite::Refused =>
        {
            return Ok(Installed::Already(path));
        }
        // It would be found before a new one, or be the new one's place.
        CompletionFile::OtherCopy { path, .. } | CompletionFile::Broken(path) => {
            clear(&path, names, overwrite)?;
        }
        CompletionFile::Works(path) | CompletionFile::Own(path) if wanted_there(&path) => {
            clear(&path, names, overwrite)?;
        }
        CompletionFile::Works(_) | CompletionFile::Own(_) | CompletionFile::Absent => {}
    }
    let folders = match folder {
        Some(folder) if !surroundings.search_path.iter().any(|one| one == folder) => {
            return Err(InstallFault::NotOnPath {
                folder: folder.to_owned(),
                name: names.completion.clone(),
            });
        }
        Some(folder) => vec![folder.to_owned()],
        None => usual_folders(&plugin, surroundings),
    };
    make(names, &plugin, &folders)
}

/// Removes every completion file of this plugin along the `PATH`.
pub fn uninstall(names: &Names, surroundings: &Surroundings) -> Result<Removed, InstallFault> {
    let found = surroundings.files_called(&names.completion);
    // Nothing is removed where not all may be.
    if let Some(foreign) = found.iter().find(|path| !is_ours(path, names)) {
        return Err(InstallFault::NotOurs {
            path: foreign.clone(),
        });
    }
    for path in &found {
        remove(path)?;
    }
    Ok(found)
}

/// Beside the plugin, else where the home has programs, the usual places first.
fn usual_folders(plugin: &Path, surroundings: &Surroundings) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = plugin.parent().map(Path::to_owned).into_iter().collect();
    if let Some(home) = &surroundings.home {
        let usual = [home.join(".local/bin"), home.join("bin")];
        let on_path = |folder: &&PathBuf| surroundings.search_path.contains(folder);
        folders.extend(usual.iter().filter(on_path).cloned());
        let of_home = surroundings.search_path.iter();
        folders.extend(of_home.filter(|folder| folder.starts_with(home)).cloned());
    }
    let mut seen = Vec::new();
    folders.retain(|folder| {
        let is_new = !seen.contains(folder);
        seen.push(folder.clone());
        is_new
    });
    folders
}

fn make(names: &Names, plugin: &Path, folders: &[PathBuf]) -> Result<Installed, InstallFault> {
    let mut tried = Vec::new();
    for folder in folders {
        let path = folder.join(program_file(&names.completion));
        match link(plugin, &path) {
            Ok(()) => return Ok(Installed::Made(path)),
            Err(problem) => tried.push(format!("{}: {problem}", folder.display())),
        }
    }
    Err(InstallFault::Nowhere {
        name: names.completion.clone(),
        tried,
    })
}

fn clear(path: &Path, names: &Names, overwrite: Overwrite) -> Result<(), InstallFault> {
    if overwrite == Overwrite::Refused && !is_ours(path, names) {
        return Err(InstallFault::NotOurs {
            path: path.to_owned(),
        });
    }
    remove(path)
}

fn remove(path: &Path) -> Result<(), InstallFault> {
    fs::remove_file(path).map_err(|source| InstallFault::NotRemoved {
        path: path.to_owned(),
        source,
    })
}

/// A link to a file with the plugin's name; where links are not used, a copy of the plugin beside it.
fn is_ours(path: &Path, names: &Names) -> bool {
    let plugin = program_file(&names.plugin);
    match fs::read_link(path) {
        Ok(target) => target
            .file_name()
            .is_some_and(|name| name == plugin.as_str()),
        Err(_) => is_copy(path, &plugin),
    }
}

fn is_copy(path: &Path, plugin: &str) -> bool {
    let (one, other) = (fs::read(path), fs::read(path.with_file_name(plugin)));
    matches!((one, other), (Ok(one), Ok(other)) if one == other)
}
