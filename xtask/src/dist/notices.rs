//! THIRD-PARTY-NOTICES: what is linked into the program or put inside it, and the licences of all of that. Each text
//! stands once, below the names of what it is for.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::Deserialize;
use spdx::{Expression, ParseMode};

use super::error::DistError;
use crate::process::{StepError, cargo, output};

/// The starts of names of files with licences, in small letters.
const LICENCE_FILES: [&str; 6] = [
    "license",
    "licence",
    "copying",
    "copyright",
    "notice",
    "unlicense",
];
/// Licences lie in sources that were taken over, too, but not deeper than this.
const DEEPEST_FOLDER: usize = 5;
/// What is inside besides crates: from where it is, and the licence.
const BESIDES: [(&str, &str, &str); 4] = [
    (
        "Rust's standard library",
        "https://github.com/rust-lang/rust",
        "MIT OR Apache-2.0",
    ),
    (
        "manifests of Kubeflow Trainer",
        "https://github.com/kubeflow/trainer",
        "Apache-2.0",
    ),
    (
        "manifests of JobSet",
        "https://github.com/kubernetes-sigs/jobset",
        "Apache-2.0",
    ),
    (
        "LLVM's libunwind, in programs linked by zig",
        "https://github.com/llvm/llvm-project",
        "Apache-2.0 WITH LLVM-exception",
    ),
];

/// What somebody else made, and is in the program.
#[derive(Clone, Debug)]
struct Work {
    /// `kube 5.0.0`.
    name: String,
    licence: String,
    home: String,
    authors: Vec<String>,
    texts: Vec<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

/// A crate as `cargo metadata` tells of it.
#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    /// None for what is in this workspace.
    source: Option<String>,
    license: Option<String>,
    license_file: Option<PathBuf>,
    #[serde(default)]
    authors: Vec<String>,
    repository: Option<String>,
    manifest_path: PathBuf,
}

/// The text of the file, for the program as it is built for `target`.
pub(super) fn notices(target: &str) -> Result<String, StepError> {
    let linked = linked_crates(target)?;
    let mut works = Vec::new();
    for package in all_packages(target)? {
        let name = format!("{} {}", package.name, package.version);
        if package.source.is_some() && linked.contains(&name) {
            works.push(read_work(name, &package)?);
        }
    }
    works.sort_by(|one, other| one.name.cmp(&other.name));
    for (name, home, licence) in BESIDES {
        works.push(work_besides(name, home, licence)?);
    }
    Ok(render(&works))
}

/// `NAME VERSION` of every crate that is linked, which those that only make code are not.
fn linked_crates(target: &str) -> Result<BTreeSet<String>, StepError> {
    let mut tree = cargo();
    tree.args(["tree", "--locked", "--package", "kubectl-trainer"])
        .args(["--edges", "normal,no-proc-macro", "--target", target])
        .args(["--prefix", "none", "--format", "{p}"]);
    let text = answer(&mut tree)?;
    let names = text.lines().filter_map(|line| {
        let (name, rest) = line.split_once(" v")?;
        let version = rest.split(' ').next()?;
        Some(format!("{name} {version}"))
    });
    Ok(names.collect())
}

fn all_packages(target: &str) -> Result<Vec<Package>, StepError> {
    let mut metadata = cargo();
    metadata
        .args(["metadata", "--locked", "--format-version", "1"])
        .args(["--filter-platform", target]);
    let text = answer(&mut metadata)?;
    let metadata: Metadata =
        serde_json::from_str(&text).map_err(|error| DistError::Crates(error.to_string()))?;
    Ok(metadata.packages)
}

fn answer(command: &mut std::process::Command) -> Result<String, StepError> {
    let ended = output(command)?;
    if ended.status.success() {
        return Ok(String::from_utf8_lossy(&ended.stdout).into_owned());
    }
    let reason = String::from_utf8_lossy(&ended.stderr).trim().to_owned();
    Err(DistError::Crates(reason).into())
}

fn read_work(name: String, package: &Package) -> Result<Work, StepError> {
    let folder = package.manifest_path.parent().unwrap_or(Path::new("."));
    let unread = |error| StepError::io(folder.display(), error);
    let mut files = BTreeSet::new();
    find_licences(folder, DEEPEST_FOLDER, &mut files).map_err(unread)?;
    files.extend(package.license_file.iter().map(|file| folder.join(file)));
    let mut texts = Vec::new();
    for file in &files {
        let bytes = fs::read(file).map_err(|error| StepError::io(file.display(), error))?;
        texts.push(String::from_utf8_lossy(&bytes).replace("\r\n", "\n"));
    }
    let licence = package.license.clone().unwrap_or_default();
    if texts.is_empty() {
        texts = known_texts(&licence).ok_or_else(|| DistError::NoLicence(name.clone()))?;
    }
    Ok(Work {
        name,
        licence,
        home: package.repository.clone().unwrap_or_default(),
        authors: package.authors.clone(),
        texts,
    })
}

fn work_besides(name: &str, home: &str, licence: &str) -> Result<Work, DistError> {
    Ok(Work {
        name: name.to_owned(),
        licence: licence.to_owned(),
        home: home.to_owned(),
        authors: Vec::new(),
        texts: known_texts(licence).ok_or_else(|| DistError::NoLicence(name.to_owned()))?,
    })
}

fn find_licences(folder: &Path, depth: usize, found: &mut BTreeSet<PathBuf>) -> io::Result<()> {
    let folder_of_licences = file_name(folder).starts_with("licenses");
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && depth > 0 {
            find_licences(&path, depth - 1, found)?;
        } else if path.is_file() && (folder_of_licences || is_licence(&path)) {
            found.insert(path);
        }
    }
    Ok(())
}

fn is_licence(path: &Path) -> bool {
    let name = file_name(path);
    let source = path.extension().is_some_and(|ending| ending == "rs");
    !source && LICENCE_FILES.iter().any(|start| name.starts_with(start))
}

/// In small letters.
fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().to_lowercase()
}

/// What SPDX has of every licence in an expression; none where it does not have all.
fn known_texts(expression: &str) -> Option<Vec<String>> {
    let expression = Expression::parse_mode(expression, ParseMode::LAX).ok()?;
    let mut texts = Vec::new();
    for required in expression.requirements() {
        texts.push(required.req.license.id()?.text().to_owned());
        if let Some(addition) = &required.req.addition {
            texts.push(addition.id()?.text().to_owned());
        }
    }
    (!texts.is_empty()).then_some(texts)
}

fn render(works: &[Work]) -> String {
    let mut text = String::from("This program contains the following works of others:\n\n");
    for work in works {
        // Writing to a String cannot fail.
        let _ = write!(text, "- {}, {}", work.name, work.licence);
        if !work.home.is_empty() {
            let _ = write!(text, ", {}", work.home);
        }
        if !work.authors.is_empty() {
            let _ = write!(text, ", by {}", work.authors.join(", "));
        }
        text.push('\n');
    }
    for (licence, names) in group(works) {
        let line = "=".repeat(80);
        let _ = write!(text, "\n{line}\nFor {}:\n\n{licence}\n", names.join(", "));
    }
    text
}

/// Each text once, with what it is for, in the order of the first of these. Breaks of lines make no other text.
fn group(works: &[Work]) -> Vec<(&str, Vec<&str>)> {
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for work in works {
        for text in &work.texts {
            let plain = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let place = *known.entry(plain).or_insert(groups.len());
            match groups.get_mut(place) {
                Some((_, names)) if names.last() == Some(&work.name.as_str()) => {}
                Some((_, names)) => names.push(&work.name),
                None => groups.push((text.trim_end(), vec![&work.name])),
            }
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(name: &str, texts: &[&str]) -> Work {
        Work {
            name: name.to_owned(),
            licence: "MIT".to_owned(),
            home: format!("https://host/{name}"),
            authors: vec![format!("the author of {name}")],
            texts: texts.iter().map(|text| (*text).to_owned()).collect(),
        }
    }

    #[test]
    fn a_text_stands_once_for_all_whose_it_is() {
        let works = [
            work("a 1.0.0", &["one\nlicence\n"]),
            work("b 2.0.0", &["another", "one  licence"]),
        ];
        let line = "=".repeat(80);
        let expected = format!(
            "This program contains the following works of others:\n\n\
             - a 1.0.0, MIT, https://host/a 1.0.0, by the author of a 1.0.0\n\
             - b 2.0.0, MIT, https://host/b 2.0.0, by the author of b 2.0.0\n\n\
             {line}\nFor a 1.0.0, b 2.0.0:\n\none\nlicence\n\n\
             {line}\nFor b 2.0.0:\n\nanother\n"
        );
        assert_eq!(render(&works), expected);
    }

    #[test]
    fn a_licence_that_spdx_does_not_know_has_no_text() {
        assert_eq!(
            known_texts("MIT/Apache-2.0").map(|texts| texts.len()),
            Some(2)
        );
        let with_exception = known_texts("Apache-2.0 WITH LLVM-exception").unwrap();
        assert!(with_exception[1].contains("LLVM"), "{with_exception:?}");
        assert_eq!(known_texts("LicenseRef-own"), None);
        assert_eq!(known_texts(""), None);
    }

    #[test]
    fn every_crate_of_the_program_is_named_with_a_text() {
        let target = super::super::platform::host().unwrap().target;
        let text = notices(target).unwrap();
        for crate_name in linked_crates(target).unwrap() {
            let own = crate_name.starts_with("kubectl-trainer ");
            let named = text.contains(&format!("\n- {crate_name}, "));
            assert_ne!(own, named, "{crate_name}");
        }
        // What is taken over inside a crate has a licence of its own.
        assert!(
            text.contains("the fiat-crypto authors"),
            "the notice of ring's third_party/fiat"
        );
        assert!(
            !text.contains("clap_derive "),
            "makes code and is not linked"
        );
    }
}
