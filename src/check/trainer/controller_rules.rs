//! May the controllers do what they were built to do? Bindings and roles are read, which takes few requests; what
//! they do not grant is asked of the API server itself, because other authorizers may.

use std::{collections::BTreeSet, rc::Rc};

use futures::future::join_all;
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::ServiceAccount,
    rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding},
};

use crate::{
    check::{Category, Check, Finding, Outcome, Reason, Retry, Severity},
    cluster::{Access, AccessAnswer, AccountName, Failure, FailureKind, Scope},
    releases::{self, RELEASES, RoleReach, minor_version},
};

use super::{
    CONTROLLER_RBAC as CONTROLLER_RBAC_ID, NAMESPACE, TrainerContext, conclude,
    context::REQUESTS_AT_ONCE,
    election::{Election, fetch_election},
    grants::{
        Binding, Need, RoleName, Roles, common_needs, lacking, needs, rules_of_cluster_role,
        rules_of_role,
    },
    installation::{Part, belongs_to},
    lacking_rules::{Scene, judge_lacking},
    merge,
    schema::{Versions, fetch_versions},
};

pub(crate) const CONTROLLER_RBAC: Check<TrainerContext> = Check {
    id: CONTROLLER_RBAC_ID,
    category: Category::Controllers,
    title: "The controllers may do what they have to",
    hint: "compare the controllers' roles and bindings with the release's manifests",
    page: "Compares what the controllers' service accounts may do with the roles that their release ships, right by right. A controller that lacks a right runs, is ready, and fails when it comes to that step: no pods, no status, no renewed certificate.\n\n\
           The bindings and roles are read; a right that they do not give is asked of the API server (an access review), because another authorizer may give it. Who may not read them asks for every right. Rights on API groups that the cluster does not serve, such as Volcano's, are not missed, nor are rights on Leases where no leader is elected. Of a controller whose release is not known, what all known releases need is asked for.\n\n\
           A typical cause is a namespace that was changed in the manifests, but not in the subjects of the bindings.",
    reasons: &[
        &ACCOUNT_MISSING,
        &ROLE_MISSING,
        &BINDING_MISSING,
        &BINDING_ELSEWHERE,
        &RULE_MISSING,
    ],
    severity: Severity::Error,
    requires: &[NAMESPACE],
    retry: Retry::UntilDeadline,
    run: |context| Box::pin(check_rules(context)),
};

const ACCOUNT_MISSING: Reason = Reason {
    code: "AccountMissing",
    meaning: "The service account of the controller's pods does not exist. Running pods have lost their access with it, and new pods cannot be created.",
    mend: "Create the account anew, then restart the controller: its pods need a token of the new account.",
};
pub(super) const ROLE_MISSING: Reason = Reason {
    code: "RoleMissing",
    meaning: "A role of the release does not exist, so the controller may not do what the role allows, whatever the bindings say.",
    mend: "Create the role as the release ships it; the command beside the finding holds its rules.",
};
pub(super) const BINDING_MISSING: Reason = Reason {
    code: "BindingMissing",
    meaning: "A role of the release exists, but nothing binds it to the controller's service account.",
    mend: "Bind the role with kubectl create clusterrolebinding, or rolebinding.",
};
pub(super) const BINDING_ELSEWHERE: Reason = Reason {
    code: "BindingElsewhere",
    meaning: "A binding names the controller's service account in another namespace than the one the controller lives in. The namespace of the manifests was changed, and that of the binding's subjects was not.",
    mend: "Set the subject's namespace with kubectl patch; in a kustomization, the namespace transformer has to reach the bindings.",
};
pub(super) const RULE_MISSING: Reason = Reason {
    code: "RuleMissing",
    meaning: "The controller's role lacks rules that the release ships: it was narrowed by hand, or is that of an older release. What the controller may not do, it fails at when it comes to it.",
    mend: "Add the rules with kubectl patch, as the command beside the finding does, or apply the release's roles again.",
};

const LEASES: &str = "leases";
async fn check_rules(context: &TrainerContext) -> Outcome {
    let parts = async {
        let cluster = context.cluster()?;
        let (bindings, served, versions) = tokio::join!(
            cluster.fetch_list::<ClusterRoleBinding>(&Scope::Cluster, None),
            context.fetch_api_groups(),
            fetch_versions(context),
        );
        let bindings = bindings.map(|list| list.into_iter().map(Binding::from).collect());
        let shared = Shared {
            cluster_bindings: bindings.map_err(Rc::new),
            served: served?,
            versions,
        };
        let parts = tokio::join!(
            check_part(context, &shared, Part::Trainer),
            check_part(context, &shared, Part::JobSet)
        );
        Ok::<_, Rc<Failure>>([conclude(parts.0), conclude(parts.1)])
    };
    match Box::pin(parts).await {
        Ok(parts) => {
            let well = parts.iter().all(|outcome| outcome.findings.is_empty());
            merge(well.then(|| "2 service accounts".to_owned()), parts)
        }
        Err(failure) => conclude(Err(failure)),
    }
}

/// What both controllers are judged with.
struct Shared {
    cluster_bindings: Result<Vec<Binding>, Rc<Failure>>,
    served: Rc<Vec<String>>,
    versions: Versions,
}

async fn check_part(
    context: &TrainerContext,
    shared: &Shared,
    part: Part,
) -> Result<Outcome, Rc<Failure>> {
    let place = context.fetch_place(part).await?;
    let Some(place) = place.as_ref() else {
        return Ok(Outcome::default());
    };
    let deployments = context.fetch_deployments(&place.namespace).await?;
    let Some(deployment) = deployments.iter().find(|it| belongs_to(it, part)) else {
        return Ok(Outcome::passed(format!(
            "{} has no Deployment",
            part.name()
        )));
    };
    let account = account_of(deployment, &place.namespace);
    let (exists, bindings, leases) = tokio::join!(
        fetch_account(context, &account),
        fetch_bindings(context, shared, &account.namespace),
        fetch_lease_use(context, part, deployment, &place.namespace)
    );
    if !exists? {
        return Ok(Outcome::of(account_missing(&account, deployment)));
    }
    let case = Case::new(account, needs_of(part, shared), leases?);
    let bindings = match bindings {
        Ok(bindings) => bindings,
        Err(failure) if is_forbidden(&failure) => {
            return ask_everything(context, &case, &failure).await;
        }
        Err(failure) => return Err(failure),
    };
    look_at_grants(context, &case, &bindings).await
}

/// What a controller runs as and needs.
struct Case {
    account: AccountName,
    needs: Vec<Need>,
    leases: LeaseUse,
}

/// Who elects no leader needs no Leases.
enum LeaseUse {
    Needed,
    Unneeded,
    /// The caller may not read the configuration that says it.
    Unknown(Rc<Failure>),
}

impl Case {
    fn new(account: AccountName, mut needs: Vec<Need>, leases: LeaseUse) -> Self {
        if matches!(leases, LeaseUse::Unneeded) {
            needs.retain(|need| need.resource != LEASES);
        }
        Self {
            account,
            needs,
            leases,
        }
    }
}

async fn fetch_lease_use(
    context: &TrainerContext,
    part: Part,
    deployment: &Deployment,
    namespace: &str,
) -> Result<LeaseUse, Rc<Failure>> {
    match fetch_election(context, part, deployment, namespace).await {
        Ok(Ok(Election::By { .. })) => Ok(LeaseUse::Needed),
        // Of a configuration that cannot be read TRN-LEASES tells.
        Ok(Ok(Election::Off) | Err(_)) => Ok(LeaseUse::Unneeded),
        Err(failure) if is_forbidden(&failure) => Ok(LeaseUse::Unknown(failure)),
        Err(failure) => Err(failure),
    }
}

/// The service account that the Deployment's pods run as.
fn account_of(deployment: &Deployment, namespace: &str) -> AccountName {
    let pod = deployment
        .spec
        .as_ref()
        .and_then(|spec| spec.template.spec.as_ref());
    let name = pod.and_then(|pod| pod.service_account_name.clone());
    AccountName {
        namespace: namespace.to_owned(),
        name: name.unwrap_or_else(|| "default".to_owned()),
    }
}

/// By the release that the controller's own image tells; without one, what all releases have in common.
fn needs_of(part: Part, shared: &Shared) -> Vec<Need> {
    let release = match part {
        Part::Trainer => shared.versions.trainer().and_then(releases::find),
        Part::JobSet => {
            let wanted = shared.versions.jobset().and_then(minor_version);
            let same = |it: &&releases::Release| minor_version(it.jobset_version) == wanted;
            wanted.and_then(|_| RELEASES.iter().rfind(same))
        }
    };
    let account = part.usual_account();
    match release {
        Some(release) => needs(release.controller_roles, account, &shared.served),
        None => common_needs(account, &shared.served),
    }
}

/// Who may not look takes it to be there: its rights will tell.
async fn fetch_account(
    context: &TrainerContext,
    account: &AccountName,
) -> Result<bool, Rc<Failure>> {
    let scope = Scope::Namespace(account.namespace.clone());
    let found = context
        .cluster()?
        .fetch::<ServiceAccount>(&scope, &account.name);
    match found.await {
        Ok(found) => Ok(found.is_some()),
        Err(failure) if is_forbidden(&failure) => Ok(true),
        Err(failure) => Err(Rc::new(failure)),
    }
}

fn account_missing(account: &AccountName, deployment: &Deployment) -> Finding {
    let AccountName { namespace, name } = account;
    let detail = format!("service account {namespace}/{name} does not exist");
    let finding = Finding::failed(&ACCOUNT_MISSING, detail).mended_by(format!(
        "kubectl -n {namespace} create serviceaccount {name}"
    ));
    let deployment = deployment.metadata.name.as_deref().unwrap_or_default();
    Finding {
        advice: Some(format!(
            "then restart it: kubectl -n {namespace} rollout restart deployment/{deployment}"
        )),
        ..finding
    }
}

/// Those of the cluster and those of the namespace.
async fn fetch_bindings(
    context: &TrainerContext,
    shared: &Shared,
    namespace: &str,
) -> Result<Vec<Binding>, Rc<Failure>> {
    let mut bindings = shared.cluster_bindings.clone()?;
    let scope = Scope::Namespace(namespace.to_owned());
    let own: Vec<RoleBinding> = context.cluster()?.fetch_list(&scope, None).await?;
    bindings.extend(own.into_iter().map(Binding::from));
    Ok(bindings)
}

fn is_forbidden(failure: &Failure) -> bool {
    matches!(failure.kind, FailureKind::Forbidden(_))
}

async fn look_at_grants(
    context: &TrainerContext,
    case: &Case,
    bindings: &[Binding],
) -> Result<Outcome, Rc<Failure>> {
    let Case { account, needs, .. } = case;
    let mut direct: Vec<_> = bindings.iter().filter(|it| it.names(account)).collect();
    let mut wanted: BTreeSet<_> = direct.iter().map(|binding| binding.role.clone()).collect();
    let mut roles = Roles::new();
    match fetch_roles(context, &account.namespace, &wanted, &mut roles).await {
        Err(failure) if is_forbidden(&failure) => {
            return ask_everything(context, case, &failure).await;
        }
        fetched => fetched?,
    }
    let mut left = lacking(needs, &direct, &roles);
    if !left.is_empty() {
        // Rights that everybody has are rarely what a controller lives by, so they are looked at last.
        direct.extend(bindings.iter().filter(|it| it.includes(account)));
        wanted.extend(direct.iter().map(|binding| binding.role.clone()));
        wanted.extend(left.iter().map(|need| RoleName::released(need.role)));
        fetch_roles(context, &account.namespace, &wanted, &mut roles).await?;
        left = lacking(needs, &direct, &roles);
        // Where nobody may be asked, RBAC's reckoning stands.
        let answers = review(context, account, &left).await?;
        left = answers
            .into_iter()
            .filter_map(|(need, allowed)| (allowed != Some(true)).then_some(need))
            .collect();
    }
    let scene = Scene {
        account,
        bindings,
        roles: &roles,
    };
    let findings = judge_left(case, &scene, left);
    Ok(Outcome::new(findings, vec![summary(account, needs.len())]))
}

fn summary(account: &AccountName, compared: usize) -> String {
    let AccountName { namespace, name } = account;
    format!("{namespace}/{name}: {compared} rights compared")
}

/// Lacking Leases are only a fault where a leader is elected.
fn judge_left(case: &Case, scene: &Scene<'_>, left: Vec<Need>) -> Vec<Finding> {
    let LeaseUse::Unknown(unread) = &case.leases else {
        return judge_lacking(scene, &left);
    };
    let (of_leases, others): (Vec<_>, Vec<_>) =
        left.into_iter().partition(|need| need.resource == LEASES);
    let mut findings = judge_lacking(scene, &others);
    if !of_leases.is_empty() {
        findings.push(Finding::of_failure(unread));
    }
    findings
}

/// Adds to `roles` what is in `wanted` and not in it.
async fn fetch_roles(
    context: &TrainerContext,
    namespace: &str,
    wanted: &BTreeSet<RoleName>,
    roles: &mut Roles,
) -> Result<(), Rc<Failure>> {
    let cluster = context.cluster()?;
    let own = Scope::Namespace(namespace.to_owned());
    let missing = wanted.iter().filter(|name| !roles.contains_key(*name));
    let fetches = missing.map(|role| async {
        let granted = if role.kind == "Role" {
            let found = cluster.fetch::<Role>(&own, &role.name).await?;
            found.map(rules_of_role)
        } else {
            let found = cluster
                .fetch::<ClusterRole>(&Scope::Cluster, &role.name)
                .await?;
            found.map(rules_of_cluster_role)
        };
        Ok::<_, Failure>((role.clone(), granted))
    });
    for fetched in join_all(fetches).await {
        let (role, granted) = fetched?;
        roles.insert(role, granted);
    }
    Ok(())
}

/// For callers who may not read roles or bindings, but perhaps ask for others.
async fn ask_everything(
    context: &TrainerContext,
    case: &Case,
    unreadable: &Failure,
) -> Result<Outcome, Rc<Failure>> {
    let answers = review(context, &case.account, &case.needs).await?;
    Ok(judge_answers(case, &answers, unreadable))
}

/// A need with the server's answer; `None` where the caller may not ask.
type Answer = (Need, Option<bool>);

/// A right that may not be asked for is neither there nor lacking: what keeps the caller from looking is told, once.
fn judge_answers(case: &Case, answers: &[Answer], unreadable: &Failure) -> Outcome {
    let denied = answers
        .iter()
        .filter(|(_, allowed)| *allowed == Some(false));
    let left = denied.map(|(need, _)| *need).collect();
    let scene = Scene {
        account: &case.account,
        bindings: &[],
        roles: &Roles::new(),
    };
    let mut findings = judge_left(case, &scene, left);
    let answered = answers.iter().filter(|(_, allowed)| allowed.is_some());
    let answered = answered.count();
    if answered < answers.len() {
        findings.push(Finding::of_failure(unreadable));
    }
    let fact = (answered > 0).then(|| summary(&case.account, answered));
    Outcome::new(findings, fact.into_iter().collect())
}

async fn review(
    context: &TrainerContext,
    account: &AccountName,
    needs: &[Need],
) -> Result<Vec<Answer>, Rc<Failure>> {
    let cluster = context.cluster()?;
    let mut answers = Vec::new();
    for chunk in needs.chunks(REQUESTS_AT_ONCE) {
        let questions: Vec<_> = chunk.iter().map(|need| question(need, account)).collect();
        let answered = cluster.fetch_access_of(account, &questions).await;
        for (need, answer) in chunk.iter().zip(answered) {
            let allowed = match answer {
                Ok(answer) => Some(matches!(answer, AccessAnswer::Allowed(_))),
                Err(failure) if is_forbidden(&failure) => None,
                Err(failure) => return Err(Rc::new(failure)),
            };
            answers.push((*need, allowed));
        }
    }
    Ok(answers)
}

fn question<'a>(need: &Need, account: &'a AccountName) -> Access<'a> {
    let own = (need.reach() == RoleReach::Namespace).then_some(account.namespace.as_str());
    Access {
        verb: need.verb,
        group: need.group,
        resource: need.resource,
        namespace: own,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{check::Level, cluster::MissingRule};

    fn shared(trainer: Option<&str>, jobset: Option<&str>) -> Shared {
        Shared {
            cluster_bindings: Ok(Vec::new()),
            served: Rc::new(vec!["coordination.k8s.io".to_owned()]),
            versions: Versions {
                trainer_image: trainer.map(str::to_owned),
                jobset_image: jobset.map(str::to_owned),
                declared: None,
            },
        }
    }

    fn has(needs: &[Need], resource: &str) -> bool {
        needs.iter().any(|need| need.resource == resource)
    }

    #[test]
    fn each_controller_is_measured_by_its_own_release() {
        let newest = shared(Some("v2.3.0"), Some("v0.8.2"));
        assert!(has(&needs_of(Part::Trainer, &newest), "leases"));
        assert!(!has(
            &needs_of(Part::JobSet, &newest),
            "persistentvolumeclaims"
        ));
        let unknown = shared(Some("latest"), Some("main"));
        assert!(!has(&needs_of(Part::Trainer, &unknown), "leases"));
        assert!(has(&needs_of(Part::JobSet, &unknown), "nodes"));
    }

    fn forbidden(resource: &str) -> Failure {
        let rule = MissingRule {
            resource: resource.to_owned(),
            ..MissingRule::default()
        };
        Failure {
            request: String::new(),
            kind: FailureKind::Forbidden(Box::new(rule)),
            target: None,
        }
    }

    fn case(leases: LeaseUse) -> Case {
        let account = AccountName {
            namespace: "ml".to_owned(),
            name: "jobset-controller-manager".to_owned(),
        };
        let newest = shared(Some("v2.3.0"), Some("v0.12.0"));
        Case::new(account, needs_of(Part::JobSet, &newest), leases)
    }

    /// The levels of the findings, heaviest first, and the number of facts.
    fn judged(case: &Case, answer: impl Fn(&Need) -> Option<bool>) -> (Vec<Level>, usize) {
        let answers: Vec<_> = case
            .needs
            .iter()
            .map(|need| (*need, answer(need)))
            .collect();
        let outcome = judge_answers(case, &answers, &forbidden("clusterrolebindings"));
        let levels = outcome.findings.iter().map(|finding| finding.level);
        (levels.collect(), outcome.facts.len())
    }

    #[test]
    fn what_may_not_be_asked_is_unknown_and_not_lacking() {
        let case = case(LeaseUse::Needed);
        // As with the built-in role admin: it may ask about its namespace alone.
        let own = |need: &Need| (need.reach() == RoleReach::Namespace).then_some(true);
        assert_eq!(judged(&case, own), (vec![Level::Unknown], 1));
        assert_eq!(judged(&case, |_| None), (vec![Level::Unknown], 0));
        assert_eq!(judged(&case, |_| Some(true)), (vec![], 1));
        let one = |need: &Need| Some(need.resource != "nodes");
        assert_eq!(judged(&case, one), (vec![Level::Failed], 1));
    }

    #[test]
    fn leases_are_missed_only_where_a_leader_is_elected() {
        let without = |need: &Need| Some(need.resource != LEASES);
        let (failed, unknown) = (vec![Level::Failed], vec![Level::Unknown]);
        assert_eq!(judged(&case(LeaseUse::Needed), without).0, failed);
        assert_eq!(judged(&case(LeaseUse::Unneeded), without).0, []);
        let unread = LeaseUse::Unknown(Rc::new(forbidden("configmaps")));
        assert_eq!(judged(&case(unread), without).0, unknown);
    }

    #[test]
    fn pods_without_a_named_account_run_as_the_default_one() {
        let with = |pod: serde_json::Value| {
            let object = json!({"spec": {"selector": {}, "template": {"spec": pod}}});
            account_of(&serde_json::from_value(object).unwrap(), "ml").name
        };
        assert_eq!(with(json!({"containers": []})), "default");
        assert_eq!(
            with(json!({"containers": [], "serviceAccountName": "own"})),
            "own"
        );
    }
}
