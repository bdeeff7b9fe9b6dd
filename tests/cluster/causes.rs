//! What `verify` must say of each broken cluster that these tests make: one cause, one result, and no two alike.
//! A test names its cause here and breaks that one thing; how many causes there are, and that each is used, is tested.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use crate::support::{Trouble, failed, skipped, unknown, warned};

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
    IMAGE_NOT_PULLED_AT_ALL = [
        failed("TRN-DEPLOYMENTS", "ImageNotPulled"),
        skipped("TRN-ENDPOINTS"),
        skipped("TRN-LEASES"),
        skipped("TRN-WEBHOOKS"),
    ];
    UNSCHEDULABLE_AT_ALL = [
        failed("TRN-DEPLOYMENTS", "Unschedulable"),
        skipped("TRN-ENDPOINTS"),
        skipped("TRN-LEASES"),
        skipped("TRN-WEBHOOKS"),
    ];
    DEPLOYMENT_MISSING = [
        failed("TRN-DEPLOYMENTS", "DeploymentMissing"),
        skipped("TRN-ENDPOINTS"),
        skipped("TRN-LEASES"),
        skipped("TRN-WEBHOOKS"),
    ];
    OUT_OF_MEMORY = [
        failed("TRN-DEPLOYMENTS", "OutOfMemory"),
        skipped("TRN-ENDPOINTS"),
        skipped("TRN-LEASES"),
        skipped("TRN-WEBHOOKS"),
    ];
    QUOTA_FORBIDS = [
        failed("TRN-DEPLOYMENTS", "QuotaForbids"),
        skipped("TRN-ENDPOINTS"),
        skipped("TRN-LEASES"),
        skipped("TRN-WEBHOOKS"),
    ];
    POD_SECURITY_FORBIDS = [
        failed("TRN-DEPLOYMENTS", "PodSecurityForbids"),
        skipped("TRN-ENDPOINTS"),
        skipped("TRN-LEASES"),
        skipped("TRN-WEBHOOKS"),
    ];
    POLICY_FORBIDS = [
        failed("TRN-DEPLOYMENTS", "PolicyForbids"),
        skipped("TRN-ENDPOINTS"),
        skipped("TRN-LEASES"),
        skipped("TRN-WEBHOOKS"),
    ];
    NODE_LOST = [
        failed("TRN-DEPLOYMENTS", "NodeLost"),
        skipped("TRN-ENDPOINTS"),
        skipped("TRN-LEASES"),
        skipped("TRN-WEBHOOKS"),
    ];
    ROLLOUT_PAUSED = [warned("TRN-DEPLOYMENTS", "RolloutPaused")];
    SERVICE_MISSING = [failed("TRN-ENDPOINTS", "ServiceMissing"), skipped("TRN-WEBHOOKS")];
    SECOND_JOBSET = [failed("TRN-INSTALLS", "SecondJobSet")];
    HOLDER_GONE = [failed("TRN-LEASES", "HolderGone")];
    INSTALLATION_TERMINATING = [
        failed("TRN-CRDS", "NotInstalled"),
        skipped("TRN-CRD-SCHEMA"),
        failed("TRN-NAMESPACE", "NamespaceTerminating"),
        skipped("TRN-INSTALLS"),
        skipped("TRN-DEPLOYMENTS"),
        skipped("TRN-ENDPOINTS"),
        skipped("TRN-LEASES"),
        skipped("TRN-CONTROLLER-RBAC"),
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
    RULE_MISSING = [failed("TRN-CONTROLLER-RBAC", "RuleMissing")];
    ROLE_MISSING = [failed("TRN-CONTROLLER-RBAC", "RoleMissing")];
    BINDING_MISSING = [failed("TRN-CONTROLLER-RBAC", "BindingMissing")];
    BINDING_ELSEWHERE = [failed("TRN-CONTROLLER-RBAC", "BindingElsewhere")];
    CONTROLLER_ACCOUNT_MISSING = [failed("TRN-CONTROLLER-RBAC", "AccountMissing")];
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
    CRD_TERMINATING = [
        failed("TRN-CRDS", "Terminating"),
        skipped("TRN-CRD-SCHEMA"),
        skipped("TRN-WEBHOOKS"),
        skipped("TRN-RUNTIMES"),
        skipped("TRN-RUNTIME-PODS"),
        skipped("TRN-POD-GROUPS"),
        skipped("TRN-DATA-CACHE"),
        skipped("TRN-STORAGE-CLASS"),
        skipped("TRN-ACCELERATORS"),
    ];
    CRD_NOT_SERVED = [
        failed("TRN-CRDS", "VersionNotServed"),
        skipped("TRN-CRD-SCHEMA"),
        skipped("TRN-WEBHOOKS"),
        skipped("TRN-RUNTIMES"),
        skipped("TRN-RUNTIME-PODS"),
        skipped("TRN-POD-GROUPS"),
        skipped("TRN-DATA-CACHE"),
        skipped("TRN-STORAGE-CLASS"),
        skipped("TRN-ACCELERATORS"),
    ];
    CRD_NAMES_TAKEN = [
        failed("TRN-CRDS", "NotEstablished"),
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
    KFDEF = [warned("TRN-LEGACY-V1", "KfDef")];
    KFDEF_OPERATOR = [warned("TRN-LEGACY-V1", "KfDefOperator")];
    NOT_INSTALLED = [
        failed("TRN-CRDS", "NotInstalled"),
        skipped("TRN-CRD-SCHEMA"),
        failed("TRN-NAMESPACE", "NotFound"),
        skipped("TRN-INSTALLS"),
        skipped("TRN-DEPLOYMENTS"),
        skipped("TRN-ENDPOINTS"),
        skipped("TRN-LEASES"),
        skipped("TRN-CONTROLLER-RBAC"),
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
    // In these three the controller has also lost the right by which it would mend the fault at once.
    BUNDLE_EMPTY = [
        failed("TRN-CONTROLLER-RBAC", "RuleMissing"),
        failed("TRN-CA-BUNDLES", "BundleEmpty"),
        skipped("TRN-WEBHOOKS"),
    ];
    BUNDLE_DIFFERS = [
        failed("TRN-CONTROLLER-RBAC", "RuleMissing"),
        failed("TRN-CA-BUNDLES", "BundleDiffers"),
        skipped("TRN-WEBHOOKS"),
    ];
    CERTIFICATE_EXPIRED = [
        failed("TRN-CONTROLLER-RBAC", "RuleMissing"),
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
    NO_CLUSTER_RUNTIMES = [warned("TRN-RUNTIMES", "NoClusterRuntimes")];
    NO_FRAMEWORK = [warned("TRN-RUNTIMES", "NoFramework")];
    DELETION_STUCK = [warned("TRN-RUNTIMES", "DeletionStuck")];
    DEPRECATED = [warned("TRN-RUNTIMES", "Deprecated")];
    OTHER_RELEASE = [warned("TRN-RUNTIMES", "OtherRelease")];
    NO_TRAINER_STEP = [warned("TRN-RUNTIME-PODS", "NoTrainerStep")];
    CONTAINER_MISSING = [warned("TRN-RUNTIME-PODS", "ContainerMissing")];
    REPLICAS_NOT_ONE = [warned("TRN-RUNTIME-PODS", "ReplicasNotOne")];
    FLOATING_IMAGE = [warned("TRN-RUNTIME-PODS", "FloatingImage")];

    STATUS_PORT_MISSING = [warned("TRN-PROGRESS", "StatusPortMissing")];
    STATUS_PORT_CLOSED = [warned("TRN-PROGRESS", "StatusPortClosed")];
    KUEUE_TOO_NEW = [warned("TRN-KUEUE", "KueueTooNew")];
    NO_POD_GROUPS = [warned("TRN-POD-GROUPS", "NoPodGroups")];
    NO_LEADER_WORKER_SETS = [warned("TRN-DATA-CACHE", "NoLeaderWorkerSets")];
    NO_DEFAULT_STORAGE_CLASS = [warned("TRN-STORAGE-CLASS", "NoDefaultStorageClass")];
    STORAGE_CLASS_MISSING = [warned("TRN-STORAGE-CLASS", "StorageClassMissing")];
    NO_SUCH_ACCELERATOR = [warned("TRN-ACCELERATORS", "NoSuchAccelerator")];

    OWN_NAMESPACE_MISSING = [
        failed("TRN-NS-EXISTS", "Missing"),
        skipped("TRN-NS-ACCESS"),
        skipped("TRN-NS-QUOTA"),
        skipped("TRN-NS-SERVICE-ACCOUNT"),
        skipped("TRN-NS-POD-ADMISSION"),
        skipped("TRN-WEBHOOKS"),
    ];
    OWN_NAMESPACE_TERMINATING = [
        failed("TRN-NS-EXISTS", "Terminating"),
        skipped("TRN-NS-ACCESS"),
        skipped("TRN-NS-QUOTA"),
        skipped("TRN-NS-SERVICE-ACCOUNT"),
        skipped("TRN-NS-POD-ADMISSION"),
        skipped("TRN-WEBHOOKS"),
    ];
    OWN_NAMESPACE_HELD = [
        failed("TRN-NS-EXISTS", "HeldByFinalizer"),
        skipped("TRN-NS-ACCESS"),
        skipped("TRN-NS-QUOTA"),
        skipped("TRN-NS-SERVICE-ACCOUNT"),
        skipped("TRN-NS-POD-ADMISSION"),
        skipped("TRN-WEBHOOKS"),
    ];
    /// No fault: what a caller with the SDK's rights may not look at.
    MAY_TRAIN = [
        unknown("TRN-NS-QUOTA"),
        unknown("TRN-NS-SERVICE-ACCOUNT"),
        unknown("TRN-NS-POD-ADMISSION"),
    ];
    MAY_ONLY_READ = [
        failed("TRN-NS-ACCESS", "MayNotSubmit"),
        unknown("TRN-NS-QUOTA"),
        unknown("TRN-NS-SERVICE-ACCOUNT"),
        unknown("TRN-NS-POD-ADMISSION"),
    ];
    MAY_DO_NOTHING = [
        unknown("TRN-NS-EXISTS"),
        failed("TRN-NS-ACCESS", "NoRights"),
        unknown("TRN-NS-QUOTA"),
        unknown("TRN-NS-SERVICE-ACCOUNT"),
        unknown("TRN-NS-POD-ADMISSION"),
    ];
    ACCOUNT_MAY_DO_NOTHING = [failed("TRN-NS-ACCESS", "NoRights")];
    MAY_NOT_SUBMIT = [failed("TRN-NS-ACCESS", "MayNotSubmit")];
    MAY_NOT_READ_CLUSTER_RUNTIMES = [failed("TRN-NS-ACCESS", "MayNotReadClusterRuntimes")];
    MAY_NOT_FOLLOW = [failed("TRN-NS-ACCESS", "MayNotFollow")];
    MAY_NOT_READ_LOGS = [warned("TRN-NS-ACCESS", "MayNotFollow")];
    MAY_NOT_SEE_EVENTS = [warned("TRN-NS-ACCESS", "MayNotSeeEvents")];
    MAY_NOT_ASK_ABOUT_OTHERS = [unknown("TRN-NS-ACCESS")];
    ACCOUNT_ASKED_ABOUT_MISSING = [failed("TRN-NS-ACCESS", "ServiceAccountMissing")];
    QUOTA_USED_UP = [
        failed("TRN-NS-QUOTA", "QuotaUsedUp"),
        skipped("TRN-NS-POD-ADMISSION"),
    ];
    QUOTA_USED_UP_IN_PART = [warned("TRN-NS-QUOTA", "QuotaUsedUpInPart")];
    REQUESTS_DEMANDED = [warned("TRN-NS-QUOTA", "RequestsDemanded")];
    ACCOUNT_MISSING = [warned("TRN-NS-SERVICE-ACCOUNT", "AccountMissing")];
    PULL_SECRET_MISSING = [warned("TRN-NS-SERVICE-ACCOUNT", "PullSecretMissing")];
    POD_SECURITY = [failed("TRN-NS-POD-ADMISSION", "PodSecurity")];
    LIMIT_RANGE = [failed("TRN-NS-POD-ADMISSION", "LimitRange")];
    POD_REFUSED = [warned("TRN-NS-POD-ADMISSION", "Refused")];
    QUOTA_TOO_SMALL = [warned("TRN-NS-POD-ADMISSION", "QuotaRefuses")];
    WEBHOOK_UNREACHABLE = [
        failed("TRN-NS-POD-ADMISSION", "WebhookUnreachable"),
        warned("TRN-WEBHOOKS", "OtherPolicy"),
    ];

    // What `verify --pre` finds before anything is installed.
    RIGHTS_MISSING = [failed("TRN-PRE-RIGHTS", "RightsMissing")];
    GRANTS_MISSING = [failed("TRN-PRE-RIGHTS", "GrantsMissing")];
    SERVICE_GONE = [
        failed("TRN-PRE-LEFTOVERS", "ServiceGone"),
        skipped("TRN-PRE-INSTALLED"),
        skipped("TRN-PRE-JOBSET"),
    ];
    CRD_HELD = [
        failed("TRN-PRE-LEFTOVERS", "CrdHeld"),
        skipped("TRN-PRE-INSTALLED"),
        skipped("TRN-PRE-JOBSET"),
    ];
    RUNTIME_HELD = [
        failed("TRN-PRE-LEFTOVERS", "RuntimeHeld"),
        skipped("TRN-PRE-INSTALLED"),
        skipped("TRN-PRE-JOBSET"),
    ];
    HALF_INSTALLED = [failed("TRN-PRE-INSTALLED", "HalfInstalled")];
    DEFINITIONS_ONLY = [warned("TRN-PRE-INSTALLED", "DefinitionsOnly")];
    MANAGED_ELSEWHERE = [warned("TRN-PRE-INSTALLED", "ManagedElsewhere")];
    NAMESPACE_QUOTA = [failed("TRN-PRE-NAMESPACE", "Quota")];
    NAMESPACE_TERMINATING = [failed("TRN-PRE-NAMESPACE", "Terminating")];
    ANOTHER_JOBSET = [warned("TRN-PRE-JOBSET", "AnotherJobset")];
    JOBSET_TOO_OLD = [failed("TRN-PRE-JOBSET", "TooOld")];
    NO_NODE = [failed("TRN-PRE-NODES", "NoNode")];
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

/// The code of the tests: their lines without comments and imports.
fn code() -> String {
    code_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster"))
}

fn code_below(folder: &Path) -> String {
    let paths = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let code = paths.map(|path| match path.extension() {
        _ if path.is_dir() => code_below(&path),
        _ if path.ends_with("causes.rs") => String::new(),
        Some(extension) if extension == "rs" => code_of(&fs::read_to_string(&path).unwrap()),
        _ => String::new(),
    });
    code.collect()
}

fn code_of(text: &str) -> String {
    let mut code = String::new();
    let mut is_import = false;
    for line in text.lines() {
        let line = line.split("//").next().unwrap_or_default().trim();
        is_import |= line.starts_with("use ");
        if !is_import {
            code.push_str(line);
            code.push('\n');
        }
        is_import &= !line.ends_with(';');
    }
    code
}

fn words(code: &str) -> BTreeSet<&str> {
    code.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
        .collect()
}

#[test]
fn an_import_or_a_comment_is_no_use() {
    let text = "use crate::{\n    causes::{\n        IMPORTED,\n    },\n};\n// COMMENTED\nexpect(&bed, USED); // BESIDE\n";
    let code = code_of(text);
    let words = words(&code);
    assert!(words.contains("USED"));
    for name in ["IMPORTED", "COMMENTED", "BESIDE"] {
        assert!(!words.contains(name), "{name}");
    }
}

#[test]
fn every_cause_is_made_by_a_test() {
    let code = code();
    let words = words(&code);
    for (name, _) in ALL {
        assert!(words.contains(name), "no test makes {name}");
    }
}

#[test]
fn at_least_thirty_causes_are_told_apart_and_fifteen_printed_mends_are_pasted() {
    let code = code();
    let pasted = code.matches("paste(&").count();
    assert!(ALL.len() >= 30, "{} causes", ALL.len());
    assert!(pasted >= 15, "{pasted} mends");
}
