//! Who is asked about, who asks, and the facts that the checks share.

use std::rc::Rc;

use futures::{StreamExt as _, stream};
use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use tokio::sync::OnceCell;

use super::rights::Right;
use crate::{
    access::{
        allowance::parse_allowance,
        credential::{Claims, Holder, parse_claims},
        persona::Persona,
    },
    cluster::{
        Access, AccessAnswer, AccountName, Cluster, Failure, Identity, ObjectKind, ObjectPlace,
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

/// What the checks of this catalogue look at.
pub struct AccessContext {
    pub(super) subject: Subject,
    pub(super) now: Timestamp,
    identity: OnceCell<Fact<Identity>>,
    persona: OnceCell<Option<KnownPersona>>,
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
    pub(super) async fn fetch_persona(&self) -> Option<KnownPersona> {
        let find = Box::pin(async {
            if let Some(persona) = self.subject.persona {
                return Some(known(persona, "as --persona says"));
            }
            if let Some(persona) = self.fetch_labelled().await {
                return Some(known(persona, "as the label of the account says"));
            }
            if let Some(found) = self.fetch_bound().await {
                return Some(found);
            }
            let name = &self.subject.account.as_ref()?.name;
            let persona = Persona::of_name(name.strip_prefix("trainer-")?)?;
            Some(known(persona, "as the name of the account says"))
        });
        self.persona.get_or_init(|| find).await.clone()
    }

    async fn fetch_labelled(&self) -> Option<Persona> {
        let (own, account) = (self.subject.own.as_ref()?, self.subject.account.as_ref()?);
        let (namespace, name) = (&account.namespace, &account.name);
        let place = ObjectPlace::in_namespace(ObjectKind::ServiceAccount, namespace, name);
        let found = own.fetch_place(&place).await.ok()??;
        Persona::of_name(&Holder::of_account(&found).persona?)
    }

    /// Everybody may ask what they may do themselves, and is told by which binding.
    async fn fetch_bound(&self) -> Option<KnownPersona> {
        let access = Access {
            verb: "get",
            group: TRAINER_GROUP,
            resource: "trainjobs",
            namespace: Some(self.namespace()),
        };
        let subject = &self.subject;
        let answer = match (subject.asking, &subject.own, &subject.account) {
            (Asking::Impersonation, Some(own), Some(account)) => {
                own.fetch_access_of(account, &[access]).await.pop()?
            }
            _ => self.acting().ok()?.fetch_own_access(&access).await,
        };
        let Ok(AccessAnswer::Allowed(reason)) = answer else {
            return None;
        };
        let allowance = parse_allowance(&reason)?;
        let source = format!("as {} {} says", allowance.kind, allowance.name);
        Some(KnownPersona {
            persona: allowance.persona()?,
            source,
        })
    }
}

fn known(persona: Persona, source: &str) -> KnownPersona {
    KnownPersona {
        persona,
        source: source.to_owned(),
    }
}
