//! `cargo xtask bundle`: the released manifests into the build folder, where the plugin's build finds them, and the
//! table of releases into the source.

use std::io;

use crate::process::{StepError, say, target_folder};

/// Renders all anew.
pub(crate) fn bundle() -> Result<(), StepError> {
    let out = testbed::bundle::default_path(&target_folder());
    make(&out)?;
    testbed::releases_table::write(&out)?;
    say(format_args!(
        "wrote {} and the table of releases",
        out.display()
    ));
    Ok(())
}

/// Renders when there is nothing yet, or what another source has made.
pub(crate) fn make_if_missing() -> Result<(), StepError> {
    let out = testbed::bundle::default_path(&target_folder());
    if testbed::bundle::is_current(&out) {
        Ok(())
    } else {
        make(&out)
    }
}

fn make(out: &std::path::Path) -> Result<(), StepError> {
    let kubectl = testbed::programs::kubectl(&mut io::stderr())?;
    Ok(testbed::bundle::make(&kubectl, out, &mut io::stderr())?)
}
