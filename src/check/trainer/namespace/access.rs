//! May the caller, or a service account, do what Kubeflow's Python SDK does here? One review a right.

use std::rc::Rc;

use crate::{
    check::{Category, Check, Finding, Level, Outcome, Reason, Retry, Severity},
    cluster::{Access, AccessAnswer, AccountName, Failure, resources::TRAINER_GROUP},
};

use super::{
    super::{NS_ACCESS, NS_EXISTS, TrainerContext, conclude},
    facts::Answers,
    grant::{Subject, grant},
};

pub(crate) const ACCESS: Check<TrainerContext> = Check {
    id: NS_ACCESS,
    category: Category::Namespace,
    title: "The caller may train in the namespace",
    hint: "ask for one right yourself: kubectl auth can-i create trainjobs.trainer.kubeflow.org",
    page: "Asks the API server about every right that Kubeflow's Python SDK needs, from choosing a runtime to reading the log: for you, for whom you act as with --as, or for the service account of --service-account.\n\n\
           For a service account the question is put in its name, which takes the right to impersonate it, else by an access review, which takes the right to create one.\n\n\
           The printed command grants exactly what is missing, all of it, to exactly that account; an administrator runs it.",
    reasons: &[
        &NO_RIGHTS,
        &MAY_NOT_SUBMIT,
        &MAY_NOT_READ_CLUSTER_RUNTIMES,
        &MAY_NOT_FOLLOW,
        &MAY_NOT_SEE_EVENTS,
        &SERVICE_ACCOUNT_MISSING,
    ],
    severity: Severity::Error,
    requires: &[NS_EXISTS],
    retry: Retry::UntilDeadline,
    run: |context| Box::pin(async { conclude(check_access(context).await) }),
};

const NO_RIGHTS: Reason = Reason {
    code: "NoRights",
    meaning: "The account has none of the rights that training takes: nobody has let it into the namespace yet, or it is another account than was meant.",
    mend: "See in TRN-IDENTITY as whom you were asked about; then grant the rights with Roles and bindings.",
};
const MAY_NOT_SUBMIT: Reason = Reason {
    code: "MayNotSubmit",
    meaning: "TrainJobs cannot be created, read and deleted here, or the runtimes of the namespace cannot be read, which the SDK does before it submits.",
    mend: "Grant the named rules with a Role and a RoleBinding in the namespace.",
};
const MAY_NOT_READ_CLUSTER_RUNTIMES: Reason = Reason {
    code: "MayNotReadClusterRuntimes",
    meaning: "ClusterTrainingRuntimes cannot be read, so the SDK finds nothing to train with. They belong to no namespace: a Role can never grant this.",
    mend: "Grant get and list with a ClusterRole and a ClusterRoleBinding.",
};
const MAY_NOT_FOLLOW: Reason = Reason {
    code: "MayNotFollow",
    meaning: "The pods of a TrainJob, or their logs, cannot be read. Without the pods the SDK cannot even tell a job's state; without the logs nobody sees what it writes.",
    mend: "Grant list on pods and get on pods/log in the namespace.",
};
const MAY_NOT_SEE_EVENTS: Reason = Reason {
    code: "MayNotSeeEvents",
    meaning: "Events cannot be read. Training works, but why a job does not start often stands in an event only.",
    mend: "Grant list on events in the namespace.",
};
const SERVICE_ACCOUNT_MISSING: Reason = Reason {
    code: "ServiceAccountMissing",
    meaning: "The service account that is asked about does not exist, so nobody can log in as it.",
    mend: "Correct the name after --service-account, or create the account.",
};

/// What a right is needed for; each lacks under a reason of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Submit,
    ReadClusterRuntimes,
    Follow,
    SeeEvents,
}

/// One right that the SDK needs. The namespace is filled in when it is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Right {
    purpose: Purpose,
    pub(super) access: Access<'static>,
}

impl Right {
    const fn new(
        purpose: Purpose,
        verb: &'static str,
        group: &'static str,
        resource: &'static str,
    ) -> Self {
        let access = Access {
            verb,
            group,
            resource,
            namespace: None,
        };
        Self { purpose, access }
    }

    /// The right where it is needed: in the namespace, or at the cluster scope.
    pub(super) fn placed<'a>(&self, namespace: &'a str) -> Access<'a> {
        let namespace = (self.purpose != Purpose::ReadClusterRuntimes).then_some(namespace);
        Access {
            namespace,
            ..self.access
        }
    }
}

/// What version 0.5.0 of the Python SDK requests, in `trainer/backends/kubernetes/backend.py`.
pub(super) const RIGHTS: [Right; 11] = [
    Right::new(Purpose::Submit, "create", TRAINER_GROUP, "trainjobs"),
    Right::new(Purpose::Submit, "get", TRAINER_GROUP, "trainjobs"),
    Right::new(Purpose::Submit, "list", TRAINER_GROUP, "trainjobs"),
    Right::new(Purpose::Submit, "delete", TRAINER_GROUP, "trainjobs"),
    Right::new(Purpose::Submit, "get", TRAINER_GROUP, "trainingruntimes"),
    Right::new(Purpose::Submit, "list", TRAINER_GROUP, "trainingruntimes"),
    Right::new(
        Purpose::ReadClusterRuntimes,
        "get",
        TRAINER_GROUP,
        "clustertrainingruntimes",
    ),
    Right::new(
        Purpose::ReadClusterRuntimes,
        "list",
        TRAINER_GROUP,
        "clustertrainingruntimes",
    ),
    Right::new(Purpose::Follow, "list", "", "pods"),
    Right::new(Purpose::Follow, "get", "", "pods/log"),
    Right::new(Purpose::SeeEvents, "list", "", "events"),
];

const PURPOSES: [(Purpose, &Reason); 4] = [
    (Purpose::Submit, &MAY_NOT_SUBMIT),
    (Purpose::ReadClusterRuntimes, &MAY_NOT_READ_CLUSTER_RUNTIMES),
    (Purpose::Follow, &MAY_NOT_FOLLOW),
    (Purpose::SeeEvents, &MAY_NOT_SEE_EVENTS),
];

/// Without these the SDK does not work; without the others it only tells less.
const ESSENTIAL: [&str; 4] = [
    "trainjobs",
    "trainingruntimes",
    "clustertrainingruntimes",
    "pods",
];

/// Whose rights are asked for, and where.
struct Question {
    subject: Subject,
    /// `you`, or the service account in words.
    words: String,
    namespace: String,
}

async fn check_access(context: &TrainerContext) -> Result<Outcome, Rc<Failure>> {
    let question = fetch_question(context).await?;
    if let Some(account) = &context.service_account
        && let Some(finding) = check_account(context, account).await
    {
        return Ok(Outcome::of(finding));
    }
    Ok(judge_access(&question, &*context.fetch_answers().await?))
}

async fn fetch_question(context: &TrainerContext) -> Result<Question, Rc<Failure>> {
    let (subject, words) = if let Some(account) = &context.service_account {
        (Subject::Account(account.clone()), words(account))
    } else {
        let user = context.fetch_identity().await?.user.clone();
        let account = AccountName::of_user(&user);
        let subject = account.map_or(Subject::User(user), Subject::Account);
        (subject, "you".to_owned())
    };
    Ok(Question {
        subject,
        words,
        namespace: context.namespace.clone(),
    })
}

fn words(account: &AccountName) -> String {
    format!("service account {}/{}", account.namespace, account.name)
}

/// The finding that the account does not exist, where the caller may see that.
async fn check_account(context: &TrainerContext, account: &AccountName) -> Option<Finding> {
    let AccountName { namespace, name } = account;
    let found = context.fetch_service_account(namespace, name).await.ok()?;
    if found.is_some() {
        return None;
    }
    let detail = format!("{} does not exist", words(account));
    let mend = format!("kubectl -n {namespace} create serviceaccount {name}");
    Some(Finding::failed(&SERVICE_ACCOUNT_MISSING, detail).mended_by(mend))
}

/// The command beside the first finding grants all that is missing; a second one would only repeat a part of it.
fn judge_access(question: &Question, answers: &Answers) -> Outcome {
    let mut missing = Vec::new();
    let mut findings: Vec<Finding> = Vec::new();
    for (right, answer) in RIGHTS.iter().zip(answers) {
        match answer {
            Ok(AccessAnswer::Allowed(_)) => {}
            Ok(AccessAnswer::Denied(_)) => missing.push(right.placed(&question.namespace)),
            Err(failure) => findings.push(Finding::of_failure(failure)),
        }
    }
    findings.dedup();
    if missing.len() == RIGHTS.len() {
        let detail = format!(
            "{} may do nothing that training takes in namespace {}: not one of {} rights",
            question.words,
            question.namespace,
            RIGHTS.len()
        );
        let mend = grant(&question.subject, &missing);
        return Outcome::of(Finding::failed(&NO_RIGHTS, detail).mended_by(mend));
    }
    let lacks = PURPOSES.into_iter().filter_map(|(purpose, reason)| {
        let of_purpose = |access: &&Access<'_>| purpose_of(access) == Some(purpose);
        let rights: Vec<_> = missing.iter().filter(of_purpose).copied().collect();
        (!rights.is_empty()).then(|| judge_missing(question, reason, &rights))
    });
    findings.extend(lacks);
    if findings.is_empty() {
        return Outcome::passed(format!("all {} rights that the SDK needs", RIGHTS.len()));
    }
    let mut outcome = Outcome::new(findings, Vec::new());
    let mut lacks = outcome.findings.iter_mut();
    if let Some(first) = lacks.find(|finding| finding.level != Level::Unknown) {
        first.mend = Some(grant(&question.subject, &missing));
    }
    outcome
}

fn purpose_of(access: &Access<'_>) -> Option<Purpose> {
    let same = |right: &&Right| {
        (right.access.verb, right.access.resource) == (access.verb, access.resource)
    };
    RIGHTS.iter().find(same).map(|right| right.purpose)
}

fn judge_missing(question: &Question, reason: &'static Reason, rights: &[Access<'_>]) -> Finding {
    let place = match rights.iter().find_map(|access| access.namespace) {
        Some(namespace) => format!("in namespace {namespace}"),
        None => "at the cluster scope".to_owned(),
    };
    let detail = format!("{} may not {} {place}", question.words, list(rights));
    if rights
        .iter()
        .any(|access| ESSENTIAL.contains(&access.resource))
    {
        Finding::failed(reason, detail)
    } else {
        Finding::warning(reason, detail)
    }
}

/// `create, delete trainjobs; list pods`.
fn list(rights: &[Access<'_>]) -> String {
    let mut resources: Vec<(&str, Vec<&str>)> = Vec::new();
    for access in rights {
        match resources
            .iter_mut()
            .find(|(resource, _)| *resource == access.resource)
        {
            Some((_, verbs)) => verbs.push(access.verb),
            None => resources.push((access.resource, vec![access.verb])),
        }
    }
    let words = resources
        .into_iter()
        .map(|(resource, verbs)| format!("{} {resource}", verbs.join(", ")));
    words.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{FailureKind, MissingRule};

    fn question() -> Question {
        Question {
            subject: Subject::User("jane".to_owned()),
            words: "you".to_owned(),
            namespace: "team-a".to_owned(),
        }
    }

    /// Answers that deny these rights.
    fn without(denied: &[(&str, &str)]) -> Answers {
        let answer = |right: &Right| {
            let Access { verb, resource, .. } = right.access;
            if denied.contains(&(verb, resource)) {
                Ok(AccessAnswer::Denied(String::new()))
            } else {
                Ok(AccessAnswer::Allowed(String::new()))
            }
        };
        RIGHTS.iter().map(answer).collect()
    }

    fn findings(outcome: &Outcome) -> Vec<(Level, &'static str)> {
        outcome
            .findings
            .iter()
            .map(|finding| (finding.level, finding.reason.code))
            .collect()
    }

    #[test]
    fn who_has_every_right_passes() {
        let outcome = judge_access(&question(), &without(&[]));
        assert_eq!(findings(&outcome), []);
        assert_eq!(outcome.facts, ["all 11 rights that the SDK needs"]);
    }

    #[test]
    fn each_purpose_lacks_under_its_own_reason_and_one_command_grants_it_all() {
        let denied = [
            ("create", "trainjobs"),
            ("delete", "trainjobs"),
            ("list", "clustertrainingruntimes"),
            ("list", "pods"),
            ("list", "events"),
        ];
        let outcome = judge_access(&question(), &without(&denied));
        let expected = [
            (Level::Failed, "MayNotSubmit"),
            (Level::Failed, "MayNotReadClusterRuntimes"),
            (Level::Failed, "MayNotFollow"),
            (Level::Warning, "MayNotSeeEvents"),
        ];
        assert_eq!(findings(&outcome), expected);
        assert_eq!(
            outcome.findings[0].detail,
            "you may not create, delete trainjobs in namespace team-a"
        );
        assert_eq!(
            outcome.findings[1].detail,
            "you may not list clustertrainingruntimes at the cluster scope"
        );
        let mend = outcome.findings[0].mend.as_deref().unwrap();
        assert!(
            mend.contains("ClusterRoleBinding") && mend.contains("events"),
            "{mend}"
        );
        assert!(
            outcome.findings[1..]
                .iter()
                .all(|finding| finding.mend.is_none())
        );
    }

    #[test]
    fn who_may_do_nothing_is_told_so_once() {
        let everything = RIGHTS.map(|right| (right.access.verb, right.access.resource));
        let outcome = judge_access(&question(), &without(&everything));
        assert_eq!(findings(&outcome), [(Level::Failed, "NoRights")]);
        assert_eq!(
            outcome.findings[0].detail,
            "you may do nothing that training takes in namespace team-a: not one of 11 rights"
        );
    }

    #[test]
    fn logs_alone_are_no_reason_to_fail() {
        let outcome = judge_access(&question(), &without(&[("get", "pods/log")]));
        assert_eq!(findings(&outcome), [(Level::Warning, "MayNotFollow")]);
    }

    #[test]
    fn what_could_not_be_asked_is_unknown_once() {
        let rule = MissingRule {
            verb: "impersonate".to_owned(),
            resource: "serviceaccounts".to_owned(),
            ..MissingRule::default()
        };
        let failure = Failure {
            request: String::new(),
            kind: FailureKind::Forbidden(Box::new(rule)),
            target: None,
        };
        let answers: Answers = RIGHTS.iter().map(|_| Err(failure.clone())).collect();
        assert_eq!(
            findings(&judge_access(&question(), &answers)),
            [(Level::Unknown, "NotAllowed")]
        );
    }
}
