//! The category Login: what the file logs in with, whether the server takes it, whom it takes it for, and what that
//! account is for.

use jiff::Timestamp;

use super::{
    AccessContext, Asking, CREDENTIAL as CREDENTIAL_ID, IDENTITY as IDENTITY_ID, LOGIN as LOGIN_ID,
    PERSONA as PERSONA_ID, context::Unclear,
};
use crate::{
    access::{credential::Claims, lifetime::lifetime_words},
    check::{Category, Check, Finding, Outcome, Reader, Reason, Retry, Severity},
    cluster::{
        AccountName, CertificateCheck, Failure, FailureKind, Identity, Login, OtherLogin, Target,
        shell_word,
    },
};

pub(super) const CREDENTIAL: Check<AccessContext> = Check {
    id: CREDENTIAL_ID,
    category: Category::Login,
    title: "The login is one token and nothing else",
    hint: "make a file that holds nothing else, with access kubeconfig",
    page: "Looks, without asking the server, at what the kubeconfig logs in with. It should be a token of a service account, and nothing beside it: a client certificate wins over any token, and a program that fetches tokens has a login of its own.\n\n\
           The namespace of the context should be that of the account: it is where the Kubeflow SDK works.",
    reasons: &[
        &CERTIFICATE_BESIDE_TOKEN,
        &NO_TOKEN,
        &OTHER_LOGIN,
        &FETCHED_TOKEN,
        &OTHER_NAMESPACE,
        &SERVER_NOT_CHECKED,
        &NO_LOGIN_TEST,
        &NO_CONNECTION,
    ],
    severity: Severity::Error,
    requires: &[],
    retry: Retry::Never,
    run: |context| Box::pin(async { check_credential(context) }),
};

const CERTIFICATE_BESIDE_TOKEN: Reason = Reason {
    code: "CertificateBesideToken",
    meaning: "The user of the kubeconfig has a client certificate beside the token. Clients send both, and the API server takes the certificate: the file logs in as whoever that belongs to, with all of their rights.",
    mend: "Take the certificate and its key out of the file, or make a new one with kubectl trainer access kubeconfig.",
};
const NO_TOKEN: Reason = Reason {
    code: "NoServiceAccountToken",
    meaning: "The kubeconfig logs in with something else than a token of a service account, so there is no credential of an account to verify.",
    mend: "Name the file with the token after --kubeconfig, or the account itself: then a short token is made for this run.",
};
const OTHER_LOGIN: Reason = Reason {
    code: "OtherLogin",
    meaning: "The user of the kubeconfig also has a password or an auth-provider, or acts as somebody else, so that a request is not simply one of the token's account. kubectl and this program ignore an auth-provider beside a token; other clients, such as that of the Kubeflow SDK, log in with it.",
    mend: "Take it out of the file.",
};
const FETCHED_TOKEN: Reason = Reason {
    code: "FetchedToken",
    meaning: "The kubeconfig runs a program that fetches the token, with a login of its own. What is verified holds on this machine, for who is logged in here.",
    mend: "That is what access kubeconfig --exec is for; for other machines, write a file with a token.",
};
const OTHER_NAMESPACE: Reason = Reason {
    code: "OtherNamespace",
    meaning: "The context of the kubeconfig has another namespace than the account, or none. The Kubeflow SDK, and kubectl without -n, work where the context says.",
    mend: "Set the namespace of the context with kubectl config set-context.",
};
const SERVER_NOT_CHECKED: Reason = Reason {
    code: "ServerNotChecked",
    meaning: "The kubeconfig says not to check the server's certificate (insecure-skip-tls-verify), so the token goes to whoever answers at the address.",
    mend: "Take insecure-skip-tls-verify out of the cluster's entry and put the authority of the server's certificate there, or make a new file with kubectl trainer access kubeconfig.",
};
const NO_LOGIN_TEST: Reason = Reason {
    code: "NoLoginTest",
    meaning: "The account was asked about by acting as it, with the caller's own login. Whether a credential of the account logs in was not tried.",
    mend: "Verify a credential itself, with --kubeconfig FILE.",
};

pub(super) const LOGIN: Check<AccessContext> = Check {
    id: LOGIN_ID,
    title: "The API server takes the credential",
    hint: "ask it yourself: kubectl auth whoami",
    page: "Logs in with what the kubeconfig holds, over a connection that knows nothing else, and asks who that is (SelfSubjectReview).\n\n\
           The server gives no reason when it refuses a credential. The token itself tells whether it has expired, and which cluster issued it.",
    reasons: &[
        &TOKEN_EXPIRED,
        &TOKEN_NOT_ACCEPTED,
        &NO_CONNECTION,
        &NO_LOGIN_TEST,
    ],
    requires: &[],
    run: |context| Box::pin(check_login(context)),
    ..CREDENTIAL
};

const TOKEN_EXPIRED: Reason = Reason {
    code: "TokenExpired",
    meaning: "The token's lifetime is over, as the token itself says, and the API server refuses it.",
    mend: "Make a new one: kubectl trainer access kubeconfig, or access rotate while the old one still lives.",
};
const TOKEN_NOT_ACCEPTED: Reason = Reason {
    code: "TokenNotAccepted",
    meaning: "The token has not expired, and the API server refuses it all the same: it was revoked (its Secret or its account was deleted), the server's signing key was replaced, or another cluster issued it.",
    mend: "See which credentials are out in this cluster (kubectl trainer access list), and make a new one.",
};
const NO_CONNECTION: Reason = Reason {
    code: "NoConnection",
    meaning: "The kubeconfig cannot be used, or no API server answers at its address, so nothing is known.",
    mend: "Follow the hint beside the finding.",
};

pub(super) const IDENTITY: Check<AccessContext> = Check {
    id: IDENTITY_ID,
    title: "It logs in as the service account",
    hint: "ask the server whom it sees: kubectl auth whoami",
    page: "Compares whom the API server sees with the account that the token names. Where they differ, something beside the token logs in, and all that follows would be about somebody else.",
    reasons: &[&SOMEBODY_ELSE, &NO_LOGIN_TEST],
    requires: &[LOGIN_ID],
    run: |context| Box::pin(check_identity(context)),
    ..CREDENTIAL
};

const SOMEBODY_ELSE: Reason = Reason {
    code: "SomebodyElse",
    meaning: "The API server sees another user than the service account that the credential is for.",
    mend: "Take what else logs in out of the file: a client certificate, a program, a proxy that adds a login.",
};

pub(super) const PERSONA: Check<AccessContext> = Check {
    id: PERSONA_ID,
    title: "It is known what the account is for",
    hint: "say what it is for: --persona",
    page: "What must be allowed, and what must not, depends on what the account is for: its persona. It is taken from --persona, from the label of the service account where that may be read, from the Role through which the account reads and creates TrainJobs and writes runtimes, or from a name such as trainer-ci.",
    reasons: &[&PERSONA_UNKNOWN, &PERSONA_AMBIGUOUS],
    requires: &[IDENTITY_ID],
    run: |context| Box::pin(check_persona(context)),
    ..CREDENTIAL
};

const PERSONA_UNKNOWN: Reason = Reason {
    code: "PersonaUnknown",
    meaning: "Nothing that could be read tells what the account is for.",
    mend: "Name its persona with --persona: viewer, submitter, ci, admin, system or user-code.",
};

const PERSONA_AMBIGUOUS: Reason = Reason {
    code: "PersonaAmbiguous",
    meaning: "The account is bound to the Roles of more than one persona. The API server names one binding for each right, whichever it finds first, so that which of them is meant cannot be told.",
    mend: "Name the persona that is meant with --persona, and have an administrator take back the grants of the others.",
};

fn by_impersonation() -> Outcome {
    let detail = "asked by acting as the account: this is no test of a login";
    Outcome::of(Finding::skipped(&NO_LOGIN_TEST, detail))
}

fn check_credential(context: &AccessContext) -> Outcome {
    if context.subject.asking == Asking::Impersonation {
        return by_impersonation();
    }
    let Ok(cluster) = &context.subject.acting else {
        let detail = "the kubeconfig cannot be used, as TRN-ACCESS-LOGIN says";
        return Outcome::of(Finding::skipped(&NO_CONNECTION, detail));
    };
    let claims = context.subject.claims();
    let mut outcome = judge_credential(cluster.login(), claims.as_ref());
    if let Some(claims) = &claims {
        let asked = context.namespace();
        let found = judge_namespace(cluster.namespace(), claims, asked, cluster.target());
        outcome.findings.extend(found);
    }
    if cluster.server_entry().check == CertificateCheck::Off {
        let detail = "the server's certificate is not checked (insecure-skip-tls-verify)";
        let finding = Finding::warning(&SERVER_NOT_CHECKED, detail);
        outcome.findings.push(finding);
    }
    outcome
}

fn judge_credential(login: &Login, claims: Option<&Claims>) -> Outcome {
    let mut findings = Vec::new();
    for other in &login.others {
        findings.push(match other {
            OtherLogin::ClientCertificate if login.token.is_some() => Finding::failed(
                &CERTIFICATE_BESIDE_TOKEN,
                "a client certificate stands beside the token, and wins over it",
            ),
            OtherLogin::ClientCertificate => {
                Finding::failed(&NO_TOKEN, "it logs in with a client certificate")
            }
            OtherLogin::Plugin => Finding::warning(
                &FETCHED_TOKEN,
                "a program on this machine fetches the token",
            ),
            OtherLogin::Provider => Finding::failed(
                &OTHER_LOGIN,
                "it has an auth-provider, which some clients log in with in place of a token",
            ),
            OtherLogin::Password => Finding::failed(&OTHER_LOGIN, "it logs in with a password"),
            OtherLogin::Impersonation => {
                Finding::failed(&OTHER_LOGIN, "every request acts as somebody else")
            }
        });
    }
    if claims.is_none() && findings.is_empty() {
        let detail = match login.token {
            Some(_) => "its token is not one of a service account",
            None => "it holds no token",
        };
        findings.push(Finding::failed(&NO_TOKEN, detail));
    }
    let facts = claims.map(|claims| format!("a token of {}/{}", claims.namespace, claims.account));
    Outcome::new(findings, facts.into_iter().collect())
}

/// `asked` is the namespace in question, which -n may have named.
fn judge_namespace(
    works_in: &str,
    claims: &Claims,
    asked: &str,
    target: &Target,
) -> Option<Finding> {
    let own = &claims.namespace;
    (works_in != own && asked == own).then(|| {
        let detail =
            format!("the context works in namespace {works_in}, and the account is in {own}");
        let finding = Finding::warning(&OTHER_NAMESPACE, detail);
        match target.context.as_str() {
            "" => finding,
            // Flags about the connection would be written into the context.
            name => Finding {
                advice_for: Reader::Anybody,
                ..finding.mended_by(format!(
                    "{} set-context {} --namespace={own}",
                    target.kubectl_config(),
                    shell_word(name)
                ))
            },
        }
    })
}

async fn check_login(context: &AccessContext) -> Outcome {
    let identity = context.fetch_identity().await;
    let claims = context.subject.claims();
    match (&identity, &context.subject.asking) {
        (Ok(_), Asking::Impersonation) => by_impersonation(),
        (Ok(_), Asking::Login) => Outcome::new(
            Vec::new(),
            claims
                .map(|claims| judge_lifetime(&claims, context.now))
                .into_iter()
                .collect(),
        ),
        (Err(failure), asking) => {
            let own = claims.filter(|_| *asking == Asking::Login);
            let program = &context.subject.program;
            Outcome::of(judge_refusal(failure, own.as_ref(), context.now, program))
        }
    }
}

/// How long the token still lives.
fn judge_lifetime(claims: &Claims, now: Timestamp) -> String {
    match claims.expires {
        Some(at) => format!("ends in {}", between(now, at)),
        None => "never ends by itself".to_owned(),
    }
}

/// Shown in hours and minutes, as people count them.
fn between(from: Timestamp, to: Timestamp) -> String {
    let seconds = u64::try_from(to.duration_since(from).as_secs()).unwrap_or_default();
    lifetime_words(match seconds {
        0..60 => seconds,
        60..3600 => seconds - seconds % 60,
        _ => seconds - seconds % 3600,
    })
}

/// `claims` are those of the token that was refused.
fn judge_refusal(
    failure: &Failure,
    claims: Option<&Claims>,
    now: Timestamp,
    program: &str,
) -> Finding {
    match (&failure.kind, claims) {
        (FailureKind::Unauthorized { .. }, Some(claims)) => Finding {
            advice: Some(renewal_advice(claims, program)),
            advice_for: Reader::Anybody,
            ..judge_token(claims, now)
        },
        (FailureKind::Unauthorized { .. }, _) => {
            Finding::failed_request(&TOKEN_NOT_ACCEPTED, failure)
        }
        (
            FailureKind::Kubeconfig(_) | FailureKind::Unreachable(_) | FailureKind::TimedOut { .. },
            _,
        ) => Finding::failed_request(&NO_CONNECTION, failure),
        _ => Finding::of_failure(failure),
    }
}

/// The server says no more than no; what the token says of itself tells the rest.
fn judge_token(claims: &Claims, now: Timestamp) -> Finding {
    if let Some(at) = claims.expires.filter(|at| *at <= now) {
        let ago = between(at, now);
        let detail = format!("the token expired {ago} ago, at {at}");
        return Finding::failed(&TOKEN_EXPIRED, detail);
    }
    let lives = match claims.expires {
        Some(at) => format!("has not expired (it would live until {at})"),
        None => "never expires".to_owned(),
    };
    let issuer = match &claims.issuer {
        Some(issuer) => format!(" (its issuer is {issuer})"),
        None => String::new(),
    };
    let detail = format!(
        "the token {lives}: it was revoked, with its Secret or its account, or it is of another cluster{issuer}"
    );
    Finding::failed(&TOKEN_NOT_ACCEPTED, detail)
}

fn renewal_advice(claims: &Claims, program: &str) -> String {
    let Claims {
        namespace, account, ..
    } = claims;
    format!("make a new one: {program} access kubeconfig {account} -n {namespace} -f FILE")
}

async fn check_identity(context: &AccessContext) -> Outcome {
    if context.subject.asking == Asking::Impersonation {
        return by_impersonation();
    }
    match context.fetch_identity().await {
        Ok(identity) => judge_identity(&identity, context.subject.account.as_ref()),
        Err(failure) => Outcome::of(Finding::of_failure(&failure)),
    }
}

fn judge_identity(identity: &Identity, account: Option<&AccountName>) -> Outcome {
    let user = &identity.user;
    let expected = account.map(AccountName::user);
    let is_account = AccountName::of_user(user).is_some();
    match expected {
        Some(expected) if expected != *user => Outcome::of(Finding::failed(
            &SOMEBODY_ELSE,
            format!("the server sees {user}, and not {expected}"),
        )),
        None if !is_account => Outcome::of(Finding::failed(
            &SOMEBODY_ELSE,
            format!("the server sees {user}, which is no service account"),
        )),
        _ => Outcome::passed(user.clone()),
    }
}

async fn check_persona(context: &AccessContext) -> Outcome {
    match context.fetch_persona().await {
        Ok(known) => Outcome::passed(format!("{}, {}", known.persona.name(), known.source)),
        Err(unclear) => judge_unclear(&unclear, &context.subject.words()),
    }
}

/// What also the checks say that would need the persona.
pub(super) fn judge_unclear(unclear: &Unclear, who: &str) -> Outcome {
    let (reason, detail) = match unclear {
        Unclear::Unknown(None) => (&PERSONA_UNKNOWN, format!("nothing tells what {who} is for")),
        Unclear::Unknown(Some(bound)) => (
            &PERSONA_UNKNOWN,
            format!(
                "nothing tells what {who} is for: {bound} allows it to read TrainJobs, and is of no persona"
            ),
        ),
        Unclear::Ambiguous(sayings) => (
            &PERSONA_AMBIGUOUS,
            format!("{who} is bound to more than one persona: {sayings}"),
        ),
    };
    Outcome::of(Finding {
        advice: Some("name its persona, such as: --persona submitter".to_owned()),
        ..Finding::failed(reason, detail)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{check::Level, cluster::MissingRule};

    fn claims() -> Claims {
        Claims {
            namespace: "team-a".to_owned(),
            account: "ci".to_owned(),
            ..Claims::default()
        }
    }

    #[test]
    fn an_auth_provider_is_told_as_another_login() {
        let login = Login {
            token: None,
            others: vec![OtherLogin::Provider],
        };
        let outcome = judge_credential(&login, Some(&claims()));
        let codes: Vec<_> = outcome.findings.iter().map(|it| it.reason.code).collect();
        assert_eq!(codes, ["OtherLogin"]);
    }

    #[test]
    fn a_server_that_answers_is_not_told_as_one_that_does_not() {
        let judged = |kind| {
            let failure = Failure {
                request: "ask who you are".to_owned(),
                kind,
                target: None,
            };
            let finding = judge_refusal(&failure, Some(&claims()), Timestamp::UNIX_EPOCH, "it");
            (finding.level, finding.reason.code)
        };
        let rule = Box::<MissingRule>::default();
        assert_eq!(
            judged(FailureKind::Forbidden(rule)),
            (Level::Unknown, "NotAllowed")
        );
        let message = String::new();
        assert_eq!(
            judged(FailureKind::Unexpected {
                code: Some(500),
                message: message.clone()
            }),
            (Level::Failed, "RequestFailed")
        );
        assert_eq!(
            judged(FailureKind::Unauthorized { message }),
            (Level::Failed, "TokenNotAccepted")
        );
        let limit = std::time::Duration::from_secs(1);
        assert_eq!(
            judged(FailureKind::TimedOut { limit }),
            (Level::Failed, "NoConnection")
        );
    }

    #[test]
    fn a_second_persona_and_a_role_of_none_are_told() {
        let told = |unclear| judge_unclear(&unclear, "it").findings[0].detail.clone();
        assert_eq!(told(Unclear::Unknown(None)), "nothing tells what it is for");
        let bound = "RoleBinding a/b of ClusterRole edit".to_owned();
        assert_eq!(
            told(Unclear::Unknown(Some(bound))),
            "nothing tells what it is for: RoleBinding a/b of ClusterRole edit allows it to read TrainJobs, and is of no persona"
        );
    }

    #[test]
    fn the_namespace_is_set_in_the_very_context_and_file() {
        let target = Target {
            context: "my team".to_owned(),
            flags: vec!["--kubeconfig ci".to_owned(), "--user ann".to_owned()],
            ..Target::default()
        };
        let found = |works_in, target| judge_namespace(works_in, &claims(), "team-a", target);
        let finding = found("default", &target).unwrap();
        assert_eq!(
            finding.mend.as_deref(),
            Some("kubectl --kubeconfig ci config set-context 'my team' --namespace=team-a")
        );
        assert_eq!(finding.advice_for, Reader::Anybody);
        // In a pod there is no context to mend.
        let nowhere = Target::default();
        let finding = found("default", &nowhere).unwrap();
        assert_eq!(finding.mend, None);
        assert_eq!(found("team-a", &target), None);
    }
}
