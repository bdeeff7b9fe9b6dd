//! Where Trainer and JobSet live and what belongs to them, read from objects of the cluster and never assumed.
//! Pure: `context.rs` fetches the objects.

use k8s_openapi::api::{
    admissionregistration::v1::{
        MutatingWebhookConfiguration, ServiceReference, ValidatingWebhookConfiguration,
        WebhookClientConfig,
    },
    apps::v1::Deployment,
    core::v1::Pod,
};

/// Where the project's overlays and its chart install by default.
pub(crate) const USUAL_NAMESPACES: [&str; 2] = ["kubeflow-system", "kubeflow"];
/// Holds the installed version under [`PUBLIC_VERSION_KEY`] since release 2.2; everybody may read it.
pub(crate) const PUBLIC_CONFIG_MAP: &str = "kubeflow-trainer-public";
pub(crate) const PUBLIC_VERSION_KEY: &str = "kubeflow_trainer_version";

/// One of the two controllers that training needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Trainer,
    JobSet,
}

impl Part {
    pub(crate) const BOTH: [Self; 2] = [Self::Trainer, Self::JobSet];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Trainer => "Trainer",
            Self::JobSet => "JobSet",
        }
    }

    /// Names of the validating and the mutating configuration. They are hard-coded in both controllers and the
    /// same however they were installed: Trainer `cmd/trainer-controller-manager/main.go`, JobSet `pkg/util/cert`.
    pub(crate) const fn configurations(self) -> (&'static str, &'static str) {
        match self {
            Self::Trainer => (
                "validator.trainer.kubeflow.org",
                "defaulter.trainer.kubeflow.org",
            ),
            Self::JobSet => (
                "jobset-validating-webhook-configuration",
                "jobset-mutating-webhook-configuration",
            ),
        }
    }

    /// The Secret with the webhook's certificate, unless the Deployment mounts another.
    pub(crate) const fn usual_secret(self) -> &'static str {
        match self {
            Self::Trainer => "kubeflow-trainer-webhook-cert",
            Self::JobSet => "jobset-webhook-server-cert",
        }
    }

    /// The service account of its pods, as the release names it.
    pub(crate) const fn usual_account(self) -> &'static str {
        match self {
            Self::Trainer => "kubeflow-trainer-controller-manager",
            Self::JobSet => "jobset-controller-manager",
        }
    }

    /// The Lease by which its pods elect a leader, unless its configuration names another. Trainer: the released
    /// configuration; JobSet: `api/config/v1alpha1/defaults.go`.
    pub(crate) const fn usual_lease(self) -> &'static str {
        match self {
            Self::Trainer => "trainer.kubeflow.org",
            Self::JobSet => "6d4f6a47.jobset.x-k8s.io",
        }
    }

    const fn image_name(self) -> &'static str {
        match self {
            Self::Trainer => "trainer-controller-manager",
            Self::JobSet => "jobset",
        }
    }

    /// Values of `app.kubernetes.io/name` or `part-of`, by kustomize and by Helm.
    const fn label_values(self) -> &'static [&'static str] {
        match self {
            Self::Trainer => &["trainer", "kubeflow-trainer"],
            Self::JobSet => &["jobset"],
        }
    }
}

/// Which of the two webhook configuration kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConfigurationKind {
    Validating,
    Mutating,
}

impl ConfigurationKind {
    pub(crate) const fn resource(self) -> &'static str {
        match self {
            Self::Validating => "validatingwebhookconfiguration",
            Self::Mutating => "mutatingwebhookconfiguration",
        }
    }
}

/// A webhook configuration of either kind.
#[derive(Clone, Debug)]
pub(crate) struct Configuration {
    pub(crate) kind: ConfigurationKind,
    pub(crate) name: String,
    pub(crate) webhooks: Vec<Webhook>,
}

/// One entry of a webhook configuration.
#[derive(Clone, Debug)]
pub(crate) struct Webhook {
    pub(crate) name: String,
    /// `None` when it is called by URL.
    pub(crate) service: Option<ServiceAddress>,
    /// PEM, as the API server uses it; empty when nobody has filled it in.
    pub(crate) ca_bundle: Vec<u8>,
}

/// The Service that a webhook is called through.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ServiceAddress {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) port: i32,
}

impl ServiceAddress {
    /// The name that the API server expects in the webhook's certificate.
    pub(crate) fn dns_name(&self) -> String {
        format!("{}.{}.svc", self.name, self.namespace)
    }
}

impl From<ValidatingWebhookConfiguration> for Configuration {
    fn from(object: ValidatingWebhookConfiguration) -> Self {
        let webhooks = object.webhooks.unwrap_or_default().into_iter();
        Self {
            kind: ConfigurationKind::Validating,
            name: object.metadata.name.unwrap_or_default(),
            webhooks: webhooks
                .map(|entry| Webhook::new(entry.name, entry.client_config))
                .collect(),
        }
    }
}

impl From<MutatingWebhookConfiguration> for Configuration {
    fn from(object: MutatingWebhookConfiguration) -> Self {
        let webhooks = object.webhooks.unwrap_or_default().into_iter();
        Self {
            kind: ConfigurationKind::Mutating,
            name: object.metadata.name.unwrap_or_default(),
            webhooks: webhooks
                .map(|entry| Webhook::new(entry.name, entry.client_config))
                .collect(),
        }
    }
}

impl Webhook {
    fn new(name: String, client: WebhookClientConfig) -> Self {
        let ca_bundle = client.ca_bundle.map(|bytes| bytes.0).unwrap_or_default();
        Self {
            name,
            service: client.service.map(ServiceAddress::from),
            ca_bundle,
        }
    }
}

impl From<ServiceReference> for ServiceAddress {
    fn from(reference: ServiceReference) -> Self {
        // 443 is the API's default for a webhook's Service.
        Self {
            namespace: reference.namespace,
            name: reference.name,
            port: reference.port.unwrap_or(443),
        }
    }
}

/// How a namespace was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FoundBy {
    WebhookConfigurations,
    /// There is no webhook configuration: by the labels and image of its Deployment.
    Deployment,
    /// Webhook configurations may not be read: by Trainer's public `ConfigMap`.
    PublicConfigMap,
}

/// Where a part lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) namespace: String,
    pub(crate) found_by: FoundBy,
}

/// Every Service that these configurations call, once each, in order.
pub(crate) fn services(configurations: &[Configuration]) -> Vec<ServiceAddress> {
    let entries = configurations
        .iter()
        .flat_map(|configuration| &configuration.webhooks);
    let mut services: Vec<_> = entries
        .filter_map(|webhook| webhook.service.clone())
        .collect();
    services.sort();
    services.dedup();
    services
}

/// Whether a Deployment is the controller of `part`: by its image, else by its labels. Charts rename Deployments.
pub(crate) fn belongs_to(deployment: &Deployment, part: Part) -> bool {
    let image_names = images(deployment).map(image_name);
    if image_names
        .into_iter()
        .any(|name| name == part.image_name())
    {
        return true;
    }
    let Some(labels) = &deployment.metadata.labels else {
        return false;
    };
    let value = |key: &str| labels.get(key).map(String::as_str);
    let controller = matches!(
        value("app.kubernetes.io/component"),
        Some("manager" | "controller")
    );
    let named = ["app.kubernetes.io/name", "app.kubernetes.io/part-of"]
        .iter()
        .any(|key| value(key).is_some_and(|value| part.label_values().contains(&value)));
    controller && named
}

/// The images of a Deployment's containers, in order.
pub(crate) fn images(deployment: &Deployment) -> impl Iterator<Item = &str> {
    let pod = deployment
        .spec
        .as_ref()
        .and_then(|spec| spec.template.spec.as_ref());
    pod.into_iter()
        .flat_map(|pod| &pod.containers)
        .filter_map(|container| container.image.as_deref())
}

/// `jobset` of `registry.k8s.io/jobset/jobset:v0.12.0@sha256:…`.
pub(crate) fn image_name(image: &str) -> &str {
    let without_digest = image.split('@').next().unwrap_or(image);
    let last = without_digest.rsplit('/').next().unwrap_or(without_digest);
    last.split(':').next().unwrap_or(last)
}

/// `v0.12.0` of `registry.k8s.io/jobset/jobset:v0.12.0@sha256:…`.
pub(crate) fn image_tag(image: &str) -> Option<&str> {
    let without_digest = image.split('@').next().unwrap_or(image);
    without_digest
        .rsplit('/')
        .next()?
        .split_once(':')
        .map(|(_, tag)| tag)
}

/// The release that a controller's image is tagged with, such as `2.0.1`; `None` without a tag.
pub(crate) fn image_version(deployment: &Deployment, part: Part) -> Option<&str> {
    let own = images(deployment).find(|image| image_name(image) == part.image_name());
    let image = own.or_else(|| images(deployment).next())?;
    Some(image_tag(image)?.trim_start_matches('v'))
}

/// The pods of a Deployment that are not on their way out.
pub(crate) fn pods_of<'a>(deployment: &Deployment, pods: &'a [Pod]) -> Vec<&'a Pod> {
    let mut own = all_pods_of(deployment, pods);
    own.retain(|pod| pod.metadata.deletion_timestamp.is_none());
    own
}

/// The pods of a Deployment: owned by one of its `ReplicaSets`. Those on their way out may still work.
pub(crate) fn all_pods_of<'a>(deployment: &Deployment, pods: &'a [Pod]) -> Vec<&'a Pod> {
    let prefix = format!(
        "{}-",
        deployment.metadata.name.as_deref().unwrap_or_default()
    );
    let owned = |pod: &&Pod| {
        let owners = pod.metadata.owner_references.iter().flatten();
        // A ReplicaSet is named after its Deployment and a hash without hyphens.
        owners
            .filter(|owner| owner.kind == "ReplicaSet")
            .any(|owner| {
                owner
                    .name
                    .strip_prefix(&prefix)
                    .is_some_and(|hash| !hash.contains('-'))
            })
    };
    pods.iter().filter(owned).collect()
}

/// The Secret that a Deployment mounts its webhook certificate from.
pub(crate) fn certificate_secret(deployment: Option<&Deployment>, part: Part) -> String {
    let pod = deployment.and_then(|deployment| deployment.spec.as_ref()?.template.spec.as_ref());
    let volumes = pod
        .and_then(|pod| pod.volumes.as_deref())
        .unwrap_or_default();
    let mounted = volumes
        .iter()
        .find_map(|volume| volume.secret.as_ref()?.secret_name.clone());
    mounted.unwrap_or_else(|| part.usual_secret().to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deployment(name: &str, image: &str, labels: &serde_json::Value) -> Deployment {
        let object = json!({
            "metadata": {"name": name, "labels": labels},
            "spec": {"selector": {}, "template": {"spec": {"containers": [{"name": "manager", "image": image}]}}},
        });
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn controllers_are_known_by_image_or_labels_and_not_by_name() {
        let helm = json!({"app.kubernetes.io/name": "kubeflow-trainer", "app.kubernetes.io/component": "manager"});
        let kustomize = json!({"app.kubernetes.io/part-of": "jobset", "app.kubernetes.io/component": "manager"});
        for (image, labels, expected) in [
            (
                "ghcr.io/kubeflow/trainer/trainer-controller-manager:v2.3.0",
                json!({}),
                Some(Part::Trainer),
            ),
            (
                "mirror.example.com:5000/trainer-controller-manager@sha256:0123",
                json!({}),
                Some(Part::Trainer),
            ),
            (
                "registry.k8s.io/jobset/jobset:v0.12.0",
                json!({}),
                Some(Part::JobSet),
            ),
            ("example.com/renamed:v1", helm, Some(Part::Trainer)),
            ("example.com/renamed:v1", kustomize, Some(Part::JobSet)),
            (
                "registry.k8s.io/kueue/kueue:v0.17.0",
                json!({"app.kubernetes.io/name": "kueue", "app.kubernetes.io/component": "manager"}),
                None,
            ),
            (
                "example.com/web:v1",
                json!({"app.kubernetes.io/name": "trainer"}),
                None,
            ),
        ] {
            let found = Part::BOTH
                .into_iter()
                .find(|part| belongs_to(&deployment("any", image, &labels), *part));
            assert_eq!(found, expected, "{image}");
        }
    }

    #[test]
    fn tags_are_told_from_ports_and_digests() {
        assert_eq!(
            image_tag("mirror.example.com:5000/jobset:v0.12.0@sha256:0123"),
            Some("v0.12.0")
        );
        assert_eq!(image_tag("mirror.example.com:5000/jobset"), None);
    }

    #[test]
    fn the_version_is_the_tag_of_the_controllers_own_image() {
        for (image, version) in [
            (
                "ghcr.io/kubeflow/trainer/trainer-controller-manager:v2.0.1",
                Some("2.0.1"),
            ),
            ("registry:5000/manager", None),
            ("example.com/manager@sha256:abc", None),
            ("example.com/manager:v2.1.0@sha256:abc", Some("2.1.0")),
        ] {
            let deployment = deployment("any", image, &json!({}));
            assert_eq!(
                image_version(&deployment, Part::Trainer),
                version,
                "{image}"
            );
        }
        let mut two = deployment("any", "example.com/proxy:v9", &json!({}));
        let pod = two.spec.as_mut().unwrap().template.spec.as_mut().unwrap();
        pod.containers.push(k8s_openapi::api::core::v1::Container {
            image: Some("mirror/trainer-controller-manager:v2.3.0".to_owned()),
            ..Default::default()
        });
        assert_eq!(image_version(&two, Part::Trainer), Some("2.3.0"));
    }

    #[test]
    fn a_deployment_owns_the_pods_of_its_replica_sets_alone() {
        let pod = |name: &str, owner: &str| -> Pod {
            let owner =
                json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": owner, "uid": "1"});
            serde_json::from_value(json!({"metadata": {"name": name, "ownerReferences": [owner]}}))
                .unwrap()
        };
        let mut leaving = pod("leaving", "jobset-6f6f75f9cd");
        leaving.metadata.deletion_timestamp =
            serde_json::from_value(json!("2026-11-21T08:00:00Z")).unwrap();
        let pods = [
            pod("own", "jobset-6f6f75f9cd"),
            pod("longer-name", "jobset-controller-6f6f75f9cd"),
            pod("other", "trainer-1"),
            leaving,
        ];
        let own = pods_of(&deployment("jobset", "", &json!({})), &pods);
        assert_eq!(
            own.iter()
                .map(|pod| pod.metadata.name.as_deref().unwrap())
                .collect::<Vec<_>>(),
            ["own"]
        );
    }
}
