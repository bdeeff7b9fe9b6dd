//! The answer of `access why`: yes or no, then by what, or what is missing.

use serde_json::{Value, json};

use super::Look;
use crate::{
    access::{
        persona::Persona,
        rbac::{Actor, Bound, Deed, Explanation, Miss},
    },
    cluster::{AccessAnswer, AccountName},
    prose,
    style::Role,
};

const SCHEMA_VERSION: u32 = 1;

/// All that was found.
#[derive(Clone, Debug)]
pub struct Reasoned {
    pub deed: Deed,
    pub actor: Actor,
    pub about: About,
    pub answer: AccessAnswer,
    pub explanation: Explanation,
    /// What would grant it, where it is not allowed; the least first.
    pub granting: Vec<Granting>,
    pub unread: Vec<String>,
}

/// Whom a question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// Who is then `you`.
    Caller,
    Other,
}

/// A way to grant it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granting {
    /// `None` where no persona has it.
    pub persona: Option<Persona>,
    pub commands: Vec<String>,
}

/// For people.
pub fn render_why(reasoned: &Reasoned, look: &Look) -> String {
    let explanation = &reasoned.explanation;
    match &reasoned.answer {
        AccessAnswer::Allowed(reason) => {
            let mut text = headline(look, Role::Good, "yes", reasoned, "may");
            let granting = &explanation.granting;
            text.push_str(&section(
                look,
                "Granted by",
                granting.iter().map(bound_words),
            ));
            if granting.is_empty() && !reason.is_empty() {
                let said = [format!("the server says: {reason}")];
                text.push_str(&section(look, "Granted by", said.into_iter()));
            }
            text.push_str(&render_unread(reasoned, look));
            text
        }
        AccessAnswer::Denied(reason) => {
            let mut text = headline(look, Role::Bad, "no", reasoned, "may not");
            if !reason.is_empty() {
                let said = [format!("the server says: {reason}")];
                text.push_str(&section(look, "Refused", said.into_iter()));
            }
            let near = explanation.near.iter().map(|near| near.detail.clone());
            text.push_str(&section(look, "Almost", near));
            text.push_str(&section(
                look,
                "Bound here",
                explanation.bound.iter().map(bound_words),
            ));
            text.push_str(&render_granting(reasoned, look));
            text.push_str(&render_unread(reasoned, look));
            text
        }
    }
}

fn headline(look: &Look, role: Role, word: &str, reasoned: &Reasoned, may: &str) -> String {
    let who = who(reasoned);
    format!(
        "{}: {who} {may} {}\n",
        look.style.paint(role, word),
        deed_words(&reasoned.deed)
    )
}

fn who(reasoned: &Reasoned) -> String {
    let user = &reasoned.actor.user;
    match AccountName::of_user(user) {
        _ if reasoned.about == About::Caller => format!("you ({user})"),
        Some(account) => format!("service account {}/{}", account.namespace, account.name),
        None => format!("user {user}"),
    }
}

fn deed_words(deed: &Deed) -> String {
    let name = deed.name.as_ref();
    let name = name.map_or(String::new(), |name| format!(" {name}"));
    let place = match &deed.namespace {
        Some(namespace) => format!("in namespace {namespace}"),
        None => "at the cluster scope, for all namespaces".to_owned(),
    };
    let group = match deed.group.as_str() {
        "" => String::new(),
        group => format!(" of {group}"),
    };
    format!("{} {}{name}{group} {place}", deed.verb, deed.resource)
}

fn bound_words(bound: &Bound) -> String {
    format!(
        "{} of {} to {}",
        bound.binding_words(),
        bound.role_words(),
        bound.subject
    )
}

fn section(look: &Look, title: &str, lines: impl Iterator<Item = String>) -> String {
    let mut lines = lines.peekable();
    if lines.peek().is_none() {
        return String::new();
    }
    let mut text = format!("{}\n", look.style.paint(Role::Strong, title));
    for line in lines {
        text.push_str(&prose::wrap(&prose::visible(&line), 2, look.width));
    }
    text
}

/// Commands stand as they are: they are made to be pasted.
fn render_granting(reasoned: &Reasoned, look: &Look) -> String {
    let Some(least) = reasoned.granting.first() else {
        return String::new();
    };
    let personas: Vec<_> = reasoned
        .granting
        .iter()
        .filter_map(|granting| granting.persona)
        .map(Persona::name)
        .collect();
    let title = match personas.as_slice() {
        [] => "No persona has it; an administrator grants just this with".to_owned(),
        names => format!(
            "Personas that have it: {}; an administrator grants the least with",
            names.join(", ")
        ),
    };
    let mut text = format!("{}\n", look.style.paint(Role::Strong, &title));
    for command in &least.commands {
        let command = look.style.paint(Role::Command, &prose::visible(command));
        text.push_str(&format!("  {command}\n"));
    }
    text
}

fn render_unread(reasoned: &Reasoned, look: &Look) -> String {
    let title = "Not read, so there may be more";
    section(look, title, reasoned.unread.iter().cloned())
}

/// For programs; `docs/schemas/access-why.schema.json` describes it.
pub fn render_why_json(reasoned: &Reasoned) -> Value {
    let (allowed, reason) = match &reasoned.answer {
        AccessAnswer::Allowed(reason) => (true, reason),
        AccessAnswer::Denied(reason) => (false, reason),
    };
    let explanation = &reasoned.explanation;
    let near = explanation
        .near
        .iter()
        .map(|near| json!({ "reason": miss_code(near.miss), "detail": near.detail }));
    let granting = reasoned.granting.iter().map(|granting| {
        json!({
            "persona": granting.persona.map(Persona::name),
            "commands": granting.commands,
        })
    });
    let deed = &reasoned.deed;
    json!({
        "kind": "AccessWhy",
        "schemaVersion": SCHEMA_VERSION,
        "allowed": allowed,
        "user": reasoned.actor.user,
        "groups": reasoned.actor.groups,
        "question": {
            "verb": deed.verb,
            "apiGroup": deed.group,
            "resource": deed.resource,
            "namespace": deed.namespace,
            "name": deed.name,
        },
        "serverReason": reason,
        "grantedBy": explanation.granting.iter().map(bound_json).collect::<Vec<_>>(),
        "boundHere": explanation.bound.iter().map(bound_json).collect::<Vec<_>>(),
        "almost": near.collect::<Vec<_>>(),
        "grantWith": granting.collect::<Vec<_>>(),
        "notRead": reasoned.unread,
    })
}

fn bound_json(bound: &Bound) -> Value {
    json!({
        "kind": bound.kind,
        "namespace": bound.namespace,
        "name": bound.name,
        "roleKind": bound.role_kind,
        "role": bound.role,
        "subject": bound.subject,
    })
}

const fn miss_code(miss: Miss) -> &'static str {
    match miss {
        Miss::DeadRule => "DeadRule",
        Miss::OtherNamespace => "OtherNamespace",
        Miss::OtherGroup => "OtherGroup",
        Miss::OtherVerbs => "OtherVerbs",
        Miss::OtherNames => "OtherNames",
        Miss::OtherPart => "OtherPart",
        Miss::NoRole => "NoRole",
        Miss::OtherSubject => "OtherSubject",
    }
}
