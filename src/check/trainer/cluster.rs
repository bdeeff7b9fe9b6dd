//! The category Cluster: does the API server answer, is it new enough, and does it know the caller?

use std::rc::Rc;

use crate::{
    check::{Category, Check, Finding, Outcome, Reason, Retry, Severity},
    cluster::{Failure, FailureKind, Identity, ServerVersion, UnreachableCause},
    releases::minor_version,
};

use super::{API as API_ID, IDENTITY as IDENTITY_ID, TrainerContext};

/// Trainer's documentation asks for this release of Kubernetes or a newer one.
const OLDEST_SERVER: (u32, u32) = (1, 31);

pub(crate) const API: Check<TrainerContext> = Check {
    id: API_ID,
    category: Category::Cluster,
    title: "The API server answers and is 1.31 or newer",
    hint: "compare with: kubectl get --raw /readyz",
    page: "Asks the API server of the current context for its version. Nothing else can be known without an answer.\n\n\
           Kubeflow Trainer v2 supports Kubernetes 1.31 and newer: older servers lack API features that its CRDs use.",
    reasons: &[
        &KUBECONFIG_UNUSABLE,
        &CONNECTION_REFUSED,
        &UNKNOWN_HOST,
        &CERTIFICATE_NOT_TRUSTED,
        &CONNECTION_FAILED,
        &ANSWER_TIMED_OUT,
        &SERVER_TOO_OLD,
    ],
    severity: Severity::Error,
    requires: &[],
    retry: Retry::UntilDeadline,
    run: |context| Box::pin(check_api(context)),
};

const KUBECONFIG_UNUSABLE: Reason = Reason {
    code: "KubeconfigUnusable",
    meaning: "The kubeconfig does not say how to connect: a file, context, cluster, user or credential is missing or wrong. Nothing was sent.",
    mend: "Correct the kubeconfig, or choose another with --kubeconfig and --context.",
};
const CONNECTION_REFUSED: Reason = Reason {
    code: "ConnectionRefused",
    meaning: "Nothing listens at the server's address: the cluster is stopped, or its address has changed.",
    mend: "Start the cluster, or point the context at its new address with kubectl config set-cluster.",
};
const UNKNOWN_HOST: Reason = Reason {
    code: "UnknownHost",
    meaning: "The server's host name has no address in DNS as this machine sees it.",
    mend: "Check the name, the VPN and DNS.",
};
const CERTIFICATE_NOT_TRUSTED: Reason = Reason {
    code: "CertificateNotTrusted",
    meaning: "The TLS connection failed over a certificate: the server's is unknown, expired or for another name, or the server refused the client's.",
    mend: "Set the right certificate authority for the cluster in the kubeconfig, or renew the certificate that expired.",
};
const CONNECTION_FAILED: Reason = Reason {
    code: "ConnectionFailed",
    meaning: "No connection came about, or what answered is not an API server: a firewall, a proxy, a login page, or a VPN that is off.",
    mend: "Follow the hint beside the finding; kubectl cluster-info has to work from the same shell.",
};
const ANSWER_TIMED_OUT: Reason = Reason {
    code: "AnswerTimedOut",
    meaning: "The connection stands, but the API server gave no answer within the limit.",
    mend: "See whether the control plane is overloaded, or allow more time with --request-timeout.",
};
const SERVER_TOO_OLD: Reason = Reason {
    code: "ServerTooOld",
    meaning: "The API server is older than Kubernetes 1.31, which Trainer v2 needs.",
    mend: "Upgrade the cluster.",
};

pub(crate) const IDENTITY: Check<TrainerContext> = Check {
    id: IDENTITY_ID,
    category: Category::Cluster,
    title: "The API server knows who you are",
    hint: "ask it yourself: kubectl auth whoami",
    page: "Asks the API server whom it takes you for (SelfSubjectReview). With an invalid or missing credential every further answer would be about nobody.",
    reasons: &[&UNAUTHORIZED, &ANONYMOUS],
    severity: Severity::Error,
    requires: &[API_ID],
    retry: Retry::Never,
    run: |context| Box::pin(check_identity(context)),
};

const UNAUTHORIZED: Reason = Reason {
    code: "Unauthorized",
    meaning: "The API server does not accept the credential: it has expired, was revoked, or belongs to another cluster.",
    mend: "Log in again, or replace the credential in the kubeconfig.",
};
const ANONYMOUS: Reason = Reason {
    code: "Anonymous",
    meaning: "No credential reached the API server, so it takes you for system:anonymous.",
    mend: "Give the context's user a credential with kubectl config set-credentials.",
};

async fn check_api(context: &TrainerContext) -> Outcome {
    judge_api(context.fetch_version().await.as_deref().map_err(Rc::as_ref))
}

fn judge_api(version: Result<&ServerVersion, &Failure>) -> Outcome {
    match version {
        Ok(version) => judge_version(version),
        // It answered; who may not ask is the next check's matter.
        Err(Failure {
            kind: FailureKind::Unauthorized { .. } | FailureKind::Forbidden(_),
            ..
        }) => Outcome::passed("it answers, but does not tell you its version"),
        Err(failure) => Outcome::of(Finding::failed_request(
            connection_reason(&failure.kind),
            failure,
        )),
    }
}

fn connection_reason(kind: &FailureKind) -> &'static Reason {
    match kind {
        FailureKind::Kubeconfig(_) => &KUBECONFIG_UNUSABLE,
        FailureKind::Unreachable(UnreachableCause::Refused { .. }) => &CONNECTION_REFUSED,
        FailureKind::Unreachable(UnreachableCause::UnknownHost { .. }) => &UNKNOWN_HOST,
        FailureKind::Unreachable(UnreachableCause::Certificate(_)) => &CERTIFICATE_NOT_TRUSTED,
        FailureKind::TimedOut { .. } => &ANSWER_TIMED_OUT,
        _ => &CONNECTION_FAILED,
    }
}

fn judge_version(version: &ServerVersion) -> Outcome {
    let found = &version.git_version;
    match minor_version(found) {
        Some(number) if number < OLDEST_SERVER => {
            let (major, minor) = OLDEST_SERVER;
            let detail = format!("the server is {found}, older than {major}.{minor}");
            Outcome::of(Finding::failed(&SERVER_TOO_OLD, detail).lasting())
        }
        _ => Outcome::passed(found.clone()),
    }
}

async fn check_identity(context: &TrainerContext) -> Outcome {
    judge_identity(
        context
            .fetch_identity()
            .await
            .as_deref()
            .map_err(Rc::as_ref),
    )
}

fn judge_identity(identity: Result<&Identity, &Failure>) -> Outcome {
    match identity {
        Ok(identity) if identity.user == "system:anonymous" => {
            let detail = "the server takes you for system:anonymous: no credential was sent";
            Outcome::of(
                Finding::failed(&ANONYMOUS, detail).mended_by("kubectl config view --minify"),
            )
        }
        Ok(identity) => Outcome::new(Vec::new(), identity_facts(identity)),
        Err(failure) if matches!(failure.kind, FailureKind::Unauthorized { .. }) => {
            Outcome::of(Finding::failed_request(&UNAUTHORIZED, failure))
        }
        Err(failure) => Outcome::of(Finding::of_failure(failure)),
    }
}

fn identity_facts(identity: &Identity) -> Vec<String> {
    let groups =
        (!identity.groups.is_empty()).then(|| format!("groups: {}", identity.groups.join(", ")));
    [Some(format!("you are {}", identity.user)), groups]
        .into_iter()
        .flatten()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> ServerVersion {
        ServerVersion {
            git_version: text.to_owned(),
            major: String::new(),
            minor: String::new(),
            platform: String::new(),
        }
    }

    fn failure(kind: FailureKind) -> Failure {
        Failure {
            request: "read the server's version".to_owned(),
            kind,
            target: None,
        }
    }

    fn reason(outcome: &Outcome) -> Option<&'static str> {
        outcome.findings.first().map(|finding| finding.reason.code)
    }

    #[test]
    fn servers_before_1_31_are_too_old() {
        for (text, expected) in [
            ("v1.30.14", Some("ServerTooOld")),
            ("v1.29.3-gke.100", Some("ServerTooOld")),
            ("v1.31.0", None),
            ("v1.36.4+k3s1", None),
            ("v2.0.0", None),
            ("unknown", None),
        ] {
            assert_eq!(reason(&judge_api(Ok(&version(text)))), expected, "{text}");
        }
    }

    #[test]
    fn each_way_of_not_getting_through_has_its_own_reason() {
        let refused = UnreachableCause::Refused {
            source: std::sync::Arc::new(std::io::ErrorKind::ConnectionRefused.into()),
        };
        let broken = UnreachableCause::Broken {
            detail: "reset".to_owned(),
        };
        let expired = crate::cluster::CertificateFault::Expired { ended: None };
        for (kind, expected) in [
            (FailureKind::Unreachable(refused), "ConnectionRefused"),
            (
                FailureKind::Unreachable(UnreachableCause::Certificate(expired)),
                "CertificateNotTrusted",
            ),
            (FailureKind::Unreachable(broken), "ConnectionFailed"),
            (
                FailureKind::TimedOut {
                    limit: std::time::Duration::from_secs(30),
                },
                "AnswerTimedOut",
            ),
            (
                FailureKind::Unexpected {
                    code: Some(502),
                    message: String::new(),
                },
                "ConnectionFailed",
            ),
        ] {
            assert_eq!(reason(&judge_api(Err(&failure(kind)))), Some(expected));
        }
    }

    #[test]
    fn a_server_that_does_not_know_the_caller_does_answer() {
        let unauthorized = failure(FailureKind::Unauthorized {
            message: String::new(),
        });
        assert_eq!(reason(&judge_api(Err(&unauthorized))), None);
        assert_eq!(
            reason(&judge_identity(Err(&unauthorized))),
            Some("Unauthorized")
        );
    }

    #[test]
    fn nobody_in_particular_is_not_an_identity() {
        let identity = |user: &str| Identity {
            user: user.to_owned(),
            groups: Vec::new(),
        };
        assert_eq!(
            reason(&judge_identity(Ok(&identity("system:anonymous")))),
            Some("Anonymous")
        );
        assert_eq!(reason(&judge_identity(Ok(&identity("jane")))), None);
    }
}
