//! Who is asked about, who asks, and the facts that the checks share.

use std::rc::Rc;

use futures::{StreamExt as _, stream};
use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use tokio::sync::OnceCell;

use super::rights::{Place, Right};
use crate::{
    access::{
        allowance::{Allowance, parse_allowance},
        credential::{Claims, Holder, parse_claims},
        persona::Persona,
    },
    cluster::{
        AccessAnswer, AccountName, Cluster, Failure, Identity, NamedRule, ObjectKind, ObjectPlace,
        resources::TRAINER_GROUP,
    },
};

/// What one check asks of the server at the same time.
const REQUESTS_AT_ONCE: usize = 24;

/// A fetched value, or why it could not be fetched; both shared.
pub(super) type Fact<Value> = Result<Rc<Value>, Rc<Failure>>;

/// How it is found out what an account may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asking {
    /// By logging in with its credential.
    Login,
    /// By acting as it, with the login of somebody who may.
    Impersonation,
}

/// What a run is about.
#[derive(Clone)]
pub struct Subject {
    /// The connection of the account: its own, or one that acts as it. An unusable kubeconfig is a finding.
    pub acting: Result<Cluster, Failure>,
    /// The caller's own connection, where there is another.
    pub own: Option<Cluster>,
    pub asking: Asking,
    /// Where it is known before the server is asked.
    pub account: Option<AccountName>,
    pub namespace: String,
    /// What the user says it is for.
    pub persona: Option<Persona>,
    /// What the user types to run this program.
    pub program: String,
}

/// What an account is for, and who says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KnownPersona {
    pub(super) persona: Persona,
    pub(super) source: String,
}

/// Why it is not known what an account is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unclear {
    /// With the binding of no persona through which it reads TrainJobs, in words.
    Unknown(Option<String>),
    /// What the bindings of several personas say.
    Ambiguous(String),
}

/// What the checks of this catalogue look at.
pub struct AccessContext {
    pub(super) subject: Subject,
    pub(super) now: Timestamp,
    identity: OnceCell<Fact<Identity>>,
    persona: OnceCell<Result<KnownPersona, Unclear>>,
    named_rules: OnceCell<Vec<NamedRule>>,
}

impl Subject {
    /// Whose token it is, as the token itself says.
    pub fn claims(&self) -> Option<Claims> {
        let login = self.acting.as_ref().ok()?.login();
        parse_claims(login.token.as_ref()?.expose_secret())
    }

    /// Whom the report is about, for sentences.
    pub fn words(&self) -> String {
        match &self.account {
            Some(account) => format!("service account {}/{}", account.namespace, account.name),
            None => "the credential".to_owned(),
        }
    }
}

impl AccessContext {
    pub fn new(subject: Subject, now: Timestamp) -> Self {
        Self {
            subject,
            now,
            identity: OnceCell::default(),
            persona: OnceCell::default(),
            named_rules: OnceCell::default(),
        }
    }

    pub(super) fn acting(&self) -> Result<&Cluster, Rc<Failure>> {
        let acting = self.subject.acting.as_ref();
        acting.map_err(|failure| Rc::new(failure.clone()))
    }

    pub(super) fn namespace(&self) -> &str {
        &self.subject.namespace
    }

    /// Whom the server takes the credential for; with impersonation, the caller.
    pub(super) async fn fetch_identity(&self) -> Fact<Identity> {
        let fetch = async {
            let cluster = match &self.subject.own {
                Some(own) if self.subject.asking == Asking::Impersonation => own,
                _ => self.acting()?,
            };
            Ok(Rc::new(cluster.fetch_identity().await?))
        };
        self.identity.get_or_init(|| fetch).await.clone()
    }

    /// What the server says to each of these, in their order.
    pub(super) async fn fetch_answers(
        &self,
        rights: &[Right],
    ) -> Vec<Result<AccessAnswer, Rc<Failure>>> {
        let namespace = self.namespace();
        let questions: Vec<_> = rights
            .iter()
            .map(|right| right.question(namespace))
            .collect();
        let subject = &self.subject;
        if let (Asking::Impersonation, Some(own), Some(account)) =
            (subject.asking, &subject.own, &subject.account)
        {
            let answers = own.fetch_answers_of(account, &questions).await;
            return answers
                .into_iter()
                .map(|answer| answer.map_err(Rc::new))
                .collect();
        }
        let ask = async |question| {
            let cluster = self.acting()?;
            Ok(cluster.fetch_own_answer(&question).await?)
        };
        let answers = stream::iter(questions.into_iter().map(ask));
        answers.buffered(REQUESTS_AT_ONCE).collect().await
    }

    /// What the account is for: as the user says, as its own label says where that may be read, as the binding says by
    /// which it reads TrainJobs, or as its name says.
    pub(super) async fn fetch_persona(&self) -> Result<KnownPersona, Unclear> {
        let find = Box::pin(async {
            if let Some(persona) = self.subject.persona {
                return Ok(known(persona, "as --persona says"));
            }
            if let Some(persona) = self.fetch_labelled().await {
                return Ok(known(persona, "as the label of the account says"));
            }
            match self.fetch_bound().await {
                Err(Unclear::Unknown(bound)) => self.named().ok_or(Unclear::Unknown(bound)),
                found => found,
            }
        });
        self.persona.get_or_init(|| find).await.clone()
    }

    fn named(&self) -> Option<KnownPersona> {
        let name = &self.subject.account.as_ref()?.name;
        let persona = Persona::of_name(name.strip_prefix("trainer-")?)?;
        Some(known(persona, "as the name of the account says"))
    }

    /// The rules about named objects that the server lists. Not all servers list all: one that is not here may be there.
    pub(super) async fn fetch_named_rules(&self) -> &[NamedRule] {
        let fetch = async {
            let Ok(cluster) = self.acting() else {
                return Vec::new();
            };
            let rules = cluster.fetch_own_named_rules(self.namespace()).await;
            rules.unwrap_or_default()
        };
        self.named_rules.get_or_init(|| fetch).await
    }

    async fn fetch_labelled(&self) -> Option<Persona> {
        let (own, account) = (self.subject.own.as_ref()?, self.subject.account.as_ref()?);
        let (namespace, name) = (&account.namespace, &account.name);
        let place = ObjectPlace::in_namespace(ObjectKind::ServiceAccount, namespace, name);
        let found = own.fetch_place(&place).await.ok()??;
        Persona::of_name(&Holder::of_account(&found).persona?)
    }

    /// Everybody may ask what they may do themselves, and is told by which binding.
    async fn fetch_bound(&self) -> Result<KnownPersona, Unclear> {
        let telling = [
            ("get", "trainjobs"),
            ("create", "trainjobs"),
            ("update", "trainingruntimes"),
        ];
        let rights =
            telling.map(|(verb, resource)| Right::new(Place::Here, verb, TRAINER_GROUP, resource));
        let answers = self.fetch_answers(&rights).await.into_iter();
        let allowances = answers.map(|answer| match answer {
            Ok(AccessAnswer::Allowed(reason)) => parse_allowance(&reason),
            Ok(AccessAnswer::Denied(_)) | Err(_) => None,
        });
        judge_bound(&allowances.collect::<Vec<_>>())
    }
}

/// By the bindings through which it has each of the rights that tell personas apart. One binding is named for each right,
/// so that two personas show where one has what the other lacks.
fn judge_bound(allowances: &[Option<Allowance>]) -> Result<KnownPersona, Unclear> {
    let mut found: Vec<KnownPersona> = Vec::new();
    for allowance in allowances.iter().flatten() {
        let Some(persona) = allowance.persona() else {
            continue;
        };
        if found.iter().all(|known| known.persona != persona) {
            let source = format!("as {} {} says", allowance.kind, allowance.name);
            found.push(known(persona, &source));
        }
    }
    match found.as_slice() {
        [] => {
            let reading = allowances.first().and_then(Option::as_ref);
            Err(Unclear::Unknown(reading.map(Allowance::words)))
        }
        [one] => Ok(one.clone()),
        several => {
            let sayings = several
                .iter()
                .map(|known| format!("{}, {}", known.persona.name(), known.source));
            Err(Unclear::Ambiguous(sayings.collect::<Vec<_>>().join("; ")))
        }
    }
}

fn known(persona: Persona, source: &str) -> KnownPersona {
    KnownPersona {
        persona,
        source: source.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(role: &str) -> Option<Allowance> {
        parse_allowance(&format!(
            r#"RBAC: allowed by RoleBinding "b-{role}/team-a" of Role "{role}" to ServiceAccount "ci/team-a""#
        ))
    }

    #[test]
    fn a_persona_is_that_of_the_bindings_if_they_name_one() {
        let submitter = || bound("kubectl-trainer-submitter");
        let found = judge_bound(&[submitter(), submitter(), None]).unwrap();
        assert_eq!(found.persona, Persona::Submitter);
        assert_eq!(
            found.source,
            "as RoleBinding b-kubectl-trainer-submitter says"
        );
        // What else it may is for the other checks to find.
        let found = judge_bound(&[submitter(), bound("edit"), bound("edit")]).unwrap();
        assert_eq!(found.persona, Persona::Submitter);
    }

    #[test]
    fn two_personas_are_ambiguous_and_none_is_unknown_by_its_binding() {
        let viewer = bound("kubectl-trainer-viewer");
        let both = judge_bound(&[viewer, bound("kubectl-trainer-admin"), None]);
        assert_eq!(
            both,
            Err(Unclear::Ambiguous(
                "viewer, as RoleBinding b-kubectl-trainer-viewer says; admin, as RoleBinding b-kubectl-trainer-admin says"
                    .to_owned()
            ))
        );
        let edit = "RoleBinding team-a/b-edit of Role edit".to_owned();
        assert_eq!(
            judge_bound(&[bound("edit"), None, None]),
            Err(Unclear::Unknown(Some(edit)))
        );
        assert_eq!(
            judge_bound(&[None, None, None]),
            Err(Unclear::Unknown(None))
        );
    }
}
