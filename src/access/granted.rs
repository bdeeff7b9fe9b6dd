//! What was granted in a namespace, read back from the bindings themselves: the same that built them builds what they
//! should be by now. Pure.

use serde_json::Value;

use super::{
    grant::{Subject, account, bindings, roles},
    label::{MANAGED_BY, MANAGER, PERSONA},
    persona::{Part, Persona},
};
use crate::cluster::{AccountName, Manifest};

/// One binding of this program, by what it was made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    pub persona: Persona,
    pub subject: Subject,
    part: Part,
}

impl Granted {
    /// From a `RoleBinding`; `None` for one of somebody else, or that binds no persona.
    pub fn of_binding(binding: &Value) -> Option<Self> {
        let labels = binding.pointer("/metadata/labels")?;
        (labels.get(MANAGED_BY)? == MANAGER).then_some(())?;
        let persona = Persona::of_name(labels.get(PERSONA)?.as_str()?)?;
        let role = binding.pointer("/roleRef/name")?.as_str()?;
        let part = Part::of_role(persona, role)?;
        let subject = Subject::of_reference(binding.pointer("/subjects/0")?)?;
        Some(Self {
            persona,
            subject,
            part,
        })
    }

    /// What there should be for it in the namespace.
    pub fn manifests(&self, namespace: &str) -> Vec<Manifest> {
        let account = match &self.subject {
            Subject::Account(name) => Some(account(name, self.persona)),
            Subject::User(_) | Subject::Group(_) => None,
        };
        let parts = [self.part];
        let roles = roles(namespace, self.persona, &parts);
        let bindings = bindings(namespace, self.persona, &parts, &self.subject);
        account.into_iter().chain(roles).chain(bindings).collect()
    }
}

impl Subject {
    fn of_reference(reference: &Value) -> Option<Self> {
        let text = |field: &str| Some(reference.get(field)?.as_str()?.to_owned());
        match reference.get("kind")?.as_str()? {
            "ServiceAccount" => Some(Self::Account(AccountName {
                namespace: text("namespace")?,
                name: text("name")?,
            })),
            "User" => Some(Self::User(text("name")?)),
            "Group" => Some(Self::Group(text("name")?)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_binding_is_read_back_as_what_it_was_made_for() {
        let subjects = [
            Subject::Account(AccountName {
                namespace: "team-a".to_owned(),
                name: "bot".to_owned(),
            }),
            Subject::User("jane@example.com".to_owned()),
            Subject::Group("Data Science".to_owned()),
        ];
        for subject in subjects {
            for part in [Part::Core, Part::Diagnose, Part::Delegate] {
                let made = bindings("team-a", Persona::Admin, &[part], &subject);
                let granted = Granted::of_binding(&made[0].body).unwrap();
                assert_eq!(granted.subject, subject);
                let again = granted.manifests("team-a");
                assert!(again.contains(&made[0]));
            }
        }
    }

    #[test]
    fn bindings_of_others_are_left_alone() {
        let binding = json!({ "metadata": { "labels": {} }, "roleRef": { "name": "edit" } });
        assert_eq!(Granted::of_binding(&binding), None);
    }
}
