//! The category Not allowed: one access review for each right that leads beyond the persona.

use super::{
    AccessContext, NO_CLUSTER, NO_IMPERSONATION, NO_OTHER_NAMESPACES, NO_PODS, NO_RIGHTS,
    NO_SECRETS, NO_TRAINING, PERSONA,
    login::unknown_persona,
    rights::{Border, Right, forbidden, spoken},
};
use crate::{
    access::{allowance::parse_allowance, persona::Persona},
    check::{Category, Check, Finding, Outcome, Reader, Reason, Retry, Severity},
    cluster::AccessAnswer,
};

pub(super) const OTHER_NAMESPACES: Check<AccessContext> = Check {
    id: NO_OTHER_NAMESPACES,
    category: Category::NotAllowed,
    title: "It may nothing in other namespaces",
    hint: "see what is bound: kubectl get clusterrolebindings -o wide",
    page: "Asks whether the account may create or list TrainJobs, or read Secrets and pods, in a namespace that every cluster has and that is not its own (kube-system), and TrainJobs in all namespaces. A TrainJob may name any service account of its namespace and mount its Secrets, so creating them elsewhere reaches all that is there.",
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
    hint: "see what is bound: kubectl get rolebindings -o wide",
    page: "Asks for every verb on TrainJobs and runtimes that the persona does not have. Who may write ClusterTrainingRuntimes decides what runs in every namespace that uses them.",
    run: |context| Box::pin(check_forbidden(context, Border::Training)),
    ..OTHER_NAMESPACES
};

pub(super) const SECRETS: Check<AccessContext> = Check {
    id: NO_SECRETS,
    title: "It may not read or write Secrets",
    page: "Asks for every verb on Secrets in the namespace. To list or watch them is to read them.",
    run: |context| Box::pin(check_forbidden(context, Border::Secrets)),
    ..TRAINING
};

pub(super) const PODS: Check<AccessContext> = Check {
    id: NO_PODS,
    title: "It may not run or enter pods itself",
    page: "Asks for creating and changing pods, for what enters them (exec, attach, port-forward, ephemeral containers), and for what creates pods in turn. Who may, can run as any service account of the namespace.",
    run: |context| Box::pin(check_forbidden(context, Border::Pods)),
    ..TRAINING
};

pub(super) const IMPERSONATION: Check<AccessContext> = Check {
    id: NO_IMPERSONATION,
    title: "It may not become somebody else",
    page: "Asks for impersonating users, groups and service accounts, for making service accounts, and for making tokens: an account that may make its own tokens cannot be taken its access by letting one expire.",
    run: |context| Box::pin(check_forbidden(context, Border::Impersonation)),
    ..TRAINING
};

pub(super) const RIGHTS: Check<AccessContext> = Check {
    id: NO_RIGHTS,
    title: "It may not grant rights",
    page: "Asks for writing Roles, ClusterRoles and their bindings, and for escalate and bind. Only the persona admin writes RoleBindings, and may bind the shipped roles and no others.",
    run: |context| Box::pin(check_forbidden(context, Border::Rights)),
    ..TRAINING
};

pub(super) const CLUSTER: Check<AccessContext> = Check {
    id: NO_CLUSTER,
    title: "It may not change the cluster",
    page: "Asks for making and deleting namespaces, for reaching nodes, and for changing webhooks, admission policies and CRDs, each of which leads to every namespace.",
    run: |context| Box::pin(check_forbidden(context, Border::Cluster)),
    ..OTHER_NAMESPACES
};

async fn check_forbidden(context: &AccessContext, border: Border) -> Outcome {
    let Some(known) = context.fetch_persona().await else {
        return unknown_persona(context);
    };
    let rights = forbidden(known.persona, border);
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
        Some(allowance) => format!(
            "an administrator takes the account out of it with: {}",
            allowance.edit_command()
        ),
        None => "ask who administers the cluster's access by what it is allowed".to_owned(),
    };
    Finding {
        advice: Some(advice),
        advice_for: Reader::Anybody,
        ..Finding::failed(&TOO_WIDE, detail).lasting()
    }
}
