//! This program as files on this machine: where kubectl finds it, and the second file, `kubectl_complete-NAME`, that
//! kubectl asks when TAB is pressed. `survey.rs` looks, `candidate.rs` is what is answered, `install.rs` makes and removes, `platform.rs` knows the system.

mod candidate;
mod install;
mod platform;
mod survey;

pub use candidate::{Candidate, Completion};
pub use install::{InstallFault, Installed, Overwrite, install, uninstall};
pub use platform::leave_terminal;
pub use survey::{CompletionFile, Names, Surroundings, Survey, survey};
