//! What a run did, or would do, with each object: a table for people, the differences field by field, and YAML to
//! apply.

use serde_json::Value;

use super::{
    Look,
    document::{render_unfolded_yaml, shown_object},
    table::{CellText, Column, Give, render_table},
};
use crate::{
    apply::{Denial, Fate, FieldChange, Plan, Step, Verdict},
    cluster::{FIELD_MANAGER, Manifest, ObjectKind},
    style::Role,
};

/// Whether steps that are not taken were meant to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    Write,
    LookOnly,
}

/// What became of a step, in the word that tables and documents have for it.
pub(super) fn result(step: &Step, intent: Intent) -> &'static str {
    match (&step.verdict, step.fate, intent) {
        (Verdict::Keep, ..) => "unchanged",
        (Verdict::KeepForeign, ..) => "kept",
        (Verdict::Create, Fate::Done, _) => "created",
        (Verdict::Create | Verdict::Change(_), Fate::Begun, _) => "interrupted",
        (Verdict::Create, Fate::Planned, Intent::LookOnly) => "to create",
        (Verdict::Change(_), Fate::Done, _) => "changed",
        (Verdict::Change(_), Fate::Planned, Intent::LookOnly) => "to change",
        (Verdict::Create | Verdict::Change(_), Fate::Planned, Intent::Write) => "not done",
        (Verdict::Conflict(_), ..) => "conflict",
        (Verdict::Refused(_), ..) => "refused",
        (Verdict::Forbidden(_), ..) => "forbidden",
        (Verdict::Waits(_), ..) => "waits",
    }
}

const fn role(verdict: &Verdict) -> Role {
    match verdict {
        Verdict::Keep | Verdict::KeepForeign => Role::Muted,
        Verdict::Create | Verdict::Change(_) => Role::Good,
        Verdict::Conflict(_) | Verdict::Refused(_) => Role::Bad,
        Verdict::Forbidden(_) | Verdict::Waits(_) => Role::Warning,
    }
}

/// One line for each object.
pub fn render_plan(plan: &Plan, intent: Intent, look: &Look) -> String {
    let steps = plan.steps.iter();
    let rows = steps.map(|step| {
        let result = CellText {
            text: result(step, intent).to_owned(),
            role: Some(role(&step.verdict)),
        };
        [&[result][..], &place_cells(&step.manifest)].concat()
    });
    let headings = ["RESULT", "KIND", "NAMESPACE", "NAME"];
    render_table(&headings.map(column), rows.collect(), look)
}

/// One line for each object that nobody asked the cluster about.
pub fn render_manifests(manifests: &[&Manifest], look: &Look) -> String {
    let rows = manifests
        .iter()
        .map(|manifest| place_cells(manifest).to_vec());
    let headings = ["KIND", "NAMESPACE", "NAME"];
    render_table(&headings.map(column), rows.collect(), look)
}

fn place_cells(manifest: &Manifest) -> [CellText; 3] {
    let place = &manifest.place;
    [
        place.kind.name().into(),
        place.namespace.as_deref().unwrap_or_default().into(),
        place.name.as_str().into(),
    ]
}

const fn column(heading: &'static str) -> Column {
    Column {
        heading,
        give: Give::Never,
    }
}

/// Why a step cannot be taken; `None` for one that can.
pub fn reason(step: &Step) -> Option<String> {
    let words = step.manifest.place.words();
    Some(match &step.verdict {
        Verdict::Conflict(conflicts) => {
            let conflicts: Vec<_> = conflicts.iter().map(ToString::to_string).collect();
            format!("{words}: {}", conflicts.join(", "))
        }
        Verdict::Refused(message) => format!("{words}: {message}"),
        Verdict::Forbidden(Denial::Rule(rule)) => {
            format!("{words}: {rule}{}", consequence(step.manifest.place.kind))
        }
        Verdict::Forbidden(Denial::NotHeld(rules)) => format!(
            "{words}: nobody may grant rights that they do not hold, and you lack {}",
            rules.join(" ")
        ),
        Verdict::Waits(place) => format!("{words} needs {}", place.words()),
        Verdict::Keep | Verdict::KeepForeign | Verdict::Create | Verdict::Change(_) => return None,
    })
}

/// What stays open without an object.
const fn consequence(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::AdmissionPolicy => {
            "; until an administrator has made it, who may create TrainJobs here may run them as any account of the namespace"
        }
        _ => "",
    }
}

/// Every field that would change; an object that would be made, whole.
pub fn render_diff(plan: &Plan, look: &Look) -> String {
    let mut text = String::new();
    for step in &plan.steps {
        let lines = match &step.verdict {
            Verdict::Create => created(&step.manifest.body, look),
            Verdict::Change(changes) => {
                let changes = changes.iter();
                changes.map(|change| changed(change, look)).collect()
            }
            _ => continue,
        };
        let heading = look.style.paint(Role::Strong, &step.manifest.place.words());
        text.push_str(&format!("{heading}\n{lines}\n"));
    }
    text
}

fn created(body: &Value, look: &Look) -> String {
    let yaml = render_unfolded_yaml(body);
    let lines = yaml.lines();
    lines.map(|line| marked('+', line, look)).collect()
}

fn changed(change: &FieldChange, look: &Look) -> String {
    let side = |mark, value: &Option<Value>| {
        let line = value
            .as_ref()
            .map(|value| marked(mark, &value.to_string(), look));
        line.unwrap_or_default()
    };
    format!(
        "{}\n{}{}",
        change.path,
        side('-', &change.from),
        side('+', &change.to)
    )
}

fn marked(mark: char, line: &str, look: &Look) -> String {
    let role = if mark == '+' { Role::Good } else { Role::Bad };
    format!("{}\n", look.style.paint(role, &format!("{mark} {line}")))
}

/// The objects as YAML documents, as they stand in files that are applied.
pub fn render_export<'a>(manifests: impl Iterator<Item = &'a Manifest>) -> String {
    let documents = manifests.map(|manifest| render_unfolded_yaml(&manifest.body));
    documents.collect::<Vec<_>>().join("---\n")
}

/// The command with which somebody who may applies what is left, to be pasted as it is.
pub fn render_left(plan: &Plan, kubectl: &str) -> String {
    let yaml = render_export(plan.for_administrator().map(|step| &step.manifest));
    format!(
        "{kubectl} apply --server-side --field-manager={FIELD_MANAGER} -f - <<'EOF'\n{yaml}EOF\n"
    )
}

/// A step for programs.
pub(super) fn shown_step(step: &Step, intent: Intent) -> Value {
    let changes = match &step.verdict {
        Verdict::Change(changes) => changes.as_slice(),
        _ => &[],
    };
    let changes: Vec<_> = changes
        .iter()
        .map(|change| {
            serde_json::json!({ "path": change.path, "from": change.from, "to": change.to })
        })
        .collect();
    serde_json::json!({
        "result": result(step, intent).replace(' ', "-"),
        "kind": step.manifest.place.kind.name(),
        "namespace": step.manifest.place.namespace,
        "name": step.manifest.place.name,
        "reason": reason(step),
        "changes": changes,
        "object": shown_object(step.manifest.body.clone()),
    })
}
