//! What a trial takes, asked before anything is made: who could not remove it again makes nothing.

use futures::future::join_all;

use super::trial::Trial;
use crate::{
    check::{
        Finding, Outcome, Reason,
        trainer::{
            TrainerContext,
            namespace::{Subject, grant},
        },
    },
    cluster::{Access, AccessAnswer, AccountName, MissingRule, resources::TRAINER_GROUP},
};

pub(super) const RULE_MISSING: Reason = Reason {
    code: "RuleMissing",
    meaning: "The account that the trial is made as lacks the named RBAC rule, without which nobody trains here: submitting, following, reading the log or removing a TrainJob. Nothing was made.",
    mend: "Grant the rule (kubectl trainer bootstrap), or name another account with --service-account.",
};

const CREATE: (&str, &str, &str) = ("create", TRAINER_GROUP, "trainjobs");
const EVERY: [(&str, &str, &str); 6] = [
    CREATE,
    ("get", TRAINER_GROUP, "trainjobs"),
    ("list", TRAINER_GROUP, "trainjobs"),
    ("delete", TRAINER_GROUP, "trainjobs"),
    ("list", "", "pods"),
    ("get", "", "pods/log"),
];

/// How much is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    DryRun,
    RealRun,
}

/// What is in the way: rules that are missing, or that nobody could be asked.
pub(super) async fn fetch_obstacle(
    context: &TrainerContext,
    trial: &Trial,
    extent: Extent,
) -> Option<Outcome> {
    let needed: &[_] = match extent {
        Extent::DryRun => &EVERY[..1],
        Extent::RealRun => &EVERY,
    };
    let questions = needed.iter().map(|(verb, group, resource)| Access {
        verb,
        group,
        resource,
        namespace: Some(trial.namespace()),
    });
    let questions: Vec<_> = questions.collect();
    let asked = questions
        .iter()
        .map(|access| trial.cluster().fetch_own_access(access));
    let mut missing = Vec::new();
    for (access, answer) in questions.iter().zip(join_all(asked).await) {
        match answer {
            Ok(AccessAnswer::Allowed(_)) => {}
            Ok(AccessAnswer::Denied(_)) => missing.push(*access),
            Err(failure) => return Some(Outcome::of(Finding::of_failure(&failure))),
        }
    }
    if missing.is_empty() {
        return None;
    }
    Some(match context.fetch_identity().await {
        Ok(identity) => judge_missing(&identity.user, &missing),
        Err(failure) => Outcome::of(Finding::of_failure(&failure)),
    })
}

/// The command beside the first finding grants all that is missing.
fn judge_missing(user: &str, missing: &[Access<'_>]) -> Outcome {
    let account = AccountName::of_user(user);
    let words = match &account {
        Some(AccountName { namespace, name }) => format!("service account {namespace}/{name}"),
        None => format!("user \"{user}\""),
    };
    let subject = account.map_or_else(|| Subject::User(user.to_owned()), Subject::Account);
    let mut mend = Some(grant(&subject, missing));
    let findings = missing.iter().map(|access| {
        let rule = rule(user, access);
        let detail = format!("{words} may not {}", rule.words());
        Finding {
            mend: mend.take(),
            missing_rule: Some(Box::new(rule)),
            ..Finding::failed(&RULE_MISSING, detail)
        }
    });
    Outcome::new(findings.collect(), Vec::new())
}

fn rule(user: &str, access: &Access<'_>) -> MissingRule {
    MissingRule {
        user: user.to_owned(),
        verb: access.verb.to_owned(),
        resource: access.resource.to_owned(),
        group: access.group.to_owned(),
        namespace: access.namespace.map(str::to_owned),
        ..MissingRule::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_missing_rule_is_named_whole_and_one_command_grants_them_all() {
        let access = |verb, group, resource| Access {
            verb,
            group,
            resource,
            namespace: Some("team-a"),
        };
        let missing = [
            access("create", TRAINER_GROUP, "trainjobs"),
            access("get", "", "pods/log"),
        ];
        let outcome = judge_missing("system:serviceaccount:team-a:viewer", &missing);
        let details: Vec<_> = outcome
            .findings
            .iter()
            .map(|it| it.detail.as_str())
            .collect();
        let expected = [
            "service account team-a/viewer may not create trainjobs.trainer.kubeflow.org in namespace team-a",
            "service account team-a/viewer may not get pods/log in namespace team-a",
        ];
        assert_eq!(details, expected);
        let mend = outcome.findings[0].mend.as_deref().unwrap();
        assert!(
            mend.contains("pods/log") && mend.contains("trainjobs"),
            "{mend}"
        );
        assert_eq!(outcome.findings[1].mend, None);
        let rule = outcome.findings[1].missing_rule.as_deref().unwrap();
        assert_eq!(
            (rule.verb.as_str(), rule.resource.as_str()),
            ("get", "pods/log")
        );
    }
}
