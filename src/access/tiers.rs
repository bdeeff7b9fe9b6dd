//! Two tiers in one namespace: a policy of the API server that keeps training code from running as the platform's own
//! account, from Secrets that were not given to it, and from the node on which it runs, through every field by which a
//! TrainJob of Trainer 2.0 to 2.3 (or a TrainingRuntime) can ask for them. Roles cannot do that: whoever may create
//! TrainJobs chooses these fields.

use serde_json::{Value, json};

use super::{
    grant::{Subject, binding, labels},
    persona::Persona,
};
use crate::cluster::{AccountName, Manifest, ObjectKind, ObjectPlace};

/// The two accounts of a namespace, and what training code may have.
#[derive(Clone, Debug)]
pub struct Tiers {
    pub system: AccountName,
    pub code: AccountName,
    /// Secrets that training code may name.
    pub code_secrets: Vec<String>,
}

/// The verb by which the API server is asked who belongs to the system tier.
const USE: &str = "use";

impl Tiers {
    /// Whether a policy has to part them: a TrainJob can name accounts of its own namespace only.
    pub fn share_a_namespace(&self) -> bool {
        self.system.namespace == self.code.namespace
    }

    /// The right to run as the system account, for that account itself, and the policy for everybody else.
    pub fn manifests(&self) -> Vec<Manifest> {
        let namespace = &self.code.namespace;
        let name = format!("kubectl-trainer-use-{}", self.system.name);
        let rule = json!({
            "apiGroups": [""],
            "resources": ["serviceaccounts"],
            "resourceNames": [self.system.name],
            "verbs": [USE],
        });
        let metadata = || labels(Some(Persona::System), Some(&self.system.name));
        let place = ObjectPlace::in_namespace(ObjectKind::Role, namespace, &name);
        let subject = Subject::Account(self.system.clone());
        vec![
            Manifest::new(place, json!({ "metadata": metadata(), "rules": [rule] })),
            binding(namespace, &name, &subject, &metadata()),
            self.policy(),
            self.policy_binding(),
        ]
    }

    /// The platform's account gets no rights before the policy keeps others from running as it.
    pub fn hold_rights(&self, manifests: &mut [Manifest]) {
        let policy =
            ObjectPlace::of_cluster(ObjectKind::AdmissionPolicyBinding, self.policy_name());
        let is_own = |manifest: &&mut Manifest| {
            let subject = &manifest.body["subjects"][0];
            manifest.place.kind == ObjectKind::RoleBinding
                && subject["name"] == *self.system.name
                && subject["namespace"] == *self.system.namespace
        };
        for binding in manifests.iter_mut().filter(is_own) {
            binding.needs = Some(policy.clone());
        }
    }

    fn policy_name(&self) -> String {
        format!("kubectl-trainer-tiers.{}", self.code.namespace)
    }

    fn policy_binding(&self) -> Manifest {
        let name = self.policy_name();
        let selector = json!({ "kubernetes.io/metadata.name": self.code.namespace });
        let fields = json!({
            "metadata": labels(Some(Persona::System), None),
            "spec": {
                "policyName": name,
                "validationActions": ["Deny"],
                "matchResources": { "namespaceSelector": { "matchLabels": selector } },
            },
        });
        let place = ObjectPlace::of_cluster(ObjectKind::AdmissionPolicyBinding, name);
        Manifest::new(place, fields)
    }

    fn policy(&self) -> Manifest {
        let rule = json!({
            "apiGroups": ["trainer.kubeflow.org"],
            "apiVersions": ["*"],
            "operations": ["CREATE", "UPDATE"],
            "resources": ["trainjobs", "trainingruntimes"],
        });
        let place = ObjectPlace::of_cluster(ObjectKind::AdmissionPolicy, self.policy_name());
        Manifest::new(
            place,
            json!({
                "metadata": labels(Some(Persona::System), None),
                "spec": {
                    "failurePolicy": "Fail",
                    "matchConstraints": { "resourceRules": [rule] },
                    "variables": self.variables(),
                    "validations": [self.accounts_rule(), self.secrets_rule(), self.node_rule()],
                },
            }),
        )
    }

    /// A TrainingRuntime is never excused, whoever writes it: everybody's TrainJobs may name it.
    fn variables(&self) -> Vec<Value> {
        let trusted = format!(
            "object.kind == 'TrainJob' && authorizer.group('').resource('serviceaccounts').namespace(request.namespace).name({}).check('{USE}').allowed()",
            quoted(&self.system.name)
        );
        let same = JUDGED.map(|field| format!("object.spec.?{field} == oldObject.spec.?{field}"));
        let unchanged = format!("oldObject != null && {}", same.join(" && "));
        let own = [
            variable("trusted", &trusted),
            variable("unchanged", &unchanged),
        ];
        let fields = FIELDS.iter();
        let fields = fields.map(|(name, expression)| variable(name, expression));
        own.into_iter().chain(fields).collect()
    }

    fn accounts_rule(&self) -> Value {
        let known = list(&["", "default", &self.code.name]);
        let check = format!(
            "s.?serviceAccountName.orValue('') in {known} && s.?serviceAccount.orValue('') in {known}"
        );
        let message = format!(
            "training in namespace {} runs as service account {} or default, and as no other (kubectl-trainer, two tiers)",
            self.code.namespace, self.code.name
        );
        validation(&every_pod(&check), &message)
    }

    fn secrets_rule(&self) -> Value {
        let secrets = self.code_secrets.iter().map(String::as_str);
        let known = list(&[""].into_iter().chain(secrets).collect::<Vec<_>>());
        let env = |list: &str| {
            format!("{list}.all(e, e.?valueFrom.?secretKeyRef.?name.orValue('') in {known})")
        };
        let in_containers = |field: &str| {
            format!(
                "s.?{field}.orValue([]).all(c, {} && c.?envFrom.orValue([]).all(f, f.?secretRef.?name.orValue('') in {known}))",
                env("c.?env.orValue([])")
            )
        };
        let names = VOLUME_SECRETS.map(|path| format!("v.?{path}.orValue('')"));
        let volumes = format!(
            "s.?volumes.orValue([]).all(v, [{}].all(n, n in {known}) && v.?projected.?sources.orValue([]).all(p, p.?secret.?name.orValue('') in {known}))",
            names.join(", ")
        );
        let pulls =
            format!("s.?imagePullSecrets.orValue([]).all(i, i.?name.orValue('') in {known})");
        let pod = [
            volumes,
            in_containers("containers"),
            in_containers("initContainers"),
            pulls,
        ]
        .join(" && ");
        let expression = format!(
            "{} && {} && variables.refs.all(r, r in {known})",
            every_pod(&pod),
            env("variables.env")
        );
        let given = match self.code_secrets.as_slice() {
            [] => "none was given to it".to_owned(),
            secrets => format!("given to it: {}", secrets.join(", ")),
        };
        let message = format!(
            "training in namespace {} may name no Secret but those given to it, and {given} (kubectl-trainer, two tiers; --code-secret gives one)",
            self.code.namespace
        );
        validation(&expression, &message)
    }

    /// On the node lie the tokens and Secrets of all pods there.
    fn node_rule(&self) -> Value {
        let flags = ["hostPID", "hostNetwork", "hostIPC"];
        let flags = flags.map(|flag| format!("!s.?{flag}.orValue(false)"));
        let windows = "securityContext.?windowsOptions.?hostProcess.orValue(false)";
        let in_containers = |field: &str| {
            format!(
                "s.?{field}.orValue([]).all(c, !c.?securityContext.?privileged.orValue(false) && c.?securityContext.?capabilities.?add.orValue([]) == [] && !c.?{windows})"
            )
        };
        let pod = [
            "s.?volumes.orValue([]).all(v, !has(v.hostPath))".to_owned(),
            in_containers("containers"),
            in_containers("initContainers"),
            format!("!s.?{windows}"),
            flags.join(" && "),
        ]
        .join(" && ");
        let message = format!(
            "training in namespace {} gets nothing of its node: no hostPath volumes, no privileged containers, no added capabilities, none of hostPID, hostNetwork and hostIPC (kubectl-trainer, two tiers)",
            self.code.namespace
        );
        validation(&every_pod(&pod), &message)
    }
}

/// Every field of the kinds that ends in pods: lists of pod specs of 2.0 and 2.1, lists of the jobs that 2.2 and newer
/// patch and that a TrainingRuntime is made of, environments, and the Secrets of initializers.
const FIELDS: [(&str, &str); 4] = [
    (
        "overrides",
        "object.spec.?podSpecOverrides.orValue([]) + object.spec.?podTemplateOverrides.orValue([]).map(o, o.?spec.orValue({}))",
    ),
    (
        "jobs",
        "object.spec.?runtimePatches.orValue([]).map(p, p.?trainingRuntimeSpec.?template.?spec.?replicatedJobs.orValue([])) + [object.spec.?template.?spec.?replicatedJobs.orValue([])]",
    ),
    (
        "env",
        "object.spec.?trainer.?env.orValue([]) + object.spec.?initializer.?dataset.?env.orValue([]) + object.spec.?initializer.?model.?env.orValue([])",
    ),
    (
        "refs",
        "[object.spec.?initializer.?dataset.?secretRef.?name.orValue(''), object.spec.?initializer.?model.?secretRef.?name.orValue('')]",
    ),
];

/// All that a change of decides what runs, or as whom: then the whole object is judged anew, by the rights of whoever
/// changes it. Suspending, resuming and marks of controllers are nobody's wish to run something else.
const JUDGED: [&str; 11] = [
    "runtimeRef",
    "initializer",
    "trainer",
    "podSpecOverrides",
    "podTemplateOverrides",
    "runtimePatches",
    "labels",
    "annotations",
    "template",
    "mlPolicy",
    "podGroupPolicy",
];

/// Where a volume names a Secret, beside projected ones.
const VOLUME_SECRETS: [&str; 10] = [
    "secret.?secretName",
    "azureFile.?secretName",
    "csi.?nodePublishSecretRef.?name",
    "cephfs.?secretRef.?name",
    "cinder.?secretRef.?name",
    "flexVolume.?secretRef.?name",
    "iscsi.?secretRef.?name",
    "rbd.?secretRef.?name",
    "scaleIO.?secretRef.?name",
    "storageos.?secretRef.?name",
];

/// Whether the check holds for the spec `s` of every pod.
fn every_pod(check: &str) -> String {
    format!(
        "variables.overrides.all(s, {check}) && variables.jobs.all(l, l.all(j, [j.?template.?spec.?template.?spec.orValue({{}})].all(s, {check})))"
    )
}

fn variable(name: &str, expression: &str) -> Value {
    json!({ "name": name, "expression": expression })
}

/// Asking who may is dear, so it comes last.
fn validation(expression: &str, message: &str) -> Value {
    json!({
        "expression": format!("variables.unchanged || ({expression}) || variables.trusted"),
        "message": message,
        "reason": "Forbidden",
    })
}

fn list(names: &[&str]) -> String {
    let names: Vec<_> = names.iter().map(|name| quoted(name)).collect();
    format!("[{}]", names.join(", "))
}

/// Names of objects have no quotes in them.
fn quoted(name: &str) -> String {
    format!("'{name}'")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(namespace: &str, name: &str) -> AccountName {
        AccountName {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    fn tiers() -> Tiers {
        Tiers {
            system: account("team-a", "trainer-system"),
            code: account("team-a", "trainer-user-code"),
            code_secrets: vec!["hf-token".to_owned()],
        }
    }

    #[test]
    fn accounts_of_different_namespaces_need_no_policy() {
        assert!(tiers().share_a_namespace());
        let apart = Tiers {
            system: account("team-a-system", "trainer-system"),
            ..tiers()
        };
        assert!(!apart.share_a_namespace());
    }

    #[test]
    fn the_policy_reads_the_patch_fields_of_every_release() {
        let policy = tiers().policy().body.to_string();
        for field in ["podSpecOverrides", "podTemplateOverrides", "runtimePatches"] {
            assert!(policy.contains(field), "{field}");
        }
        assert!(policy.contains("['', 'default', 'trainer-user-code']"));
        assert!(policy.contains("['', 'hf-token']"));
    }

    #[test]
    fn trust_excuses_trainjobs_alone() {
        let variables = tiers().variables();
        let trusted = variables.iter().find(|it| it["name"] == "trusted").unwrap();
        let expression = trusted["expression"].as_str().unwrap();
        assert!(
            expression.starts_with("object.kind == 'TrainJob' && authorizer."),
            "{expression}"
        );
    }

    #[test]
    fn the_rights_of_the_platform_wait_for_the_policy_and_nothing_else_does() {
        let mut every = tiers().manifests();
        let metadata = labels(None, None);
        let other = Subject::User("trainer-system".to_owned());
        every.push(binding("team-a", "r", &other, &metadata));
        tiers().hold_rights(&mut every);
        let waiting = every.iter().filter_map(|manifest| {
            let needs = manifest.needs.as_ref()?;
            Some(format!("{} {}", manifest.place.words(), needs.words()))
        });
        assert_eq!(
            waiting.collect::<Vec<_>>(),
            [
                "RoleBinding team-a/kubectl-trainer-use-trainer-system-trainer-system ValidatingAdmissionPolicyBinding kubectl-trainer-tiers.team-a"
            ]
        );
        assert!(ObjectKind::AdmissionPolicyBinding < ObjectKind::RoleBinding);
    }
}
