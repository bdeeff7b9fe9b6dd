//! The questions that a `Cluster` answers: version, identity, one object, lists, a dry-run creation, a log's end.
//! Each names itself in words, so that a failure can say what could not be done.

use http::Request;
use k8s_openapi::{
    api::{authentication::v1::SelfSubjectReview, core::v1::Pod},
    apimachinery::pkg::apis::meta::v1::{APIGroupList, APIResourceList},
};
use kube::core::{
    ApiResource, DynamicObject, Request as ResourceRequest, Resource, params::GetParams,
    params::ListParams, params::PostParams, subresource::LogParams,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    connect::Cluster,
    exchange::parse_json,
    failure::{Failure, FailureKind},
    log_request::LogStreamRequest,
    paging::Selector,
};

/// Where to look for objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Objects without a namespace.
    Cluster,
    Namespace(String),
    AllNamespaces,
}

impl Scope {
    pub(super) fn namespace(&self) -> Option<&str> {
        match self {
            Self::Namespace(name) => Some(name),
            Self::Cluster | Self::AllNamespaces => None,
        }
    }

    pub(super) fn words(&self) -> String {
        match self {
            Self::Cluster => String::new(),
            Self::Namespace(name) => format!(" in namespace {name}"),
            Self::AllNamespaces => " in all namespaces".to_owned(),
        }
    }
}

/// The answer of `GET /version`, e.g. `v1.36.4` and `linux/amd64`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerVersion {
    pub git_version: String,
    pub major: String,
    /// May end in `+` on managed clusters.
    pub minor: String,
    pub platform: String,
}

/// Whom the API server takes the caller for, after impersonation.
#[derive(Clone, Debug, Serialize)]
pub struct Identity {
    pub user: String,
    pub groups: Vec<String>,
}

/// Which run of a container a log belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    Current,
    Previous,
}

/// The last `lines` lines of one container's log.
#[derive(Clone, Copy, Debug)]
pub struct LogTail<'a> {
    pub namespace: &'a str,
    pub pod: &'a str,
    pub container: &'a str,
    pub attempt: Attempt,
    pub lines: u16,
}

impl Cluster {
    /// `GET /version`: needs no rights beyond those that everybody has.
    pub async fn fetch_version(&self) -> Result<ServerVersion, Failure> {
        let words = "read the server's version";
        self.fetch_json(words, Request::get("/version").body(Vec::new()))
            .await
    }

    /// Who the caller is, by `SelfSubjectReview`.
    pub async fn fetch_identity(&self) -> Result<Identity, Failure> {
        let words = "ask who you are (create selfsubjectreviews.authentication.k8s.io)";
        let request = ResourceRequest::new(SelfSubjectReview::url_path(&(), None));
        let body = self.encode(words, &SelfSubjectReview::default())?;
        let review: SelfSubjectReview = self
            .fetch_json(words, request.create(&PostParams::default(), body))
            .await?;
        let user = review
            .status
            .and_then(|status| status.user_info)
            .unwrap_or_default();
        Ok(Identity {
            user: user.username.unwrap_or_default(),
            groups: user.groups.unwrap_or_default(),
        })
    }

    /// One object of a built-in kind. `None` when there is no object of that name.
    pub async fn fetch<K>(&self, scope: &Scope, name: &str) -> Result<Option<K>, Failure>
    where
        K: Resource<DynamicType: Default> + DeserializeOwned,
    {
        self.fetch_named::<K>(&K::DynamicType::default(), scope, name)
            .await
    }

    /// All objects of a built-in kind, page by page. `selector` is a label selector in kubectl's syntax.
    pub async fn fetch_list<K>(
        &self,
        scope: &Scope,
        selector: Option<&str>,
    ) -> Result<Vec<K>, Failure>
    where
        K: Resource<DynamicType: Default> + DeserializeOwned,
    {
        let selector = Selector::of_labels(selector);
        self.fetch_pages::<K>(&K::DynamicType::default(), scope, selector)
            .await
    }

    /// The pods of all namespaces that were put on this node, those that have ended too.
    pub async fn fetch_pods_of_node(&self, node: &str) -> Result<Vec<Pod>, Failure> {
        let fields = format!("spec.nodeName={node}");
        self.fetch_pages(&(), &Scope::AllNamespaces, Selector::Fields(&fields))
            .await
    }

    /// The events of a namespace that are warnings about these objects; `about` is a field selector, such as
    /// `involvedObject.name=pi`.
    pub(super) async fn fetch_warnings<K>(
        &self,
        scope: &Scope,
        about: &str,
    ) -> Result<Vec<K>, Failure>
    where
        K: Resource<DynamicType = ()> + DeserializeOwned,
    {
        let fields = format!("type=Warning,{about}");
        self.fetch_pages(&(), scope, Selector::Fields(&fields))
            .await
    }

    /// One object of a kind known by name only, whole. `None` when there is no object of that name.
    pub async fn fetch_object(
        &self,
        resource: &ApiResource,
        scope: &Scope,
        name: &str,
    ) -> Result<Option<DynamicObject>, Failure> {
        self.fetch_named::<DynamicObject>(resource, scope, name)
            .await
    }

    /// All objects of a kind known by name only, whole, with `apiVersion` and `kind` filled in.
    /// [`FailureKind::NotFound`] means that the server does not serve the kind.
    pub async fn fetch_objects(
        &self,
        resource: &ApiResource,
        scope: &Scope,
        selector: Option<&str>,
    ) -> Result<Vec<DynamicObject>, Failure> {
        let mut objects = self
            .fetch_pages::<DynamicObject>(resource, scope, Selector::of_labels(selector))
            .await?;
        for object in &mut objects {
            object.types.get_or_insert_with(|| kube::core::TypeMeta {
                api_version: resource.api_version.clone(),
                kind: resource.kind.clone(),
            });
        }
        Ok(objects)
    }

    /// The names of the API groups that the server serves. Every caller with an identity may ask.
    pub async fn fetch_api_groups(&self) -> Result<Vec<String>, Failure> {
        let request = Request::get("/apis").body(Vec::new());
        let groups: APIGroupList = self.fetch_json("list the API groups", request).await?;
        Ok(groups.groups.into_iter().map(|group| group.name).collect())
    }

    /// The plural names of what `group_version` (such as `apps/v1`) holds, without subresources.
    /// `None` when the server does not serve it. Every caller with an identity may ask.
    pub async fn fetch_api_resources(
        &self,
        group_version: &str,
    ) -> Result<Option<Vec<String>>, Failure> {
        let words = format!("list the resources of {group_version}");
        let request = Request::get(format!("/apis/{group_version}")).body(Vec::new());
        match self.fetch_json::<APIResourceList>(&words, request).await {
            Ok(list) => {
                let names = list.resources.into_iter().map(|resource| resource.name);
                Ok(Some(names.filter(|name| !name.contains('/')).collect()))
            }
            Err(Failure {
                kind: FailureKind::NotFound { .. },
                ..
            }) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Has the server (defaults, validation, webhooks) accept the object without storing it; returns what it would store.
    pub async fn create_dry_run(&self, object: &DynamicObject) -> Result<DynamicObject, Failure> {
        let words = format!("create (dry run) {}", name_of(object));
        let types = object.types.clone().unwrap_or_default();
        let kind = kube::core::GroupVersionKind::try_from(types)
            .map_err(|error| self.unexpected(&words, &error))?;
        let path = DynamicObject::url_path(
            &ApiResource::from_gvk(&kind),
            object.metadata.namespace.as_deref(),
        );
        let options = PostParams {
            dry_run: true,
            ..PostParams::default()
        };
        let body = self.encode(&words, object)?;
        self.fetch_json(&words, ResourceRequest::new(path).create(&options, body))
            .await
    }

    /// The end of a container's log, as the kubelet serves it.
    pub async fn fetch_log_tail(&self, tail: LogTail<'_>) -> Result<String, Failure> {
        let words = format!(
            "read the log of container {} of pod {}/{}",
            tail.container, tail.namespace, tail.pod
        );
        let path = Pod::url_path(&(), Some(tail.namespace));
        let options = LogParams {
            container: Some(tail.container.to_owned()),
            previous: tail.attempt == Attempt::Previous,
            tail_lines: Some(tail.lines.into()),
            ..LogParams::default()
        };
        self.fetch_text(&words, ResourceRequest::new(path).logs(tail.pod, &options))
            .await
    }

    /// A part of a container's log, with stamps, as the kubelet has it now.
    pub async fn fetch_log(&self, request: &LogStreamRequest) -> Result<String, Failure> {
        let asked = Request::get(request.path()).body(Vec::new());
        self.fetch_text(&request.words(), asked).await
    }

    async fn fetch_named<K>(
        &self,
        kind: &K::DynamicType,
        scope: &Scope,
        name: &str,
    ) -> Result<Option<K>, Failure>
    where
        K: Resource + DeserializeOwned,
    {
        let words = format!("get {} {name}{}", plural::<K>(kind), scope.words());
        let request = ResourceRequest::new(K::url_path(kind, scope.namespace()));
        match self
            .fetch_json(&words, request.get(name, &GetParams::default()))
            .await
        {
            Ok(object) => Ok(Some(object)),
            Err(Failure {
                kind:
                    FailureKind::NotFound {
                        object: Some(object),
                        ..
                    },
                ..
            }) if object.name == name => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    async fn fetch_pages<K>(
        &self,
        kind: &K::DynamicType,
        scope: &Scope,
        selector: Selector<'_>,
    ) -> Result<Vec<K>, Failure>
    where
        K: Resource + DeserializeOwned,
    {
        let words = format!("list {}{}", plural::<K>(kind), scope.words());
        let request = ResourceRequest::new(K::url_path(kind, scope.namespace()));
        let ask = |options: &ListParams| request.list(options);
        self.fetch_in_time(&words, selector, ask, parse_json).await
    }

    /// All objects of a kind, of which only the metadata is asked for, page by page.
    pub(super) async fn fetch_metadata<K: DeserializeOwned>(
        &self,
        kind: &ApiResource,
        scope: &Scope,
    ) -> Result<Vec<K>, Failure> {
        let words = format!("list {}{}", plural::<DynamicObject>(kind), scope.words());
        let path = DynamicObject::url_path(kind, scope.namespace());
        let request = ResourceRequest::new(path);
        let ask = |options: &ListParams| request.list_metadata(options);
        self.fetch_every_page(&words, Selector::All, ask, parse_json)
            .await
    }

    fn encode(&self, words: &str, value: &impl Serialize) -> Result<Vec<u8>, Failure> {
        serde_json::to_vec(value).map_err(|error| self.unexpected(words, &error))
    }
}

fn plural<K: Resource>(kind: &K::DynamicType) -> String {
    match K::group(kind) {
        group if group.is_empty() => K::plural(kind).into_owned(),
        group => format!("{}.{group}", K::plural(kind)),
    }
}

fn name_of(object: &DynamicObject) -> String {
    let kind = object
        .types
        .as_ref()
        .map_or("object", |types| types.kind.as_str());
    let name = object
        .metadata
        .name
        .as_deref()
        .or(object.metadata.generate_name.as_deref())
        .unwrap_or("?");
    match &object.metadata.namespace {
        Some(namespace) => format!("{kind} {namespace}/{name}"),
        None => format!("{kind} {name}"),
    }
}
