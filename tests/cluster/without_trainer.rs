//! A real cluster on which nobody has installed Trainer.

use testbed::{Options, Testbed, is_skipped};

use crate::{causes::NOT_INSTALLED, support::verify};

#[test]
fn a_cluster_without_trainer_is_told_from_a_broken_one() {
    if is_skipped() {
        return;
    }
    let bed = Testbed::start(&Options::default(), &mut std::io::sink()).unwrap();
    let verified = verify(&bed, &[]);
    assert_eq!(
        (verified.exit_code, verified.troubles()),
        (1, NOT_INSTALLED.to_vec())
    );
    let message = verified.report["message"].as_str().unwrap();
    assert!(
        message.starts_with("Kubeflow Trainer on context admin is not installed"),
        "{message}"
    );
}
