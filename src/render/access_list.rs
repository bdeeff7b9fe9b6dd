//! What was granted and which credentials are out: two tables for people, one document for programs.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Look, render_age,
    table::{CellText, Column, Give, render_table},
};
use crate::{
    access::{
        credential::{Credential, CredentialKind},
        inventory::{Grant, Inventory, WideBinding},
    },
    cluster::Failure,
    style::Role,
};

/// The tables that have rows. The namespace is told where there may be several.
pub fn render_access(inventory: &Inventory, all_namespaces: bool, look: &Look) -> String {
    let grants = inventory.grants.iter().map(|grant| grant_row(grant, look));
    let credentials = inventory.credentials.iter();
    let credentials = credentials.map(|credential| credential_row(credential, look));
    let tables = [
        table(
            ["NAMESPACE", "WHO", "PERSONA", "ROLE", "AGE"],
            grants.collect(),
            all_namespaces,
            look,
        ),
        table(
            [
                "NAMESPACE",
                "CREDENTIAL",
                "SERVICE ACCOUNT",
                "KIND",
                "AGE",
                "ENDS",
            ],
            credentials.collect(),
            all_namespaces,
            look,
        ),
    ];
    let shown: Vec<_> = tables.into_iter().flatten().collect();
    shown.join("\n")
}

fn table<const COLUMNS: usize>(
    headings: [&'static str; COLUMNS],
    mut rows: Vec<Vec<CellText>>,
    all_namespaces: bool,
    look: &Look,
) -> Option<String> {
    let columns = headings.map(|heading| Column {
        heading,
        give: Give::Never,
    });
    let first = usize::from(!all_namespaces);
    for row in &mut rows {
        row.drain(..first);
    }
    (!rows.is_empty()).then(|| render_table(&columns[first..], rows, look))
}

fn grant_row(grant: &Grant, look: &Look) -> Vec<CellText> {
    vec![
        grant.namespace.as_str().into(),
        grant.holder.words(&grant.namespace).into(),
        grant.persona.as_deref().unwrap_or("-").into(),
        grant.role.as_str().into(),
        render_age(grant.created, look.now).into(),
    ]
}

fn credential_row(credential: &Credential, look: &Look) -> Vec<CellText> {
    vec![
        credential.namespace.as_str().into(),
        credential.id.as_str().into(),
        credential.account.as_str().into(),
        credential.kind.word().into(),
        render_age(credential.issued, look.now).into(),
        ends(credential, look.now),
    ]
}

fn ends(credential: &Credential, now: Timestamp) -> CellText {
    let (text, role) = match (credential.kind, credential.expires) {
        (_, Some(at)) if at <= now => (
            format!("{} ago", render_age(Some(at), now)),
            Some(Role::Muted),
        ),
        // The age of now, seen from the end, is the time that is left.
        (_, Some(at)) => (format!("in {}", render_age(Some(now), at)), None),
        (CredentialKind::Renewing, None) => ("renews itself".to_owned(), None),
        (CredentialKind::Secret, None) => ("never".to_owned(), Some(Role::Warning)),
        // Its maker was stopped before it was whole.
        (CredentialKind::Token, None) => ("unknown".to_owned(), Some(Role::Muted)),
    };
    CellText { text, role }
}

/// The document of `access list -o json`.
pub fn render_access_json(inventory: &Inventory, failures: &[Failure], now: Timestamp) -> Value {
    json!({
        "kind": "AccessList",
        "schemaVersion": 1,
        "grants": inventory.grants.iter().map(grant_json).collect::<Vec<_>>(),
        "credentials": inventory
            .credentials
            .iter()
            .map(|credential| credential_json(credential, now))
            .collect::<Vec<_>>(),
        "tooWide": inventory.wide.iter().map(wide_json).collect::<Vec<_>>(),
        "errors": failures.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn grant_json(grant: &Grant) -> Value {
    json!({
        "namespace": grant.namespace,
        "who": {
            "kind": grant.holder.kind,
            "namespace": grant.holder.namespace,
            "name": grant.holder.name,
        },
        "persona": grant.persona,
        "role": grant.role,
        "binding": grant.binding,
        "created": grant.created.map(|at| at.to_string()),
    })
}

fn credential_json(credential: &Credential, now: Timestamp) -> Value {
    json!({
        "id": credential.id,
        "kind": credential.kind.word(),
        "namespace": credential.namespace,
        "serviceAccount": credential.account,
        "secret": credential.marker,
        "issuedAt": credential.issued.map(|at| at.to_string()),
        "expiresAt": credential.expires.map(|at| at.to_string()),
        "expired": credential.is_expired(now),
    })
}

fn wide_json(wide: &WideBinding) -> Value {
    let accounts = wide
        .accounts
        .iter()
        .map(|account| json!({ "namespace": account.namespace, "name": account.name }));
    json!({
        "clusterRoleBinding": wide.name,
        "clusterRole": wide.role,
        "serviceAccounts": accounts.collect::<Vec<_>>(),
        "others": wide.others,
        "mend": wide.narrowing("kubectl", "kubectl trainer"),
    })
}

#[cfg(test)]
mod tests {
    use snapbox::{IntoData as _, assert_data_eq, str};

    use super::*;
    use crate::access::inventory::GrantHolder;

    fn moment(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn credential(kind: CredentialKind, expires: Option<i64>) -> Credential {
        Credential {
            id: format!("{}-5b7c2a0e", kind.word()),
            kind,
            namespace: "team-a".to_owned(),
            account: "trainer-ci".to_owned(),
            marker: "kubectl-trainer-credential-abcdefgh".to_owned(),
            marker_uid: "u".to_owned(),
            issued: Some(moment(0)),
            expires: expires.map(moment),
        }
    }

    fn inventory() -> Inventory {
        Inventory {
            grants: vec![Grant {
                namespace: "team-a".to_owned(),
                holder: GrantHolder {
                    kind: "ServiceAccount".to_owned(),
                    namespace: Some("team-a".to_owned()),
                    name: "trainer-ci".to_owned(),
                },
                persona: Some("ci".to_owned()),
                role: "kubectl-trainer-ci".to_owned(),
                binding: "kubectl-trainer-ci-trainer-ci".to_owned(),
                created: Some(moment(0)),
            }],
            credentials: vec![
                credential(CredentialKind::Token, Some(4200)),
                credential(CredentialKind::Token, Some(60)),
                credential(CredentialKind::Renewing, None),
                credential(CredentialKind::Secret, None),
            ],
            wide: Vec::new(),
        }
    }

    #[test]
    fn grants_and_credentials_stand_in_two_tables() {
        let look = Look::plain(moment(600));
        assert_data_eq!(
            render_access(&inventory(), false, &look),
            str![[r#"
WHO          PERSONA   ROLE                 AGE
trainer-ci   ci        kubectl-trainer-ci   10m

CREDENTIAL          SERVICE ACCOUNT   KIND       AGE   ENDS
token-5b7c2a0e      trainer-ci        token      10m   in 60m
token-5b7c2a0e      trainer-ci        token      10m   9m ago
renewing-5b7c2a0e   trainer-ci        renewing   10m   renews itself
secret-5b7c2a0e     trainer-ci        secret     10m   never

"#]]
            .raw()
        );
    }

    #[test]
    fn of_several_namespaces_each_row_names_its_own() {
        let look = Look::plain(moment(600));
        let text = render_access(&inventory(), true, &look);
        assert!(text.starts_with("NAMESPACE   WHO"), "{text}");
    }
}
