//! Who still has to be let read the cluster's runtimes, by the API server's own judgement.

use crate::{
    access::{
        grant::{self, Subject},
        persona::Persona,
    },
    cluster::{Access, AccessAnswer, Cluster, Failure, FailureKind, Manifest},
};

/// What is missing, and what a reader should know of the rest.
pub(in crate::commands) struct ClusterRuntimes {
    pub(in crate::commands) missing: Vec<Manifest>,
    pub(super) notes: Vec<String>,
}

const LIST: Access<'_> = Access {
    verb: "list",
    group: "trainer.kubeflow.org",
    resource: "clustertrainingruntimes",
    namespace: None,
};
const GET: Access<'_> = Access {
    verb: "get",
    ..LIST
};

/// Asks for each subject with the groups that it is in. Who may not ask grants it, to be on the safe side.
pub(in crate::commands) async fn fetch_missing(
    cluster: &Cluster,
    namespace: &str,
    readers: Vec<(Persona, Subject)>,
) -> Result<ClusterRuntimes, Failure> {
    let mut found = ClusterRuntimes {
        missing: Vec::new(),
        notes: Vec::new(),
    };
    for (persona, subject) in readers {
        let answers = fetch_answers(cluster, &subject).await;
        let binding = grant::cluster_runtimes_binding(namespace, &subject);
        match judge(answers, &binding)? {
            Need::Binding => {
                found
                    .missing
                    .extend(grant::cluster_runtimes(namespace, persona, &subject));
            }
            Need::Nothing(reason) => found.notes.push(format!(
                "The {} may read the cluster's runtimes already{reason}.",
                subject.words()
            )),
        }
    }
    Ok(found)
}

async fn fetch_answers(cluster: &Cluster, subject: &Subject) -> Vec<Result<AccessAnswer, Failure>> {
    let everybody = "system:authenticated".to_owned();
    let (user, groups) = match subject {
        Subject::Account(account) => return cluster.fetch_access_of(account, &[LIST, GET]).await,
        Subject::User(name) => (Some(name.as_str()), vec![everybody]),
        Subject::Group(name) => (None, vec![name.clone(), everybody]),
    };
    let list = cluster.fetch_access_of_people(user, groups.clone(), &LIST);
    let get = cluster.fetch_access_of_people(user, groups, &GET);
    let (list, get) = futures::future::join(list, get).await;
    vec![list, get]
}

/// Whether a binding of ours is needed.
#[derive(Debug, PartialEq, Eq)]
enum Need {
    Binding,
    Nothing(String),
}

/// A right that comes from the very binding is still to be kept as it should be.
fn judge(answers: Vec<Result<AccessAnswer, Failure>>, binding: &str) -> Result<Need, Failure> {
    let mut reasons = Vec::new();
    for answer in answers {
        match answer {
            Ok(AccessAnswer::Allowed(reason)) if !reason.contains(binding) => reasons.push(reason),
            Ok(_) => return Ok(Need::Binding),
            Err(failure) if matches!(failure.kind, FailureKind::Forbidden(_)) => {
                return Ok(Need::Binding);
            }
            Err(failure) => return Err(failure),
        }
    }
    let reason = reasons.pop().filter(|reason| !reason.is_empty());
    let reason = reason.map(|reason| format!(": {}", reason.trim_start_matches("RBAC: ")));
    Ok(Need::Nothing(reason.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(reason: &str) -> AccessAnswer {
        AccessAnswer::Allowed(reason.to_owned())
    }

    fn judged(answers: Vec<Result<AccessAnswer, Failure>>) -> Need {
        judge(answers, "kubectl-trainer:a:b:cluster-runtimes").unwrap()
    }

    #[test]
    fn nothing_is_bound_where_everybody_may_read() {
        let reason = "RBAC: allowed by ClusterRoleBinding \"everybody\"";
        assert_eq!(
            judged(vec![Ok(allowed(reason)), Ok(allowed(reason))]),
            Need::Nothing(": allowed by ClusterRoleBinding \"everybody\"".to_owned())
        );
    }

    #[test]
    fn a_right_by_our_own_binding_keeps_the_binding() {
        let own =
            "RBAC: allowed by ClusterRoleBinding \"kubectl-trainer:a:b:cluster-runtimes\" of …";
        assert_eq!(
            judged(vec![Ok(allowed(own)), Ok(allowed(own))]),
            Need::Binding
        );
    }

    #[test]
    fn who_lacks_one_of_the_rights_or_cannot_be_asked_about_gets_the_binding() {
        let denied = Ok(AccessAnswer::Denied(String::new()));
        assert_eq!(judged(vec![Ok(allowed("")), denied]), Need::Binding);
        let failure = Failure {
            request: String::new(),
            kind: FailureKind::Forbidden(Box::default()),
            target: None,
        };
        assert_eq!(judged(vec![Err(failure)]), Need::Binding);
    }
}
