//! What a run did, or would do, for programs. The document is described by `docs/schemas/changes.schema.json` and only
//! ever grows: a change that breaks readers raises `schemaVersion`.

use serde_json::{Value, json};

use super::plan::{Intent, shown_step};
use crate::apply::Plan;

const SCHEMA_VERSION: u32 = 1;

/// All that was done or left; what an administrator has to apply is in it again, as objects.
pub fn plan_document(plan: &Plan, intent: Intent, exit_code: u8) -> Value {
    let steps: Vec<_> = plan
        .steps
        .iter()
        .map(|step| shown_step(step, intent))
        .collect();
    let left: Vec<_> = plan
        .for_administrator()
        .map(|step| &step.manifest.body)
        .collect();
    json!({
        "kind": "Changes",
        "schemaVersion": SCHEMA_VERSION,
        "dryRun": intent == Intent::LookOnly,
        "exitCode": exit_code,
        "steps": steps,
        "forAdministrator": left,
    })
}
