//! What `verify` must say of each broken cluster that these tests make: one cause, one result, and no two alike.
//! A test names its cause here and breaks that one thing; how many causes there are, and that each is used, is tested.

use std::{collections::BTreeMap, fs, path::Path};

use crate::support::{Trouble, failed, skipped, warned};

macro_rules! causes {
    ($($(#[$doc:meta])* $name:ident = [$($trouble:expr),+ $(,)?];)+) => {
        $($(#[$doc])* pub(crate) const $name: &[Trouble<'static>] = &[$($trouble),+];)+
        const ALL: &[(&str, &[Trouble<'static>])] = &[$((stringify!($name), $name)),+];
    };
}

causes! {
    SCALED_TO_ZERO = [
        failed("TRN-DEPLOYMENTS", "ScaledToZero"),
        skipped("TRN-ENDPOINTS"),
        skipped("TRN-LEASES"),
        skipped("TRN-WEBHOOKS"),
    ];
    CRASH_LOOP = [
        failed("TRN-DEPLOYMENTS", "CrashLoop"),
        skipped("TRN-ENDPOINTS"),
        skipped("TRN-LEASES"),
        skipped("TRN-WEBHOOKS"),
    ];
    IMAGE_NOT_PULLED = [warned("TRN-DEPLOYMENTS", "ImageNotPulled")];
    UNSCHEDULABLE = [warned("TRN-DEPLOYMENTS", "Unschedulable")];
    NO_ENDPOINTS = [failed("TRN-ENDPOINTS", "NoEndpoints"), skipped("TRN-WEBHOOKS")];
    FOREIGN_ENDPOINTS = [failed("TRN-ENDPOINTS", "ForeignEndpoints"), skipped("TRN-WEBHOOKS")];

    CRD_MISSING = [
        failed("TRN-CRDS", "Missing"),
        skipped("TRN-CRD-SCHEMA"),
        skipped("TRN-WEBHOOKS"),
        skipped("TRN-RUNTIMES"),
        skipped("TRN-RUNTIME-PODS"),
        skipped("TRN-POD-GROUPS"),
        skipped("TRN-DATA-CACHE"),
        skipped("TRN-STORAGE-CLASS"),
        skipped("TRN-ACCELERATORS"),
    ];
    CRD_TOO_OLD = [failed("TRN-CRD-SCHEMA", "CrdTooOld")];
    TRAINING_OPERATOR_V1 = [warned("TRN-LEGACY-V1", "TrainingOperatorV1")];
    NOT_INSTALLED = [
        failed("TRN-CRDS", "NotInstalled"),
        skipped("TRN-CRD-SCHEMA"),
        failed("TRN-NAMESPACE", "NotFound"),
        skipped("TRN-INSTALLS"),
        skipped("TRN-DEPLOYMENTS"),
        skipped("TRN-ENDPOINTS"),
        skipped("TRN-LEASES"),
        skipped("TRN-CERTIFICATES"),
        skipped("TRN-CA-BUNDLES"),
        skipped("TRN-WEBHOOKS"),
        skipped("TRN-RUNTIMES"),
        skipped("TRN-RUNTIME-PODS"),
        skipped("TRN-PROGRESS"),
        skipped("TRN-KUEUE"),
        skipped("TRN-POD-GROUPS"),
        skipped("TRN-DATA-CACHE"),
        skipped("TRN-STORAGE-CLASS"),
        skipped("TRN-ACCELERATORS"),
    ];

    CONFIGURATION_MISSING = [
        failed("TRN-CA-BUNDLES", "ConfigurationMissing"),
        skipped("TRN-WEBHOOKS"),
    ];
    BUNDLE_EMPTY = [failed("TRN-CA-BUNDLES", "BundleEmpty"), skipped("TRN-WEBHOOKS")];
    BUNDLE_DIFFERS = [failed("TRN-CA-BUNDLES", "BundleDiffers"), skipped("TRN-WEBHOOKS")];
    CERTIFICATE_EXPIRED = [
        failed("TRN-CERTIFICATES", "CertificateExpired"),
        skipped("TRN-WEBHOOKS"),
    ];
    CALL_REFUSED = [failed("TRN-WEBHOOKS", "CallRefused")];
    CALL_CUT = [failed("TRN-WEBHOOKS", "CallCut")];
    CALL_TIMED_OUT = [failed("TRN-WEBHOOKS", "CallTimedOut")];
    PROBE_NAMESPACE_MISSING = [failed("TRN-WEBHOOKS", "ProbeNamespaceMissing")];

    RUNTIMES_MISSING = [warned("TRN-RUNTIMES", "RuntimesMissing")];
    NO_RUNTIMES = [
        failed("TRN-RUNTIMES", "NoRuntimes"),
        skipped("TRN-RUNTIME-PODS"),
        skipped("TRN-POD-GROUPS"),
        skipped("TRN-DATA-CACHE"),
        skipped("TRN-STORAGE-CLASS"),
        skipped("TRN-ACCELERATORS"),
    ];
    NO_FRAMEWORK = [warned("TRN-RUNTIMES", "NoFramework")];
    DELETION_STUCK = [warned("TRN-RUNTIMES", "DeletionStuck")];
}

#[test]
fn no_two_causes_give_the_same_result() {
    let mut seen = BTreeMap::new();
    for (name, troubles) in ALL {
        if let Some(other) = seen.insert(troubles, name) {
            panic!("{name} and {other} cannot be told apart");
        }
    }
}

#[test]
fn every_cause_is_made_by_a_test() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let tests = files.filter(|entry| entry.file_name() != "causes.rs");
    let text: String = tests
        .map(|entry| fs::read_to_string(entry.path()).unwrap())
        .collect();
    for (name, _) in ALL {
        let used = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        assert!(
            used.into_iter().any(|word| word == *name),
            "no test makes {name}"
        );
    }
}
