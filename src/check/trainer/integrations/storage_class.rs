//! Volumes: does a `StorageClass` make those that runtimes ask for?

use std::{collections::BTreeSet, rc::Rc};

use k8s_openapi::api::storage::v1::StorageClass;

use crate::{
    check::{Category, Check, Finding, Outcome, Reason, Retry, Severity},
    cluster::{Failure, Scope},
    runtimes::Runtime,
};

use super::{
    super::{
        RUNTIMES, STORAGE_CLASS as STORAGE_CLASS_ID, TrainerContext, conclude,
        runtime_pods::{fetch_all_runtimes, spoken},
    },
    Origin, names, origin,
};

pub(crate) const STORAGE_CLASS: Check<TrainerContext> = Check {
    id: STORAGE_CLASS_ID,
    category: Category::Integrations,
    title: "Runtimes made here get their volumes",
    hint: "name an existing StorageClass in the runtime, or make one the default",
    page: "A runtime with volumeClaimPolicies has a volume made for every TrainJob: by the StorageClass that it names, else by the cluster's default one.\n\n\
           The torchtune runtimes of the releases ask for such a volume since 2.2. A cluster without a default StorageClass on which nobody uses them is healthy, so for them it is only said. For runtimes that were made for this cluster it is a warning.",
    reasons: &[&NO_DEFAULT_STORAGE_CLASS, &STORAGE_CLASS_MISSING],
    severity: Severity::Warning,
    requires: &[RUNTIMES],
    retry: Retry::UntilDeadline,
    run: |context| Box::pin(async { conclude(check_storage_class(context).await) }),
};

const NO_DEFAULT_STORAGE_CLASS: Reason = Reason {
    code: "NoDefaultStorageClass",
    meaning: "A runtime has volumes made without naming a StorageClass, and the cluster has no default one. The pods of its TrainJobs wait for their volume for ever.",
    mend: "Make a StorageClass the default with the annotation storageclass.kubernetes.io/is-default-class=true, or name one in the runtime.",
};
const STORAGE_CLASS_MISSING: Reason = Reason {
    code: "StorageClassMissing",
    meaning: "A runtime names a StorageClass that does not exist. The pods of its TrainJobs wait for their volume, unless somebody makes volumes of that class by hand.",
    mend: "Create the StorageClass, or name one that exists. Where PersistentVolumes of that class are made by hand, nothing is wrong.",
};

const DEFAULT_ANNOTATIONS: [&str; 2] = [
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
];

async fn check_storage_class(context: &TrainerContext) -> Result<Outcome, Rc<Failure>> {
    let (runtimes, _) = fetch_all_runtimes(context).await?;
    if runtimes.iter().all(|runtime| runtime.claims.is_empty()) {
        return Ok(Outcome::passed("no runtime asks for volumes"));
    }
    let classes: Vec<StorageClass> = context.cluster()?.fetch_list(&Scope::Cluster, None).await?;
    Ok(judge_storage_class(&runtimes, &classes))
}

fn judge_storage_class(runtimes: &[Runtime], classes: &[StorageClass]) -> Outcome {
    let default = classes.iter().find(|class| is_default(class)).map(name);
    let unnamed: Vec<_> = runtimes
        .iter()
        .filter(|runtime| named_classes(runtime).any(|class| class.is_none()))
        .collect();
    let mut findings: Vec<_> = runtimes
        .iter()
        .filter(|runtime| origin(runtime) == Origin::Cluster)
        .filter_map(|runtime| judge_named(runtime, classes))
        .collect();
    let mut facts = vec![match default {
        Some(default) => format!("{default} is the default"),
        None => "no default StorageClass".to_owned(),
    }];
    if default.is_none() {
        findings.extend(names(&unnamed, Origin::Cluster).map(|names| no_default(&names, classes)));
        facts.extend(
            names(&unnamed, Origin::Release)
                .map(|names| format!("these need a default one: {names}")),
        );
    }
    Outcome::new(findings, facts)
}

/// The classes of a runtime's claims; `None` is the default one. An empty name asks for a volume that is there already.
fn named_classes(runtime: &Runtime) -> impl Iterator<Item = Option<&str>> {
    let classes = runtime.claims.iter().map(|claim| {
        let spec = claim.spec.as_ref();
        spec.and_then(|spec| spec.storage_class_name.as_deref())
    });
    classes.filter(|class| *class != Some(""))
}

fn judge_named(runtime: &Runtime, classes: &[StorageClass]) -> Option<Finding> {
    let missing: BTreeSet<_> = named_classes(runtime)
        .flatten()
        .filter(|wanted| !classes.iter().any(|class| name(class) == *wanted))
        .collect();
    let missing: Vec<_> = missing.into_iter().collect();
    if missing.is_empty() {
        return None;
    }
    let detail = format!(
        "{} names StorageClass {}, which does not exist, so its volumes have to be made by hand",
        spoken(runtime),
        missing.join(", ")
    );
    Some(Finding::warning(&STORAGE_CLASS_MISSING, detail).mended_by("kubectl get storageclasses"))
}

fn no_default(names: &str, classes: &[StorageClass]) -> Finding {
    let detail = format!("there is no default StorageClass, which these need: {names}");
    let finding = Finding::warning(&NO_DEFAULT_STORAGE_CLASS, detail);
    match classes {
        // Which of several is meant, only an administrator knows.
        [only] => finding.mended_by(format!(
            "kubectl annotate storageclass {} {}=true",
            name(only),
            DEFAULT_ANNOTATIONS[0]
        )),
        _ => finding.mended_by("kubectl get storageclasses"),
    }
}

fn is_default(class: &StorageClass) -> bool {
    let annotations = class.metadata.annotations.as_ref();
    let is_true = |key: &&str| {
        let value = annotations.and_then(|annotations| annotations.get(*key));
        value.is_some_and(|value| value == "true")
    };
    DEFAULT_ANNOTATIONS.iter().any(is_true)
}

fn name(class: &StorageClass) -> &str {
    class.metadata.name.as_deref().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{super::tests::runtime, *};

    fn class(name: &str, annotations: &Value) -> StorageClass {
        let object = json!({"metadata": {"name": name, "annotations": annotations}, "provisioner": "example.com/disk"});
        serde_json::from_value(object).unwrap()
    }

    fn claiming(name: &str, class: &Value) -> Runtime {
        let claim =
            json!({"metadata": {"name": "initializer"}, "spec": {"storageClassName": class}});
        let policies = json!([{"templates": [claim]}]);
        runtime(
            name,
            "",
            &json!({"template": {"spec": {"volumeClaimPolicies": policies}}}),
        )
    }

    fn reasons(outcome: &Outcome) -> Vec<&'static str> {
        outcome
            .findings
            .iter()
            .map(|finding| finding.reason.code)
            .collect()
    }

    #[test]
    fn a_runtime_of_the_cluster_needs_a_default_class_and_one_of_a_release_is_only_told() {
        let shipped = claiming("torchtune-llama3.2-1b", &Value::Null);
        let own = claiming("own", &Value::Null);
        let plain = class("disk", &json!({}));
        let outcome = judge_storage_class(std::slice::from_ref(&shipped), &[]);
        assert_eq!(reasons(&outcome), [""; 0]);
        assert_eq!(
            outcome.facts,
            [
                "no default StorageClass",
                "these need a default one: runtime torchtune-llama3.2-1b"
            ]
        );
        let outcome = judge_storage_class(&[shipped, own.clone()], std::slice::from_ref(&plain));
        assert_eq!(reasons(&outcome), ["NoDefaultStorageClass"]);
        assert_eq!(
            outcome.findings[0].mend.as_deref(),
            Some(
                "kubectl annotate storageclass disk storageclass.kubernetes.io/is-default-class=true"
            )
        );
        let default = class("fast", &json!({DEFAULT_ANNOTATIONS[0]: "true"}));
        let outcome = judge_storage_class(&[own], &[plain, default]);
        assert_eq!(
            (reasons(&outcome), outcome.facts),
            (vec![], vec!["fast is the default".to_owned()])
        );
    }

    #[test]
    fn a_named_class_has_to_exist_and_an_empty_name_asks_for_none() {
        let classes = [class("disk", &json!({}))];
        for (wanted, expected) in [
            ("disk", None),
            ("", None),
            ("gone", Some("StorageClassMissing")),
        ] {
            let outcome = judge_storage_class(&[claiming("own", &json!(wanted))], &classes);
            assert_eq!(reasons(&outcome).first().copied(), expected, "{wanted}");
        }
    }
}
