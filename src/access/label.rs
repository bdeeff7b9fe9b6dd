//! The labels and annotations by which objects that this program made are found again.

use serde_json::{Value, json};

/// The label that says which program made an object, and its value here.
pub use crate::cluster::{FIELD_MANAGER as MANAGER, MANAGED_BY};

/// What the service account is for: one of the personas.
pub const PERSONA: &str = "kubectl-trainer.dev/persona";
/// The service account that an object is about.
pub const ACCOUNT: &str = "kubectl-trainer.dev/account";
/// Marks the Secrets that stand for a credential; its value is the kind of credential.
pub const CREDENTIAL: &str = "kubectl-trainer.dev/credential";

/// Annotations of such a Secret.
pub const CREDENTIAL_ID: &str = "kubectl-trainer.dev/credential-id";
pub const ISSUED_AT: &str = "kubectl-trainer.dev/issued-at";
pub const EXPIRES_AT: &str = "kubectl-trainer.dev/expires-at";
pub const GRANTED_SECONDS: &str = "kubectl-trainer.dev/granted-seconds";

/// Selects what this program made.
pub fn own_selector() -> String {
    format!("{MANAGED_BY}={MANAGER}")
}

/// The labels of what is made for a persona, or about an account.
pub fn labels(persona: Option<&str>, account: Option<&str>) -> Value {
    let mut labels = json!({ MANAGED_BY: MANAGER });
    for (name, value) in [(PERSONA, persona), (ACCOUNT, account)] {
        if let Some(value) = value {
            labels[name] = value.into();
        }
    }
    labels
}
