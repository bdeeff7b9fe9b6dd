//! May the caller apply everything that a release holds, and hand out the rights that the controllers get?

use std::{collections::BTreeMap, rc::Rc};

use futures::stream::{self, StreamExt, TryStreamExt};

use crate::{
    check::{Category, Check, Finding, Outcome, Reader, Reason, Retry, Severity},
    cluster::{Access, AccessAnswer, AccountName, Failure, Identity, shell_word},
    releases::{Release, RoleReach, RuleFacts},
};

use super::{
    super::{IDENTITY, TrainerContext, conclude, context::REQUESTS_AT_ONCE},
    PRE_RIGHTS, find_namespace, target,
};

pub(super) const RIGHTS: Check<TrainerContext> = Check {
    id: PRE_RIGHTS,
    category: Category::Installation,
    title: "You may apply a release of Trainer",
    hint: "have an administrator apply the release, or grant you what is missing",
    page: "Asks the API server (SelfSubjectAccessReview) whether you may get, create and patch every kind of object that the newest release holds: the namespace, CRDs, roles and their bindings, webhook configurations, Deployments and what they use, and the runtimes. That is what kubectl apply --server-side does.\n\n\
           Kubernetes lets nobody hand out rights that they do not have. So you need the verbs escalate and bind on roles and cluster roles, or every right that the two controllers get.",
    reasons: &[&RIGHTS_MISSING, &GRANTS_MISSING],
    severity: Severity::Error,
    requires: &[IDENTITY],
    retry: Retry::Never,
    run: |context| Box::pin(async { conclude(check_rights(context).await) }),
};

const RIGHTS_MISSING: Reason = Reason {
    code: "RightsMissing",
    meaning: "You may not apply all that a release of Trainer holds, so that kubectl apply would stop half-way.",
    mend: "Have an administrator apply the release, or bind you to a cluster role with the named rights.",
};
const GRANTS_MISSING: Reason = Reason {
    code: "GrantsMissing",
    meaning: "You may create roles, but not with the rights that Trainer's controllers need: you neither have these rights nor the verbs escalate and bind. The API server would refuse the roles.",
    mend: "Have an administrator apply the release, or bind you to a cluster role with escalate and bind on roles and cluster roles.",
};

/// What server-side apply does to an object, whether it is there or not.
const VERBS: [&str; 3] = ["get", "create", "patch"];
/// Rights that a finding names as examples.
const NAMED: usize = 5;
const RBAC_GROUP: &str = "rbac.authorization.k8s.io";
const EVERYTHING: Access<'static> = Access {
    verb: "*",
    group: "*",
    resource: "*",
    namespace: None,
};

async fn check_rights(context: &TrainerContext) -> Result<Outcome, Rc<Failure>> {
    let (identity, namespace) = (
        context.fetch_identity().await?,
        find_namespace(context).await,
    );
    let Some(release) = target() else {
        return Ok(Outcome::default());
    };
    if fetch_missing(context, &[EVERYTHING]).await?.is_empty() {
        return Ok(Outcome::passed("you may do everything"));
    }
    // Who may not even look for Trainer asks about the namespace of the overlay.
    let namespace = namespace.unwrap_or_else(|_| super::USUAL_NAMESPACES[0].to_owned());
    let applied = applied_rights(release, &namespace);
    let (missing, ungranted) = tokio::join!(
        fetch_missing(context, &applied),
        fetch_ungranted(context, release, &namespace)
    );
    Ok(judge_rights(&identity, &missing?, &ungranted?))
}

/// Those of the rights that the caller does not have, in their order.
async fn fetch_missing<'a>(
    context: &TrainerContext,
    rights: &[Access<'a>],
) -> Result<Vec<Access<'a>>, Rc<Failure>> {
    let cluster = context.cluster()?;
    let questions = rights.iter().map(|right| async move {
        let answer = cluster.fetch_own_access(right).await?;
        Ok::<_, Failure>(matches!(answer, AccessAnswer::Denied(_)).then_some(*right))
    });
    let answers = stream::iter(questions).buffered(REQUESTS_AT_ONCE);
    let missing: Vec<_> = answers.try_collect().await?;
    Ok(missing.into_iter().flatten().collect())
}

/// The rights of the controllers that the caller may not hand out.
async fn fetch_ungranted<'a>(
    context: &TrainerContext,
    release: &'static Release,
    namespace: &'a str,
) -> Result<Vec<Access<'a>>, Rc<Failure>> {
    if fetch_missing(context, &granting_rights(namespace))
        .await?
        .is_empty()
    {
        return Ok(Vec::new());
    }
    fetch_missing(context, &controllers_rights(release, namespace)).await
}

fn applied_rights<'a>(release: &'static Release, namespace: &'a str) -> Vec<Access<'a>> {
    let rights = release.applied.iter().flat_map(|applied| {
        VERBS.map(|verb| Access {
            verb,
            group: applied.group,
            resource: applied.resource,
            namespace: place(applied.reach, namespace),
        })
    });
    rights.collect()
}

/// With these, what a role holds does not matter.
fn granting_rights(namespace: &str) -> Vec<Access<'_>> {
    let right = |verb, resource, namespace| Access {
        verb,
        group: RBAC_GROUP,
        resource,
        namespace,
    };
    let rights = ["escalate", "bind"].into_iter().flat_map(|verb| {
        [
            right(verb, "clusterroles", None),
            right(verb, "roles", Some(namespace)),
        ]
    });
    rights.collect()
}

fn controllers_rights<'a>(release: &'static Release, namespace: &'a str) -> Vec<Access<'a>> {
    let rights = release.controller_roles.iter().flat_map(|role| {
        let namespace = place(role.reach, namespace);
        let rules = role.rules.iter();
        rules.flat_map(move |rule| rights_of(rule, namespace))
    });
    let mut unique: Vec<Access<'a>> = Vec::new();
    for right in rights {
        // Several roles hold the same rule.
        if !unique.contains(&right) {
            unique.push(right);
        }
    }
    unique
}

fn rights_of<'a>(rule: &'static RuleFacts, namespace: Option<&'a str>) -> Vec<Access<'a>> {
    let mut rights = Vec::new();
    for group in rule.api_groups {
        for resource in rule.resources {
            rights.extend(rule.verbs.iter().map(|verb| Access {
                verb,
                group,
                resource,
                namespace,
            }));
        }
    }
    rights
}

fn place(reach: RoleReach, namespace: &str) -> Option<&str> {
    match reach {
        RoleReach::Cluster => None,
        RoleReach::Namespace => Some(namespace),
    }
}

/// Who may not apply everything needs an administrator anyway, so that is the one thing to say then.
fn judge_rights(identity: &Identity, missing: &[Access<'_>], ungranted: &[Access<'_>]) -> Outcome {
    let (reason, detail) = if !missing.is_empty() {
        (&RIGHTS_MISSING, format!("you may not {}", spoken(missing)))
    } else if !ungranted.is_empty() {
        (&GRANTS_MISSING, ungranted_words(ungranted))
    } else {
        return Outcome::passed("you may apply all that it holds");
    };
    Outcome::of(Finding {
        advice: Some(administrators_command(&identity.user)),
        advice_for: Reader::Anybody,
        ..Finding::failed(reason, detail)
    })
}

fn ungranted_words(ungranted: &[Access<'_>]) -> String {
    let examples = spoken(&ungranted[..ungranted.len().min(NAMED)]);
    let what = match ungranted.len() {
        1 => format!("a right that you do not have: {examples}"),
        count => format!("{count} rights that you do not have, such as: {examples}"),
    };
    format!("you may neither escalate nor bind roles, and the controllers get {what}")
}

/// `get namespaces; create, patch secrets, services in namespace a`.
fn spoken(rights: &[Access<'_>]) -> String {
    let mut verbs_of: BTreeMap<(Option<&str>, String), Vec<&str>> = BTreeMap::new();
    for right in rights {
        let verbs = verbs_of.entry((right.namespace, full_resource(right)));
        verbs.or_default().push(right.verb);
    }
    let mut resources_of: BTreeMap<(Option<&str>, String), Vec<String>> = BTreeMap::new();
    for ((namespace, resource), verbs) in verbs_of {
        let together = resources_of.entry((namespace, verbs.join(", ")));
        together.or_default().push(resource);
    }
    let parts = resources_of
        .into_iter()
        .map(|((namespace, verbs), resources)| {
            let place = namespace.map_or(String::new(), |name| format!(" in namespace {name}"));
            format!("{verbs} {}{place}", resources.join(", "))
        });
    parts.collect::<Vec<_>>().join("; ")
}

/// `pods`, `deployments.apps`, `jobs.batch/status`.
fn full_resource(right: &Access<'_>) -> String {
    let group = match right.group {
        "" => String::new(),
        group => format!(".{group}"),
    };
    match right.resource.split_once('/') {
        Some((resource, part)) => format!("{resource}{group}/{part}"),
        None => format!("{}{group}", right.resource),
    }
}

/// In words: the flags of the caller's own cluster and identity are not the administrator's.
fn administrators_command(user: &str) -> String {
    let subject = match AccountName::of_user(user) {
        Some(account) => format!("--serviceaccount={}:{}", account.namespace, account.name),
        None => format!("--user={}", shell_word(user)),
    };
    format!(
        "an administrator gives you all that is needed, until the binding is deleted, with: \
         kubectl create clusterrolebinding trainer-installer --clusterrole=cluster-admin {subject}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::releases::RELEASES;

    fn right<'a>(verb: &'a str, resource: &'a str, namespace: Option<&'a str>) -> Access<'a> {
        Access {
            verb,
            group: if resource == "deployments" {
                "apps"
            } else {
                ""
            },
            resource,
            namespace,
        }
    }

    fn identity(user: &str) -> Identity {
        Identity {
            user: user.to_owned(),
            groups: Vec::new(),
        }
    }

    #[test]
    fn every_kind_of_a_release_is_asked_about_where_it_belongs() {
        for release in RELEASES {
            let rights = applied_rights(release, "kubeflow-system");
            assert_eq!(rights.len(), release.applied.len() * VERBS.len());
            let place_of = |resource: &str| {
                let right = rights.iter().find(|right| right.resource == resource);
                right.map(|right| right.namespace)
            };
            assert_eq!(place_of("deployments"), Some(Some("kubeflow-system")));
            assert_eq!(place_of("customresourcedefinitions"), Some(None));
            assert_eq!(place_of("clustertrainingruntimes"), Some(None));
        }
    }

    #[test]
    fn what_the_controllers_get_is_asked_about_rule_by_rule() {
        let rights = controllers_rights(RELEASES.last().unwrap(), "a");
        let has = |verb, resource, namespace| {
            let right = |right: &Access<'_>| {
                (right.verb, right.resource, right.namespace) == (verb, resource, namespace)
            };
            rights.iter().any(right)
        };
        assert!(has("delete", "pods", None));
        assert!(has("update", "jobsets/finalizers", None));
        assert!(has("create", "leases", Some("a")));
        let own = |right: &&Access<'_>| (right.verb, right.resource) == ("get", "jobsets");
        assert_eq!(rights.iter().filter(own).count(), 1);
    }

    #[test]
    fn missing_rights_are_one_finding_and_name_each_resource_once() {
        let missing = [
            right("create", "secrets", Some("a")),
            right("patch", "secrets", Some("a")),
            right("create", "services", Some("a")),
            right("patch", "services", Some("a")),
            right("create", "namespaces", None),
            right("get", "deployments", Some("a")),
        ];
        let outcome = judge_rights(&identity("ann"), &missing, &[]);
        let [finding] = outcome.findings.as_slice() else {
            panic!("{outcome:?}")
        };
        assert_eq!(finding.reason.code, "RightsMissing");
        assert_eq!(
            finding.detail,
            "you may not create namespaces; create, patch secrets, services in namespace a; get deployments.apps in namespace a"
        );
    }

    #[test]
    fn an_administrator_binds_a_service_account_as_one() {
        for (user, subject) in [
            ("ann@example.com", "--user=ann@example.com"),
            ("a b", "--user='a b'"),
            ("system:serviceaccount:ci:bot", "--serviceaccount=ci:bot"),
        ] {
            let outcome = judge_rights(&identity(user), &[], &[right("get", "pods", None)]);
            let finding = &outcome.findings[0];
            assert_eq!(finding.reason.code, "GrantsMissing");
            assert!(
                finding
                    .detail
                    .ends_with("get a right that you do not have: get pods")
            );
            let advice = finding.advice.as_deref().unwrap();
            assert!(advice.ends_with(subject), "{advice}");
        }
    }

    #[test]
    fn who_lacks_nothing_passes() {
        assert_eq!(judge_rights(&identity("ann"), &[], &[]).findings, []);
    }
}
