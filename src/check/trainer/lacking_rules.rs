//! Why a controller lacks a right: no role, no binding, a binding elsewhere, or a role without the rule. Pure.

use k8s_openapi::api::rbac::v1::PolicyRule;
use serde_json::{Value, json};

use crate::{
    check::{Finding, Level},
    cluster::{AccountName, MissingRule},
    releases::{ControllerRole, RoleReach},
};

use super::{
    controller_rules::{BINDING_ELSEWHERE, BINDING_MISSING, ROLE_MISSING, RULE_MISSING},
    grants::{Binding, Need, RoleName, Roles, allows, role_needs},
    namespace::pipe,
};

/// Without these a controller works, less comfortably: events are for people, reviews for who reads metrics.
const COMFORTS: [&str; 3] = ["events", "tokenreviews", "subjectaccessreviews"];
/// Only a TrainJob past its deadline is cut short by it. Trainer's chart 2.2.1 forgot it, its manifests did not.
const DEADLINES: (&str, &str, &str) = ("kubeflow-trainer-controller-manager", "delete", "jobsets");
/// So many resources a finding names.
const NAMED: usize = 4;

/// What was read; empty where the caller may not read it.
pub(super) struct Scene<'a> {
    pub(super) account: &'a AccountName,
    pub(super) bindings: &'a [Binding],
    pub(super) roles: &'a Roles,
}

/// One finding a released role, for all that is lacking of it; one a role that is gone, which may be several in one.
pub(super) fn judge_lacking(scene: &Scene<'_>, lacking: &[Need]) -> Vec<Finding> {
    let mut groups: Vec<(Option<RoleName>, Vec<&'static ControllerRole>)> = Vec::new();
    for need in lacking {
        let role = need.role;
        if groups.iter().any(|(_, roles)| roles.contains(&role)) {
            continue;
        }
        let gone = gone_role(scene, role);
        let same = |group: &&mut (Option<RoleName>, _)| gone.is_some() && group.0 == gone;
        match groups.iter_mut().find(same) {
            Some((_, roles)) => roles.push(role),
            None => groups.push((gone, vec![role])),
        }
    }
    let of_group = |(gone, roles): &(Option<RoleName>, Vec<&'static ControllerRole>)| {
        let own = lacking.iter().filter(|need| roles.contains(&need.role));
        let own: Vec<_> = own.collect();
        let finding = match (gone, roles.as_slice()) {
            (None, [role, ..]) => judge_role(scene, role, &own),
            (Some(gone), roles) => role_gone(scene, gone, roles, &own),
            (None, []) => unexplained(scene, &own),
        };
        let comfort = own.iter().all(|need| is_comfort(need));
        let level = if comfort {
            Level::Warning
        } else {
            Level::Failed
        };
        Finding { level, ..finding }
    };
    groups.iter().map(of_group).collect()
}

fn judge_role(scene: &Scene<'_>, role: &'static ControllerRole, lacking: &[&Need]) -> Finding {
    judge_elsewhere(scene, role)
        .or_else(|| judge_narrowed(scene, role, lacking))
        .or_else(|| judge_absence(scene, role, lacking))
        .unwrap_or_else(|| unexplained(scene, lacking))
}

/// The role that a binding of the account refers to and that does not exist: the released one, or else one of a
/// chart, unless another role is there that holds a part of the released rules.
fn gone_role(scene: &Scene<'_>, role: &'static ControllerRole) -> Option<RoleName> {
    let released = RoleName::released(role);
    let rules_of = |name: &RoleName| scene.roles.get(name);
    let bound: Vec<_> = bound_roles(scene, role).collect();
    let mut gone = bound
        .iter()
        .filter(|name| rules_of(name).is_some_and(Option::is_none));
    if let Some(own) = gone.clone().find(|name| ***name == released) {
        return Some((*own).clone());
    }
    let there = bound.iter().filter_map(|name| rules_of(name)?.as_ref());
    let stands_in = there.into_iter().any(|rules| overlap(role, rules) > 0);
    let is_there = rules_of(&released).is_some_and(Option::is_some);
    if stands_in || is_there {
        return None;
    }
    gone.next().map(|name| (*name).clone())
}

/// What is bound to the account where the released role would be.
fn bound_roles<'a>(
    scene: &'a Scene<'_>,
    role: &ControllerRole,
) -> impl Iterator<Item = &'a RoleName> {
    let reach = role.reach;
    let bound = scene
        .bindings
        .iter()
        .filter(move |it| it.names(scene.account) && it.reach == reach);
    bound.map(|binding| &binding.role)
}

/// How many of the released role's rights these rules grant.
fn overlap(role: &'static ControllerRole, rules: &[PolicyRule]) -> usize {
    let granted = |need: &&Need| rules.iter().any(|rule| allows(rule, need));
    role_needs(role).iter().filter(granted).count()
}

/// A bound role that does not exist, with all that it has to hold.
fn role_gone(
    scene: &Scene<'_>,
    gone: &RoleName,
    roles: &[&'static ControllerRole],
    lacking: &[&Need],
) -> Finding {
    let AccountName { namespace, name } = scene.account;
    let detail = format!(
        "{} {} does not exist, so service account {namespace}/{name} may not {}",
        gone.kind,
        gone.name,
        words(lacking)
    );
    Finding::failed(&ROLE_MISSING, detail).mended_by(create_role(gone, roles, namespace))
}

fn is_comfort(need: &Need) -> bool {
    let right = (need.role.account, need.verb, need.resource);
    COMFORTS.contains(&need.resource) || right == DEADLINES
}

/// A binding of the role, or the one of the release's name, that names an account of another namespace.
fn judge_elsewhere(scene: &Scene<'_>, role: &ControllerRole) -> Option<Finding> {
    let released = RoleName::released(role);
    let own = |it: &&Binding| it.role == released && !it.names(scene.account);
    let (binding, (place, elsewhere)) = scene
        .bindings
        .iter()
        .filter(own)
        .find_map(|it| Some((it, it.namesake(scene.account)?)))?;
    let AccountName { namespace, name } = scene.account;
    let detail = format!(
        "{} {} binds {} {} to service account {elsewhere}/{name}, but the controller runs as {namespace}/{name}",
        binding_kind(role),
        binding.name,
        released.kind,
        released.name
    );
    let pointer = format!("/subjects/{place}/namespace");
    let patch = json!([{"op": "replace", "path": pointer, "value": namespace}]);
    let mend = format!(
        "kubectl {}patch {} {} --type=json -p '{patch}'",
        flag(role, namespace),
        binding.resource(),
        binding.name
    );
    Some(Finding::failed(&BINDING_ELSEWHERE, detail).mended_by(mend))
}

/// A role that is bound to the account and has a part of the released rules: the released one, or a chart's.
fn judge_narrowed(
    scene: &Scene<'_>,
    role: &'static ControllerRole,
    lacking: &[&Need],
) -> Option<Finding> {
    let released = RoleName::released(role);
    let known =
        bound_roles(scene, role).filter_map(|name| Some((name, scene.roles.get(name)?.as_ref()?)));
    let rated = known.map(|(name, rules)| (*name == released, overlap(role, rules), name, rules));
    let (is_released, shared, name, rules) =
        rated.max_by_key(|(is_released, shared, ..)| (*is_released, *shared))?;
    if !is_released && shared == 0 {
        return None;
    }
    let AccountName {
        namespace,
        name: account,
    } = scene.account;
    let detail = format!(
        "service account {namespace}/{account} may not {}: {} {} lacks the rule",
        words(lacking),
        name.kind,
        name.name
    );
    let added = rules_json(lacking);
    let patch = match (rules.is_empty(), added.as_slice()) {
        (true, added) => json!([{"op": "add", "path": "/rules", "value": added}]),
        (false, added) => added
            .iter()
            .map(|rule| json!({"op": "add", "path": "/rules/-", "value": rule}))
            .collect(),
    };
    let mend = format!(
        "kubectl {}patch {} {} --type=json -p '{patch}'",
        flag(role, namespace),
        name.kind.to_lowercase(),
        name.name
    );
    Some(Finding::failed(&RULE_MISSING, detail).mended_by(mend))
}

/// The released role is not there, or nobody binds it.
fn judge_absence(
    scene: &Scene<'_>,
    role: &'static ControllerRole,
    lacking: &[&Need],
) -> Option<Finding> {
    let released = RoleName::released(role);
    let found = scene.roles.get(&released)?;
    if found.is_none() {
        return Some(role_gone(scene, &released, &[role], lacking));
    }
    let AccountName { namespace, name } = scene.account;
    let RoleName {
        kind,
        name: role_name,
    } = &released;
    let detail = format!(
        "nothing binds {kind} {role_name} to service account {namespace}/{name}, which so may not {}",
        words(lacking)
    );
    let taken = scene
        .bindings
        .iter()
        .find(|it| it.name == role.binding && it.reach == role.reach);
    let account = format!("--serviceaccount={namespace}:{name}");
    let flag = flag(role, namespace);
    let mend = match (taken, role.reach) {
        (Some(taken), _) => format!(
            "kubectl {flag}set subject {}/{} {account}",
            taken.resource(),
            role.binding
        ),
        (None, RoleReach::Cluster) => format!(
            "kubectl create clusterrolebinding {} --clusterrole={role_name} {account}",
            role.binding
        ),
        (None, RoleReach::Namespace) => format!(
            "kubectl {flag}create rolebinding {} --role={role_name} {account}",
            role.binding
        ),
    };
    Some(Finding::failed(&BINDING_MISSING, detail).mended_by(mend))
}

/// All that is known is the server's answer.
fn unexplained(scene: &Scene<'_>, lacking: &[&Need]) -> Finding {
    let AccountName { namespace, name } = scene.account;
    let detail = format!(
        "service account {namespace}/{name} may not {}",
        words(lacking)
    );
    let finding = Finding::failed(&RULE_MISSING, detail);
    let Some(need) = lacking.first() else {
        return finding;
    };
    let own = (need.reach() == RoleReach::Namespace).then(|| namespace.clone());
    let rule = MissingRule {
        verb: need.verb.to_owned(),
        resource: need.resource.to_owned(),
        group: need.group.to_owned(),
        namespace: own,
        ..MissingRule::default()
    };
    finding.mended_by(format!(
        "{} --as system:serviceaccount:{namespace}:{name}",
        rule.question()
    ))
}

const fn binding_kind(role: &ControllerRole) -> &'static str {
    match role.reach {
        RoleReach::Cluster => "ClusterRoleBinding",
        RoleReach::Namespace => "RoleBinding",
    }
}

fn flag(role: &ControllerRole, namespace: &str) -> String {
    match role.reach {
        RoleReach::Cluster => String::new(),
        RoleReach::Namespace => format!("-n {namespace} "),
    }
}

/// The needs of one resource, with all verbs.
struct Lack {
    group: &'static str,
    resource: &'static str,
    verbs: Vec<&'static str>,
}

fn by_resource(lacking: &[&Need]) -> Vec<Lack> {
    let mut lacks: Vec<Lack> = Vec::new();
    for need in lacking {
        let same = |it: &&mut Lack| (it.group, it.resource) == (need.group, need.resource);
        match lacks.iter_mut().find(same) {
            Some(lack) => lack.verbs.push(need.verb),
            None => lacks.push(Lack {
                group: need.group,
                resource: need.resource,
                verbs: vec![need.verb],
            }),
        }
    }
    lacks
}

/// `create, delete jobs.batch; get nodes`.
fn words(lacking: &[&Need]) -> String {
    let lacks = by_resource(lacking);
    let named = lacks.iter().take(NAMED).map(|lack| {
        let resource = match lack.group {
            "" => lack.resource.to_owned(),
            group => format!("{}.{group}", lack.resource),
        };
        format!("{} {resource}", lack.verbs.join(", "))
    });
    let mut named: Vec<_> = named.collect();
    if lacks.len() > NAMED {
        named.push(format!("and so on for {} more", lacks.len() - NAMED));
    }
    named.join("; ")
}

/// One rule a set of verbs and a group.
fn rules_json(lacking: &[&Need]) -> Vec<Value> {
    let mut merged: Vec<(Lack, Vec<&str>)> = Vec::new();
    for lack in by_resource(lacking) {
        let alike =
            |(it, _): &&mut (Lack, Vec<&str>)| it.group == lack.group && it.verbs == lack.verbs;
        if let Some((_, resources)) = merged.iter_mut().find(alike) {
            resources.push(lack.resource);
        } else {
            let resources = vec![lack.resource];
            merged.push((lack, resources));
        }
    }
    let rule = |(lack, resources): &(Lack, Vec<&str>)| json!({"apiGroups": [lack.group], "resources": resources, "verbs": lack.verbs});
    merged.iter().map(rule).collect()
}

/// A role of this name with all that the released ones hold, from a pipe: no other command of kubectl creates a role
/// of several rules.
fn create_role(name: &RoleName, roles: &[&'static ControllerRole], namespace: &str) -> String {
    let held: Vec<_> = roles
        .iter()
        .flat_map(|role| role.rules)
        .map(|rule| json!({"apiGroups": rule.api_groups, "resources": rule.resources, "verbs": rule.verbs}))
        .collect();
    let RoleName { kind, name } = name;
    let metadata = match kind.as_str() {
        "Role" => json!({"name": name, "namespace": namespace}),
        _ => json!({"name": name}),
    };
    let object = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": metadata, "rules": held,
    });
    pipe(&object, "create -f -")
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::rbac::v1::ClusterRoleBinding;

    use super::*;
    use crate::{check::trainer::grants::needs, releases};

    const ROLE: &str = "jobset-manager-role";

    fn account() -> AccountName {
        AccountName {
            namespace: "kubeflow-system".to_owned(),
            name: "jobset-controller-manager".to_owned(),
        }
    }

    fn all_lacking() -> Vec<Need> {
        let release = releases::find("2.3.0").unwrap();
        let served = [
            "batch",
            "jobset.x-k8s.io",
            "authentication.k8s.io",
            "coordination.k8s.io",
        ]
        .map(str::to_owned);
        needs(release.controller_roles, &account().name, &served)
    }

    fn of_jobs() -> Vec<Need> {
        let writes =
            |need: &Need| need.resource == "jobs" && ["create", "delete"].contains(&need.verb);
        all_lacking().into_iter().filter(writes).collect()
    }

    fn binding(role: &str, namespace: &str) -> Binding {
        let subject =
            json!({"kind": "ServiceAccount", "name": account().name, "namespace": namespace});
        let object = json!({
            "metadata": {"name": "jobset-manager-rolebinding"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "User", "name": "somebody"}, subject],
        });
        Binding::from(serde_json::from_value::<ClusterRoleBinding>(object).unwrap())
    }

    fn roles(entries: &[(&str, Option<Value>)]) -> Roles {
        let role = |(name, rules): &(&str, Option<Value>)| {
            let name = RoleName {
                kind: "ClusterRole".to_owned(),
                name: (*name).to_owned(),
            };
            let rules = rules
                .clone()
                .map(|rules| serde_json::from_value::<Vec<PolicyRule>>(rules).unwrap());
            (name, rules)
        };
        entries.iter().map(role).collect()
    }

    fn judged(bindings: &[Binding], roles: &Roles, lacking: &[Need]) -> Finding {
        let scene = Scene {
            account: &account(),
            bindings,
            roles,
        };
        judge_lacking(&scene, lacking).swap_remove(0)
    }

    fn reading_jobs() -> Value {
        json!([{"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get", "list", "watch"]}])
    }

    #[test]
    fn a_role_without_the_rule_is_patched_with_exactly_what_is_lacking() {
        let roles = roles(&[(ROLE, Some(reading_jobs()))]);
        let finding = judged(&[binding(ROLE, "kubeflow-system")], &roles, &of_jobs());
        assert_eq!(
            (finding.level, finding.reason.code),
            (Level::Failed, "RuleMissing")
        );
        assert_eq!(
            finding.detail,
            "service account kubeflow-system/jobset-controller-manager may not create, delete jobs.batch: \
             ClusterRole jobset-manager-role lacks the rule"
        );
        assert_eq!(
            finding.mend.as_deref(),
            Some(
                r#"kubectl patch clusterrole jobset-manager-role --type=json -p '[{"op":"add","path":"/rules/-","value":{"apiGroups":["batch"],"resources":["jobs"],"verbs":["create","delete"]}}]'"#
            )
        );
    }

    #[test]
    fn the_role_of_a_chart_is_known_by_what_it_holds() {
        let roles = roles(&[("jobset-controller", Some(reading_jobs())), (ROLE, None)]);
        let finding = judged(
            &[binding("jobset-controller", "kubeflow-system")],
            &roles,
            &of_jobs(),
        );
        assert_eq!(finding.reason.code, "RuleMissing");
        assert!(
            finding
                .detail
                .contains("ClusterRole jobset-controller lacks"),
            "{}",
            finding.detail
        );
    }

    #[test]
    fn a_binding_of_a_namesake_elsewhere_is_corrected_in_place() {
        let roles = roles(&[(ROLE, Some(reading_jobs()))]);
        let finding = judged(&[binding(ROLE, "kubeflow")], &roles, &of_jobs());
        assert_eq!(finding.reason.code, "BindingElsewhere");
        assert_eq!(
            finding.mend.as_deref(),
            Some(
                r#"kubectl patch clusterrolebinding jobset-manager-rolebinding --type=json -p '[{"op":"replace","path":"/subjects/1/namespace","value":"kubeflow-system"}]'"#
            )
        );
    }

    #[test]
    fn a_role_that_is_gone_is_told_from_one_that_nobody_binds() {
        let gone = roles(&[(ROLE, None)]);
        let dangling = judged(&[binding(ROLE, "kubeflow-system")], &gone, &of_jobs());
        assert_eq!(dangling.reason.code, "RoleMissing");
        let mend = dangling.mend.unwrap();
        assert!(
            mend.starts_with("echo '{") && mend.ends_with("}' | kubectl create -f -"),
            "{mend}"
        );
        let unbound = judged(&[], &roles(&[(ROLE, Some(reading_jobs()))]), &of_jobs());
        assert_eq!(unbound.reason.code, "BindingMissing");
        assert_eq!(
            unbound.mend.as_deref(),
            Some(
                "kubectl create clusterrolebinding jobset-manager-rolebinding --clusterrole=jobset-manager-role \
                 --serviceaccount=kubeflow-system:jobset-controller-manager"
            )
        );
    }

    #[test]
    fn a_role_of_a_chart_that_is_gone_is_made_anew_under_its_own_name_with_all_that_it_held() {
        let account = account();
        let bindings = [binding("jobset-controller", "kubeflow-system")];
        let roles = roles(&[
            ("jobset-controller", None),
            (ROLE, None),
            ("jobset-proxy-role", None),
        ]);
        let scene = Scene {
            account: &account,
            bindings: &bindings,
            roles: &roles,
        };
        let of_cluster = |need: &Need| need.role.reach == RoleReach::Cluster;
        let lacking: Vec<_> = all_lacking().into_iter().filter(of_cluster).collect();
        let found = judge_lacking(&scene, &lacking);
        assert_eq!(found.len(), 1, "{found:#?}");
        let (level, reason) = (found[0].level, found[0].reason.code);
        assert_eq!((level, reason), (Level::Failed, "RoleMissing"));
        let detail = &found[0].detail;
        let start = "ClusterRole jobset-controller does not exist, so service account";
        assert!(detail.starts_with(start), "{detail}");
        let mend = found[0].mend.as_deref().unwrap();
        assert!(
            mend.contains(r#""metadata":{"name":"jobset-controller"}"#),
            "{mend}"
        );
        assert!(
            mend.contains("tokenreviews") && mend.contains("jobsets/status"),
            "{mend}"
        );
    }

    #[test]
    fn what_cannot_be_explained_is_asked_again_in_kubectls_words() {
        let asked = |resource: &str| {
            let lacking: Vec<_> = all_lacking()
                .into_iter()
                .filter(|need| (need.verb, need.resource) == ("update", resource))
                .collect();
            judged(&[], &Roles::new(), &lacking).mend.unwrap()
        };
        let subject = "--as system:serviceaccount:kubeflow-system:jobset-controller-manager";
        assert_eq!(
            asked("jobs/status"),
            format!(
                "kubectl auth can-i update jobs.batch --subresource=status --all-namespaces {subject}"
            )
        );
        assert_eq!(
            asked("leases"),
            format!(
                "kubectl auth can-i update leases.coordination.k8s.io -n kubeflow-system {subject}"
            )
        );
    }

    #[test]
    fn every_released_role_is_one_finding_and_comforts_are_a_warning() {
        let account = account();
        let scene = Scene {
            account: &account,
            bindings: &[],
            roles: &Roles::new(),
        };
        let found = judge_lacking(&scene, &all_lacking());
        let levels: Vec<_> = found.iter().map(|finding| finding.level).collect();
        let (failed, warning) = (Level::Failed, Level::Warning);
        // The manager's role, the one for metrics, and the two of the namespace.
        assert_eq!(levels, [failed, warning, failed, failed]);
        assert!(
            found[0].detail.contains("and so on for "),
            "{}",
            found[0].detail
        );
    }
}
