//! The one engine for everything that is written: what is there is read, the server says by dry run what would change,
//! and only that is written, in stages, by server-side apply without force. A second run writes nothing.
//! `plan.rs` judges one object, `diff.rs` says what is different, `execute.rs` asks and writes.

mod diff;
mod execute;
mod plan;

pub use diff::FieldChange;
pub use execute::{execute, fetch_plan};
pub use plan::{Denial, Existing, Fate, Plan, Step, Verdict, Wanted};
