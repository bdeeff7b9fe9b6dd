//! Access reviews: the API server is asked whether the caller, or a service account, may do something. Nothing is
//! reckoned from roles here, because other authorizers than RBAC may have a say.

use futures::future::join_all;
use http::{HeaderName, HeaderValue, Request};
use k8s_openapi::api::authorization::v1::{
    LocalSubjectAccessReview, ResourceAttributes, ResourceRule, SelfSubjectAccessReview,
    SelfSubjectAccessReviewSpec, SelfSubjectRulesReview, SelfSubjectRulesReviewSpec,
    SubjectAccessReview, SubjectAccessReviewSpec, SubjectAccessReviewStatus,
};
use kube::core::{Request as ResourceRequest, Resource, params::PostParams};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    connect::Cluster,
    failure::{Failure, FailureKind, MissingRule},
};

const IMPERSONATE_USER: HeaderName = HeaderName::from_static("impersonate-user");
const ACCOUNT_PREFIX: &str = "system:serviceaccount:";

/// One right, in the words of RBAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access<'a> {
    pub verb: &'a str,
    /// Empty for the core group.
    pub group: &'a str,
    /// With its subresource: `pods/log`.
    pub resource: &'a str,
    /// `None` asks about the cluster scope.
    pub namespace: Option<&'a str>,
}

/// One question about a right: also about an object by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessQuestion<'a> {
    pub access: Access<'a>,
    /// `None` asks about all objects.
    pub name: Option<&'a str>,
}

impl<'a> From<Access<'a>> for AccessQuestion<'a> {
    fn from(access: Access<'a>) -> Self {
        Self { access, name: None }
    }
}

/// What the API server says, with its reason: `RBAC: allowed by RoleBinding "NAME/NAMESPACE" of …`. Often empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessAnswer {
    Allowed(String),
    Denied(String),
}

/// A rule about some objects by their names. Servers whose authorizer is no RBAC need not list any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedRule {
    pub verbs: Vec<String>,
    pub groups: Vec<String>,
    pub resources: Vec<String>,
    pub names: Vec<String>,
}

impl NamedRule {
    fn of(rule: ResourceRule) -> Option<Self> {
        let names = rule.resource_names.unwrap_or_default();
        (!names.is_empty()).then(|| Self {
            verbs: rule.verbs,
            groups: rule.api_groups.unwrap_or_default(),
            resources: rule.resources.unwrap_or_default(),
            names,
        })
    }
}

/// A service account and where it lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountName {
    pub namespace: String,
    pub name: String,
}

impl AccountName {
    /// Of the user that the API server takes a service account for: `system:serviceaccount:NAMESPACE:NAME`.
    pub fn of_user(user: &str) -> Option<Self> {
        let (namespace, name) = user.strip_prefix(ACCOUNT_PREFIX)?.split_once(':')?;
        Some(Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        })
    }

    /// As whom the API server knows it.
    pub fn user(&self) -> String {
        format!("{ACCOUNT_PREFIX}{}:{}", self.namespace, self.name)
    }

    /// The groups that its token carries; a review about a user does not add them itself.
    pub fn groups(&self) -> Vec<String> {
        vec![
            "system:serviceaccounts".to_owned(),
            format!("system:serviceaccounts:{}", self.namespace),
            "system:authenticated".to_owned(),
        ]
    }
}

/// How to ask about somebody else; each needs a right of its own. The last knows nothing of the cluster scope.
#[derive(Clone, Copy)]
enum Way {
    Impersonation,
    Review,
    LocalReview,
}

impl Way {
    /// Newer API servers name finer rules for acting as somebody; the plain one opens the way on all.
    fn lacking(self, account: &AccountName, failure: Failure) -> Failure {
        match (self, failure.kind) {
            (Self::Impersonation, FailureKind::Forbidden(rule)) => Failure {
                kind: FailureKind::Forbidden(Box::new(MissingRule {
                    verb: "impersonate".to_owned(),
                    resource: "serviceaccounts".to_owned(),
                    group: String::new(),
                    namespace: Some(account.namespace.clone()),
                    name: Some(account.name.clone()),
                    ..*rule
                })),
                ..failure
            },
            (_, kind) => Failure { kind, ..failure },
        }
    }
}

impl Cluster {
    /// Whether the caller may do this. Everybody with an identity may ask.
    pub async fn fetch_own_access(&self, access: &Access<'_>) -> Result<AccessAnswer, Failure> {
        self.fetch_own_answer(&(*access).into()).await
    }

    /// The same, about an object by its name.
    pub async fn fetch_own_answer(
        &self,
        question: &AccessQuestion<'_>,
    ) -> Result<AccessAnswer, Failure> {
        self.review_self(question, None).await
    }

    /// What the caller may do in a namespace to some objects only, as far as the server lists it.
    pub async fn fetch_own_named_rules(&self, namespace: &str) -> Result<Vec<NamedRule>, Failure> {
        let words = format!("ask what you may do in namespace {namespace}");
        let review = SelfSubjectRulesReview {
            spec: SelfSubjectRulesReviewSpec {
                namespace: Some(namespace.to_owned()),
            },
            ..SelfSubjectRulesReview::default()
        };
        let request = self.creation(&words, &review, None)?;
        let review: SelfSubjectRulesReview = self.fetch_review(&words, request).await?;
        let rules = review.status.unwrap_or_default().resource_rules;
        Ok(rules.into_iter().filter_map(NamedRule::of).collect())
    }

    /// Whether a service account may do each of these, by the first way of asking that the caller may go: as the
    /// account itself, by a review in the cluster, or by one in the namespace. The first question chooses, so it
    /// should be about a namespace. When no way is open, the failure is that of the first.
    pub async fn fetch_access_of(
        &self,
        account: &AccountName,
        questions: &[Access<'_>],
    ) -> Vec<Result<AccessAnswer, Failure>> {
        let questions: Vec<_> = questions.iter().copied().map(Into::into).collect();
        self.fetch_answers_of(account, &questions).await
    }

    /// The same, about objects by their names.
    pub async fn fetch_answers_of(
        &self,
        account: &AccountName,
        questions: &[AccessQuestion<'_>],
    ) -> Vec<Result<AccessAnswer, Failure>> {
        let Some((first, rest)) = questions.split_first() else {
            return Vec::new();
        };
        let mut closed = None;
        for way in self.ways() {
            match self.review(account, way, first).await {
                Err(failure) if matches!(failure.kind, FailureKind::Forbidden(_)) => {
                    closed.get_or_insert(way.lacking(account, failure));
                }
                answer => {
                    let others = rest.iter().map(|one| self.review(account, way, one));
                    return [answer].into_iter().chain(join_all(others).await).collect();
                }
            }
        }
        let closed = closed.into_iter().cycle().map(Err);
        closed.take(questions.len()).collect()
    }

    /// Whether a person or the members of a group may do this, by a review in the cluster. The groups that a person is in
    /// beyond these are not known here.
    pub async fn fetch_access_of_people(
        &self,
        user: Option<&str>,
        groups: Vec<String>,
        access: &Access<'_>,
    ) -> Result<AccessAnswer, Failure> {
        let subject = user.or(groups.first().map(String::as_str));
        let words = AccessQuestion::from(*access).words(subject.unwrap_or("nobody"));
        let review = SubjectAccessReview {
            spec: SubjectAccessReviewSpec {
                groups: Some(groups),
                resource_attributes: Some(access.attributes()),
                user: user.map(str::to_owned),
                ..SubjectAccessReviewSpec::default()
            },
            ..SubjectAccessReview::default()
        };
        let request = self.creation(&words, &review, None)?;
        let review: SubjectAccessReview = self.fetch_review(&words, request).await?;
        Ok(answer(review.status))
    }

    /// Who already acts as somebody else cannot act as the account too.
    fn ways(&self) -> Vec<Way> {
        let impersonation = self.acts_as.is_none().then_some(Way::Impersonation);
        let reviews = [Way::Review, Way::LocalReview];
        impersonation.into_iter().chain(reviews).collect()
    }

    async fn review(
        &self,
        account: &AccountName,
        way: Way,
        question: &AccessQuestion<'_>,
    ) -> Result<AccessAnswer, Failure> {
        let spec = || SubjectAccessReviewSpec {
            groups: Some(account.groups()),
            resource_attributes: Some(question.attributes()),
            user: Some(account.user()),
            ..SubjectAccessReviewSpec::default()
        };
        let words = question.words(&account.user());
        match (way, question.access.namespace) {
            (Way::Impersonation, _) => self.review_self(question, Some(account)).await,
            (Way::Review, _) | (Way::LocalReview, None) => {
                let review = SubjectAccessReview {
                    spec: spec(),
                    ..SubjectAccessReview::default()
                };
                let request = self.creation(&words, &review, None)?;
                let review: SubjectAccessReview = self.fetch_review(&words, request).await?;
                Ok(answer(review.status))
            }
            (Way::LocalReview, Some(namespace)) => {
                let mut review = LocalSubjectAccessReview {
                    spec: spec(),
                    ..LocalSubjectAccessReview::default()
                };
                review.metadata.namespace = Some(namespace.to_owned());
                let request = self.creation(&words, &review, Some(namespace))?;
                let review: LocalSubjectAccessReview = self.fetch_review(&words, request).await?;
                Ok(answer(review.status))
            }
        }
    }

    /// Asks as the caller, or as an account that the caller may act as; the server adds the account's groups.
    async fn review_self(
        &self,
        question: &AccessQuestion<'_>,
        account: Option<&AccountName>,
    ) -> Result<AccessAnswer, Failure> {
        let user = account.map(AccountName::user);
        let words = question.words(user.as_deref().unwrap_or("you"));
        let review = SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec {
                resource_attributes: Some(question.attributes()),
                ..SelfSubjectAccessReviewSpec::default()
            },
            ..SelfSubjectAccessReview::default()
        };
        let mut request = self.creation(&words, &review, None)?;
        if let Some(user) = user {
            let value =
                HeaderValue::from_str(&user).map_err(|error| self.unexpected(&words, &error))?;
            request.headers_mut().insert(IMPERSONATE_USER, value);
        }
        let review: SelfSubjectAccessReview = self.fetch_review(&words, request).await?;
        Ok(answer(review.status))
    }

    fn creation<K: Resource<DynamicType = ()> + Serialize>(
        &self,
        words: &str,
        object: &K,
        namespace: Option<&str>,
    ) -> Result<Request<Vec<u8>>, Failure> {
        let body = serde_json::to_vec(object).map_err(|error| self.unexpected(words, &error))?;
        ResourceRequest::new(K::url_path(&(), namespace))
            .create(&PostParams::default(), body)
            .map_err(|error| self.unexpected(words, &error))
    }

    async fn fetch_review<K: DeserializeOwned>(
        &self,
        words: &str,
        request: Request<Vec<u8>>,
    ) -> Result<K, Failure> {
        self.fetch_json(words, Ok::<_, std::convert::Infallible>(request))
            .await
    }
}

impl Access<'_> {
    fn attributes(&self) -> ResourceAttributes {
        let (resource, subresource) = match self.resource.split_once('/') {
            Some((resource, part)) => (resource, Some(part.to_owned())),
            None => (self.resource, None),
        };
        ResourceAttributes {
            group: Some(self.group.to_owned()),
            namespace: self.namespace.map(str::to_owned),
            resource: Some(resource.to_owned()),
            subresource,
            verb: Some(self.verb.to_owned()),
            ..ResourceAttributes::default()
        }
    }
}

impl AccessQuestion<'_> {
    fn attributes(&self) -> ResourceAttributes {
        ResourceAttributes {
            name: self.name.map(str::to_owned),
            ..self.access.attributes()
        }
    }

    fn words(&self, subject: &str) -> String {
        let Access { verb, resource, .. } = self.access;
        let name = self.name.map_or(String::new(), |name| format!(" {name}"));
        let place = self.access.namespace.map_or(String::new(), |namespace| {
            format!(" in namespace {namespace}")
        });
        format!("ask whether {subject} may {verb} {resource}{name}{place}")
    }
}

/// No status is no permission.
fn answer(status: Option<SubjectAccessReviewStatus>) -> AccessAnswer {
    let status = status.unwrap_or_default();
    let reason = status.reason.or(status.evaluation_error);
    let reason = reason.unwrap_or_default();
    if status.allowed {
        AccessAnswer::Allowed(reason)
    } else {
        AccessAnswer::Denied(reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_account_is_known_by_its_user_name() {
        let account = AccountName::of_user("system:serviceaccount:team-a:trainer").unwrap();
        assert_eq!(
            (account.namespace.as_str(), account.name.as_str()),
            ("team-a", "trainer")
        );
        assert_eq!(account.user(), "system:serviceaccount:team-a:trainer");
        assert_eq!(AccountName::of_user("jane"), None);
        assert_eq!(AccountName::of_user("system:serviceaccount:team-a"), None);
    }

    #[test]
    fn a_subresource_is_asked_about_as_one() {
        let access = Access {
            verb: "get",
            group: "",
            resource: "pods/log",
            namespace: Some("team-a"),
        };
        let attributes = access.attributes();
        assert_eq!(attributes.resource.as_deref(), Some("pods"));
        assert_eq!(attributes.subresource.as_deref(), Some("log"));
    }

    #[test]
    fn only_rules_about_named_objects_are_taken() {
        let rule = |names: Option<Vec<String>>| ResourceRule {
            resource_names: names,
            verbs: vec!["get".to_owned()],
            ..ResourceRule::default()
        };
        assert_eq!(NamedRule::of(rule(None)), None);
        let named = NamedRule::of(rule(Some(vec!["db".to_owned()]))).unwrap();
        assert_eq!(
            (named.names, named.verbs),
            (vec!["db".to_owned()], vec!["get".to_owned()])
        );
    }

    #[test]
    fn an_answer_without_a_status_allows_nothing() {
        assert_eq!(answer(None), AccessAnswer::Denied(String::new()));
    }
}
