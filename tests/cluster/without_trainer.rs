//! A real cluster on which nobody has installed Trainer.

use testbed::{Options, Testbed, is_skipped};

use crate::support::{failed, skipped, verify};

#[test]
fn a_cluster_without_trainer_is_told_from_a_broken_one() {
    if is_skipped() {
        return;
    }
    let bed = Testbed::start(&Options::default(), &mut std::io::sink()).unwrap();
    let verified = verify(&bed, &[]);
    let expected = [
        failed("TRN-CRDS", "NotInstalled"),
        skipped("TRN-CRD-SCHEMA"),
        failed("TRN-NAMESPACE", "NotFound"),
        skipped("TRN-DEPLOYMENTS"),
        skipped("TRN-ENDPOINTS"),
        skipped("TRN-CERTIFICATES"),
        skipped("TRN-CA-BUNDLES"),
        skipped("TRN-WEBHOOKS"),
        skipped("TRN-RUNTIMES"),
    ];
    assert_eq!(
        (verified.exit_code, verified.troubles()),
        (1, expected.to_vec())
    );
    let message = verified.report["message"].as_str().unwrap();
    assert!(
        message.starts_with("Kubeflow Trainer on context admin is not installed"),
        "{message}"
    );
}
