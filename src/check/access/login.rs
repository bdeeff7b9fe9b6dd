//! The category Login: what the file logs in with, whether the server takes it, whom it takes it for, and what that
//! account is for.

use std::rc::Rc;

use jiff::Timestamp;

use super::{
    AccessContext, Asking, CREDENTIAL as CREDENTIAL_ID, IDENTITY as IDENTITY_ID, LOGIN as LOGIN_ID,
    PERSONA as PERSONA_ID,
};
use crate::{
    access::{credential::Claims, lifetime::lifetime_words},
    check::{Category, Check, Finding, Outcome, Reader, Reason, Retry, Severity},
    cluster::{AccountName, Failure, FailureKind, Identity, Login, OtherLogin},
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
    meaning: "The user of the kubeconfig also has a password, or acts as somebody else, so that a request is not simply one of the token's account.",
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
    mend: "Set the namespace of the context with kubectl config set-context --current --namespace.",
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
    page: "What must be allowed, and what must not, depends on what the account is for: its persona. It is taken from --persona, from the label of the service account where that may be read, from the Role through which the account reads TrainJobs, or from a name such as trainer-ci.",
    reasons: &[&PERSONA_UNKNOWN],
    requires: &[IDENTITY_ID],
    run: |context| Box::pin(check_persona(context)),
    ..CREDENTIAL
};

const PERSONA_UNKNOWN: Reason = Reason {
    code: "PersonaUnknown",
    meaning: "Nothing that could be read tells what the account is for.",
    mend: "Name its persona with --persona: viewer, submitter, ci, admin, system or user-code.",
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
        let found = judge_namespace(cluster.namespace(), claims, context.namespace());
        outcome.findings.extend(found);
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
fn judge_namespace(context: &str, claims: &Claims, asked: &str) -> Option<Finding> {
    let own = &claims.namespace;
    (context != own && asked == own).then(|| {
        let detail =
            format!("the context works in namespace {context}, and the account is in {own}");
        Finding::warning(&OTHER_NAMESPACE, detail).mended_by(format!(
            "kubectl config set-context --current --namespace={own}"
        ))
    })
}

async fn check_login(context: &AccessContext) -> Outcome {
    let identity = context.fetch_identity().await;
    let claims = context.subject.claims();
    match (&identity, context.subject.asking) {
        (Ok(_), Asking::Impersonation) => by_impersonation(),
        (Ok(_), Asking::Login) => Outcome::new(
            Vec::new(),
            claims
                .map(|claims| judge_lifetime(&claims, context.now))
                .into_iter()
                .collect(),
        ),
        (Err(failure), _) => judge_refusal(failure, claims.as_ref(), context),
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

fn judge_refusal(
    failure: &Rc<Failure>,
    claims: Option<&Claims>,
    context: &AccessContext,
) -> Outcome {
    let is_own = context.subject.asking == Asking::Login;
    Outcome::of(match (&failure.kind, claims) {
        (FailureKind::Unauthorized { .. }, Some(claims)) if is_own => Finding {
            advice: Some(renewal_advice(claims, &context.subject.program)),
            advice_for: Reader::Anybody,
            ..judge_token(claims, context.now)
        },
        (FailureKind::Unauthorized { .. }, _) => {
            Finding::failed_request(&TOKEN_NOT_ACCEPTED, failure)
        }
        _ => Finding::failed_request(&NO_CONNECTION, failure),
    })
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
        Some(known) => Outcome::passed(format!("{}, {}", known.persona.name(), known.source)),
        None => unknown_persona(context),
    }
}

/// What also the checks say that would need the persona.
pub(super) fn unknown_persona(context: &AccessContext) -> Outcome {
    let detail = format!("nothing tells what {} is for", context.subject.words());
    Outcome::of(Finding {
        advice: Some("name its persona, such as: --persona submitter".to_owned()),
        ..Finding::failed(&PERSONA_UNKNOWN, detail)
    })
}
