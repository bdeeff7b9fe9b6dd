//! The category Not allowed: one access review for each right that leads beyond the persona.

use super::{
    AccessContext, NO_CLUSTER, NO_IMPERSONATION, NO_OTHER_NAMESPACES, NO_PODS, NO_RIGHTS,
    NO_SECRETS, NO_TRAINING, PERSONA,
    borders::{Border, forbidden, listed},
    login::judge_unclear,
    rights::{Right, spoken},
};
use crate::{
    access::{allowance::parse_allowance, persona::Persona},
    check::{Category, Check, Finding, Outcome, Reader, Reason, Retry, Severity},
    cluster::AccessAnswer,
};

pub(super) const OTHER_NAMESPACES: Check<AccessContext> = Check {
    id: NO_OTHER_NAMESPACES,
    category: Category::NotAllowed,
    title: "It may nothing in kube-system or everywhere",
    hint: "see what is bound: kubectl get clusterrolebindings -o wide",
    page: "Asks whether the account may create or list TrainJobs, or read Secrets and pods, in a namespace that every cluster has and that is not its own (kube-system), and whether it may list or create TrainJobs, or list Secrets and pods, in all namespaces at once. What somebody granted in one other namespace alone is not seen here: access verify -n NAMESPACE asks about that one. A TrainJob may name any service account of its namespace and mount its Secrets, so creating them elsewhere reaches all that is there.",
    reasons: &[&TOO_WIDE],
    severity: Severity::Error,
    requires: &[PERSONA],
    retry: Retry::Never,
    run: |context| Box::pin(check_forbidden(context, Border::OtherNamespaces)),
};

const TOO_WIDE: Reason = Reason {
    code: "TooWide",
    meaning: "The account may do what its persona must not. The finding names the binding through which it may, as the API server says it.",
    mend: "Have an administrator take the account out of that binding, or delete the binding, and grant what is needed with kubectl trainer bootstrap.",
};

pub(super) const TRAINING: Check<AccessContext> = Check {
    id: NO_TRAINING,
    title: "No more of TrainJobs and runtimes",
    hint: "see what is bound: kubectl get rolebindings -n NAMESPACE -o wide",
    page: "Asks for every verb on TrainJobs and runtimes that the persona does not have. Who may write ClusterTrainingRuntimes decides what runs in every namespace that uses them.",
    run: |context| Box::pin(check_forbidden(context, Border::Training)),
    ..OTHER_NAMESPACES
};

pub(super) const SECRETS: Check<AccessContext> = Check {
    id: NO_SECRETS,
    title: "It may not read or write Secrets",
    page: "Asks for every verb on all Secrets of the namespace, and on single ones where the server lists a rule about them by name. Such a list may be incomplete. To list or watch Secrets is to read them.",
    run: |context| Box::pin(check_forbidden(context, Border::Secrets)),
    ..TRAINING
};

pub(super) const PODS: Check<AccessContext> = Check {
    id: NO_PODS,
    title: "It may not run or enter pods itself",
    page: "Asks for creating and changing pods, for what enters them (exec, attach, port-forward, ephemeral containers), and for the controllers of Kubernetes that create pods in turn, from jobs to deployments. Who may, can run as any service account of the namespace.",
    run: |context| Box::pin(check_forbidden(context, Border::Pods)),
    ..TRAINING
};

pub(super) const IMPERSONATION: Check<AccessContext> = Check {
    id: NO_IMPERSONATION,
    title: "It may not become somebody else",
    page: "Asks for impersonating users, groups and service accounts (all of them, and the account default), for making service accounts, and for making tokens: an account that may make its own tokens cannot be taken its access by letting one expire.",
    run: |context| Box::pin(check_forbidden(context, Border::Impersonation)),
    ..TRAINING
};

pub(super) const RIGHTS: Check<AccessContext> = Check {
    id: NO_RIGHTS,
    title: "It may not grant rights",
    page: "Asks for writing all Roles, ClusterRoles and their bindings, for escalate and bind, for bind with cluster-admin, admin and edit, and for single ones where the server lists a rule about them by name. Such a list may be incomplete. Only the persona admin writes RoleBindings, and may bind the shipped roles and no others.",
    run: |context| Box::pin(check_forbidden(context, Border::Rights)),
    ..TRAINING
};

pub(super) const CLUSTER: Check<AccessContext> = Check {
    id: NO_CLUSTER,
    title: "It may not change the cluster",
    page: "Asks for making and deleting namespaces, for reaching and changing nodes, for making volumes of the cluster, for approving certificates, and for writing webhooks, CRDs, and admission policies with their bindings. Each of them leads to every namespace.",
    run: |context| Box::pin(check_forbidden(context, Border::Cluster)),
    ..OTHER_NAMESPACES
};

async fn check_forbidden(context: &AccessContext, border: Border) -> Outcome {
    let known = match context.fetch_persona().await {
        Ok(known) => known,
        Err(unclear) => return judge_unclear(&unclear, &context.subject.words()),
    };
    let mut rights = forbidden(known.persona, border);
    let rules = context.fetch_named_rules().await;
    rights.extend(listed(known.persona, border, context.namespace(), rules));
    let answers = context.fetch_answers(&rights).await;
    let mut reasons: Vec<(String, Vec<&Right>)> = Vec::new();
    let mut findings = Vec::new();
    for (right, answer) in rights.iter().zip(answers) {
        match answer {
            Ok(AccessAnswer::Denied(_)) => {}
            Ok(AccessAnswer::Allowed(reason)) => {
                match reasons.iter_mut().find(|(known, _)| *known == reason) {
                    Some((_, rights)) => rights.push(right),
                    None => reasons.push((reason, vec![right])),
                }
            }
            Err(failure) => findings.push(Finding::of_failure(&failure)),
        }
    }
    findings.dedup();
    // A cluster's administrator has the same reason for everything, so it is told once a check.
    let wide = reasons
        .iter()
        .map(|(reason, rights)| judge_wide(context, known.persona, reason, rights));
    findings.extend(wide);
    let facts = findings
        .is_empty()
        .then(|| format!("none of {} rights", rights.len()));
    Outcome::new(findings, facts.into_iter().collect())
}

fn judge_wide(
    context: &AccessContext,
    persona: Persona,
    reason: &str,
    rights: &[&Right],
) -> Finding {
    let who = context.subject.words();
    let what = spoken(rights, context.namespace());
    let allowance = parse_allowance(reason);
    let because = match (&allowance, reason) {
        (Some(allowance), _) => format!(": {} allows it", allowance.words()),
        (None, "") => String::new(),
        (None, reason) => format!(": the server says \"{reason}\""),
    };
    let detail = format!(
        "{who} may {what}, and the persona {} must not{because}",
        persona.name()
    );
    let advice = match &allowance {
        Some(allowance) => {
            let deed = match &allowance.group {
                Some(_) => "narrows it, for all of the group,",
                None => "takes the account out of it",
            };
            format!("an administrator {deed} with: {}", allowance.edit_command())
        }
        None => "ask who administers the cluster's access by what it is allowed".to_owned(),
    };
    Finding {
        advice: Some(advice),
        advice_for: Reader::Anybody,
        ..Finding::failed(&TOO_WIDE, detail).lasting()
    }
}
