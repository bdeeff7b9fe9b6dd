//! What of a saved run is asked for, and whether there is any of it.

use std::collections::BTreeSet;

use super::Saved;
use crate::{logs::record::LogSource, train_job::Selection};

impl Saved {
    /// The steps whose logs are there.
    pub fn steps(&self) -> Vec<String> {
        let files = self.run.files.iter();
        files.map(|file| file.step.clone()).collect()
    }

    /// The first step or node that is asked for and that nothing was saved of.
    pub fn unknown_step(&self, selection: &Selection) -> Option<String> {
        let is_there = |name: &String| {
            let mut files = self.run.files.iter();
            let mut sources = self.run.sources.iter();
            files.any(|file| is_step_called(&file.step, name))
                || sources.any(|source| source.pod == *name)
        };
        let numbers = selection.nodes.iter();
        let numbers = numbers.map(|number| format!("node-{number}"));
        let names = selection.steps.iter().cloned().chain(numbers);
        names.into_iter().find(|name| !is_there(name))
    }

    /// The containers that there are, where none of them is asked for.
    pub fn other_containers(&self, selection: &Selection) -> Option<Vec<String>> {
        let sources = self.run.sources.iter();
        let names: BTreeSet<_> = sources.map(|source| source.container.clone()).collect();
        let is_wanted = |name: &String| selection.wants_container_called(name);
        (!names.is_empty() && !names.iter().any(is_wanted)).then(|| names.into_iter().collect())
    }
}

/// Names of Kubernetes objects, so that nothing else stands before lines.
pub(super) fn has_sound_names(source: &LogSource) -> bool {
    let known = |character: char| matches!(character, 'a'..='z' | '0'..='9' | '-' | '.');
    let is_sound = |name: &str| !name.is_empty() && name.chars().all(known);
    source.step.split('/').all(is_sound) && is_sound(&source.pod) && is_sound(&source.container)
}

pub(super) fn is_wanted(selection: &Selection, source: &LogSource) -> bool {
    // A sidecar's label is `node-0/istio-proxy`.
    let step = source.step.split('/').next().unwrap_or_default();
    let number = step
        .strip_prefix("node-")
        .and_then(|number| number.parse().ok());
    let is_called = |name: &String| is_step_called(&source.step, name) || source.pod == *name;
    let Selection { steps, nodes, .. } = selection;
    let is_numbered = number.is_some_and(|number: u32| nodes.contains(&number));
    let names_none = steps.is_empty() && nodes.is_empty();
    (names_none || is_numbered || steps.iter().any(is_called))
        && selection.wants_container_called(&source.container)
}

/// A step is called by its name, by that of its group, and a sidecar also by that of its step.
fn is_step_called(label: &str, name: &str) -> bool {
    let step = label.split('/').next().unwrap_or_default();
    let group = step.rsplit_once('-').map_or(step, |(group, _)| group);
    [label, step, group].contains(&name)
}
