//! The fixed sample of `cargo xtask test`: twenty seeds, the plugin alone, against the build that the tests use.

use super::{plan, run_all, site::Rivals, site::Site, summary};
use crate::process::target_folder;

/// Every scenario once, and four again.
const SEEDS: std::ops::Range<u64> = 1..21;

#[test]
fn twenty_seeded_runs_print_what_was_written() {
    if testbed::is_skipped() {
        return;
    }
    let plugin = target_folder().join("debug/kubectl-trainer");
    assert!(
        plugin.exists(),
        "first: cargo build --package kubectl-trainer"
    );
    let site = Site::start(plugin, Rivals::None).unwrap();
    let plans: Vec<_> = SEEDS.map(|seed| plan(seed, None).shortened()).collect();
    let outcomes = run_all(&site, &plans);
    let (table, failures) = summary(&outcomes, " --alone --sample");
    assert_eq!(outcomes.len(), 20);
    assert_eq!(failures, Vec::<String>::new(), "{table}");
}
