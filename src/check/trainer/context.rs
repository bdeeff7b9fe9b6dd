//! The facts that the checks share. Each is fetched at most once a look, by whichever check asks first.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use futures::future::LocalBoxFuture;
use jiff::Timestamp;
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration},
        apps::v1::Deployment,
        core::v1::{ConfigMap, Namespace, Pod, Secret, Service},
        discovery::v1::EndpointSlice,
    },
};
use kube::{Resource, core::DynamicObject};
use serde::de::DeserializeOwned;
use tokio::sync::OnceCell;

use super::{
    deep::Trial,
    definition::Definition,
    installation::{
        Configuration, FoundBy, PUBLIC_CONFIG_MAP, Part, Place, USUAL_NAMESPACES, belongs_to,
        services,
    },
    namespace::NamespaceFacts,
};
use crate::{
    check::{Finding, Outcome},
    cluster::{
        AccountName, Cluster, Failure, FailureKind, Identity, Scope, ServerVersion, resources,
    },
};

/// What one check asks of the server at the same time, where it asks much.
pub(super) const REQUESTS_AT_ONCE: usize = 24;

/// A fetched value, or why it could not be fetched; both shared.
pub(crate) type Fact<Value> = Result<Rc<Value>, Rc<Failure>>;

/// A fact that is being fetched; boxed, because a request's future is large and many are under way at once.
pub(super) type Looking<'a, Value> = LocalBoxFuture<'a, Fact<Value>>;

/// What the checks of this catalogue look at.
pub struct TrainerContext {
    /// An unusable kubeconfig is a finding like any other, so that there is always a report.
    cluster: Result<Cluster, Rc<Failure>>,
    /// Where dry runs are made.
    pub(crate) namespace: String,
    /// Whose rights are asked for in the namespace; without one, the caller's.
    pub(crate) service_account: Option<AccountName>,
    /// What the checks that try make their TrainJob with; none where nothing is to be tried.
    pub(super) trial: Option<Rc<Trial>>,
    pub(super) namespace_facts: NamespaceFacts,
    pub(crate) now: Timestamp,
    version: OnceCell<Fact<ServerVersion>>,
    identity: OnceCell<Fact<Identity>>,
    api_groups: OnceCell<Fact<Vec<String>>>,
    api_resources: Memo<String, Option<Vec<String>>>,
    definitions: Memo<String, Option<Definition>>,
    configurations: Memo<Part, Vec<Configuration>>,
    places: Memo<Part, Option<Place>>,
    namespaces: Memo<String, Option<Namespace>>,
    deployments: Memo<String, Vec<Deployment>>,
    pods: Memo<String, Vec<Pod>>,
    services: Memo<(String, String), Option<Service>>,
    endpoint_slices: Memo<String, Vec<EndpointSlice>>,
    secrets: Memo<(String, String), Option<Secret>>,
    config_maps: Memo<(String, String), Option<ConfigMap>>,
    runtimes: OnceCell<Fact<Vec<DynamicObject>>>,
    training_runtimes: OnceCell<Fact<TrainingRuntimes>>,
}

/// The `TrainingRuntime` objects that the caller may list.
pub(crate) struct TrainingRuntimes {
    /// All namespaces, or the one where dry runs are made.
    pub(crate) reach: Scope,
    pub(crate) objects: Vec<DynamicObject>,
}

/// Facts of one kind by their key.
pub(super) struct Memo<Key, Value>(RefCell<BTreeMap<Key, Rc<OnceCell<Fact<Value>>>>>);

impl<Key, Value> Default for Memo<Key, Value> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl<Key: Ord, Value> Memo<Key, Value> {
    /// The fact for `key`; who asks while it is being fetched waits for the same answer.
    pub(super) fn get<'a>(
        &'a self,
        key: Key,
        fetch: impl Future<Output = Result<Value, Rc<Failure>>> + 'a,
    ) -> Looking<'a, Value> {
        let cell = Rc::clone(self.0.borrow_mut().entry(key).or_default());
        Box::pin(async move {
            cell.get_or_init(|| async { fetch.await.map(Rc::new) })
                .await
                .clone()
        })
    }
}

impl TrainerContext {
    pub fn new(cluster: Result<Cluster, Failure>, namespace: String, now: Timestamp) -> Self {
        Self {
            cluster: cluster.map_err(Rc::new),
            namespace,
            service_account: None,
            trial: None,
            namespace_facts: NamespaceFacts::default(),
            now,
            version: OnceCell::default(),
            identity: OnceCell::default(),
            api_groups: OnceCell::default(),
            api_resources: Memo::default(),
            definitions: Memo::default(),
            configurations: Memo::default(),
            places: Memo::default(),
            namespaces: Memo::default(),
            deployments: Memo::default(),
            pods: Memo::default(),
            services: Memo::default(),
            endpoint_slices: Memo::default(),
            secrets: Memo::default(),
            config_maps: Memo::default(),
            runtimes: OnceCell::default(),
            training_runtimes: OnceCell::default(),
        }
    }

    /// The same, about the rights of this service account.
    #[must_use]
    pub fn about(self, service_account: Option<AccountName>) -> Self {
        Self {
            service_account,
            ..self
        }
    }

    /// What the checks of a trial look at: everything as the trial's caller.
    pub fn trying(trial: Rc<Trial>, now: Timestamp) -> Self {
        let (cluster, namespace) = (trial.cluster().clone(), trial.namespace().to_owned());
        Self {
            trial: Some(trial),
            ..Self::new(Ok(cluster), namespace, now)
        }
    }

    pub(crate) fn cluster(&self) -> Result<&Cluster, Rc<Failure>> {
        self.cluster.as_ref().map_err(Rc::clone)
    }

    /// What a check that would try something says where nothing can be tried: there is no connection.
    pub(super) fn untried(&self) -> Outcome {
        let failure = self.cluster.as_ref().err();
        failure.map_or_else(Outcome::default, |failure| {
            Outcome::of(Finding::of_failure(failure))
        })
    }

    pub(crate) async fn fetch_version(&self) -> Fact<ServerVersion> {
        once(&self.version, async {
            Ok(self.cluster()?.fetch_version().await?)
        })
        .await
    }

    pub(crate) async fn fetch_identity(&self) -> Fact<Identity> {
        once(&self.identity, async {
            Ok(self.cluster()?.fetch_identity().await?)
        })
        .await
    }

    /// Names of the API groups that the server serves. Everybody who is logged in may ask.
    pub(crate) async fn fetch_api_groups(&self) -> Fact<Vec<String>> {
        once(&self.api_groups, async {
            Ok(self.cluster()?.fetch_api_groups().await?)
        })
        .await
    }

    /// Plural names of the resources of `GROUP/VERSION`; `None` when it is not served.
    pub(crate) async fn fetch_api_resources(
        &self,
        group_version: &str,
    ) -> Fact<Option<Vec<String>>> {
        let fetch = async { Ok(self.cluster()?.fetch_api_resources(group_version).await?) };
        self.api_resources
            .get(group_version.to_owned(), fetch)
            .await
    }

    pub(crate) async fn fetch_definition(&self, name: &str) -> Fact<Option<Definition>> {
        let fetch = async {
            Ok(self
                .cluster()?
                .fetch::<Definition>(&Scope::Cluster, name)
                .await?)
        };
        self.definitions.get(name.to_owned(), fetch).await
    }

    /// The webhook configurations of a part that exist: none, one or two.
    pub(crate) async fn fetch_configurations(&self, part: Part) -> Fact<Vec<Configuration>> {
        let fetch = async {
            let cluster = self.cluster()?;
            let (validating, mutating) = part.configurations();
            let (validating, mutating) = tokio::join!(
                cluster.fetch::<ValidatingWebhookConfiguration>(&Scope::Cluster, validating),
                cluster.fetch::<MutatingWebhookConfiguration>(&Scope::Cluster, mutating),
            );
            let found = [
                validating?.map(Configuration::from),
                mutating?.map(Configuration::from),
            ];
            Ok(found.into_iter().flatten().collect())
        };
        self.configurations.get(part, fetch).await
    }

    /// Where a part lives: as its webhook configurations say, else where its Deployment is found.
    pub(crate) async fn fetch_place(&self, part: Part) -> Fact<Option<Place>> {
        self.places.get(part, self.find_place(part)).await
    }

    async fn find_place(&self, part: Part) -> Result<Option<Place>, Rc<Failure>> {
        match self.fetch_configurations(part).await {
            Ok(configurations) => match services(&configurations).into_iter().next() {
                Some(service) => Ok(Some(Place {
                    namespace: service.namespace,
                    found_by: FoundBy::WebhookConfigurations,
                })),
                None => self.find_deployment(part).await,
            },
            Err(failure) if matches!(failure.kind, FailureKind::Forbidden(_)) => {
                self.find_public_config().await.ok_or(failure).map(Some)
            }
            Err(failure) => Err(failure),
        }
    }

    async fn find_deployment(&self, part: Part) -> Result<Option<Place>, Rc<Failure>> {
        let deployments: Vec<Deployment> = self
            .cluster()?
            .fetch_list(&Scope::AllNamespaces, None)
            .await?;
        let found = deployments
            .into_iter()
            .find(|deployment| belongs_to(deployment, part));
        let namespace = found.and_then(|deployment| deployment.metadata.namespace);
        Ok(namespace.map(|namespace| Place {
            namespace,
            found_by: FoundBy::Deployment,
        }))
    }

    async fn find_public_config(&self) -> Option<Place> {
        for namespace in USUAL_NAMESPACES {
            if let Ok(found) = self.fetch_public_config(namespace).await
                && found.is_some()
            {
                return Some(Place {
                    namespace: namespace.to_owned(),
                    found_by: FoundBy::PublicConfigMap,
                });
            }
        }
        None
    }

    /// Trainer's `ConfigMap` for everybody, which names the release since 2.2.
    pub(crate) async fn fetch_public_config(&self, namespace: &str) -> Fact<Option<ConfigMap>> {
        self.fetch_config_map(namespace, PUBLIC_CONFIG_MAP).await
    }

    pub(crate) async fn fetch_config_map(
        &self,
        namespace: &str,
        name: &str,
    ) -> Fact<Option<ConfigMap>> {
        self.config_maps
            .get(
                (namespace.to_owned(), name.to_owned()),
                self.one(namespace, name),
            )
            .await
    }

    pub(crate) async fn fetch_namespace(&self, name: &str) -> Fact<Option<Namespace>> {
        let fetch = async {
            Ok(self
                .cluster()?
                .fetch::<Namespace>(&Scope::Cluster, name)
                .await?)
        };
        self.namespaces.get(name.to_owned(), fetch).await
    }

    pub(crate) async fn fetch_deployments(&self, namespace: &str) -> Fact<Vec<Deployment>> {
        self.deployments
            .get(namespace.to_owned(), self.all(namespace))
            .await
    }

    pub(crate) async fn fetch_pods(&self, namespace: &str) -> Fact<Vec<Pod>> {
        self.pods
            .get(namespace.to_owned(), self.all(namespace))
            .await
    }

    pub(crate) async fn fetch_endpoint_slices(&self, namespace: &str) -> Fact<Vec<EndpointSlice>> {
        self.endpoint_slices
            .get(namespace.to_owned(), self.all(namespace))
            .await
    }

    pub(crate) async fn fetch_service(&self, namespace: &str, name: &str) -> Fact<Option<Service>> {
        self.services
            .get(
                (namespace.to_owned(), name.to_owned()),
                self.one(namespace, name),
            )
            .await
    }

    pub(crate) async fn fetch_secret(&self, namespace: &str, name: &str) -> Fact<Option<Secret>> {
        self.secrets
            .get(
                (namespace.to_owned(), name.to_owned()),
                self.one(namespace, name),
            )
            .await
    }

    pub(crate) async fn fetch_runtimes(&self) -> Fact<Vec<DynamicObject>> {
        let resource = resources::cluster_training_runtimes();
        once(&self.runtimes, async {
            Ok(self
                .cluster()?
                .fetch_objects(&resource, &Scope::Cluster, None)
                .await?)
        })
        .await
    }

    /// Those of all namespaces; where that is not allowed, those of the namespace where dry runs are made.
    pub(crate) async fn fetch_training_runtimes(&self) -> Fact<TrainingRuntimes> {
        once(&self.training_runtimes, async {
            match self.list_training_runtimes(Scope::AllNamespaces).await {
                Err(failure) if matches!(failure.kind, FailureKind::Forbidden(_)) => {
                    let own = Scope::Namespace(self.namespace.clone());
                    self.list_training_runtimes(own).await
                }
                listed => listed,
            }
        })
        .await
    }

    async fn list_training_runtimes(&self, reach: Scope) -> Result<TrainingRuntimes, Rc<Failure>> {
        let resource = resources::training_runtimes();
        let objects = self
            .cluster()?
            .fetch_objects(&resource, &reach, None)
            .await?;
        Ok(TrainingRuntimes { reach, objects })
    }

    pub(super) async fn one<Object>(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Object>, Rc<Failure>>
    where
        Object: Resource<DynamicType = (), Scope = NamespaceResourceScope> + DeserializeOwned,
    {
        Ok(self
            .cluster()?
            .fetch::<Object>(&Scope::Namespace(namespace.to_owned()), name)
            .await?)
    }

    pub(super) async fn all<Object>(&self, namespace: &str) -> Result<Vec<Object>, Rc<Failure>>
    where
        Object: Resource<DynamicType = (), Scope = NamespaceResourceScope> + DeserializeOwned,
    {
        Ok(self
            .cluster()?
            .fetch_list::<Object>(&Scope::Namespace(namespace.to_owned()), None)
            .await?)
    }
}

pub(super) fn once<'a, Value>(
    cell: &'a OnceCell<Fact<Value>>,
    fetch: impl Future<Output = Result<Value, Rc<Failure>>> + 'a,
) -> Looking<'a, Value> {
    Box::pin(async move {
        cell.get_or_init(|| async { fetch.await.map(Rc::new) })
            .await
            .clone()
    })
}
