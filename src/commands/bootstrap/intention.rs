//! What a run of `bootstrap` is to make, from its arguments alone. Pure.

use super::BootstrapArgs;
use crate::{
    access::{
        grant::{self, Subject},
        persona::{Part, Persona},
        tiers::Tiers,
    },
    cli::AccountReference,
    cluster::{AccountName, Manifest, ObjectKind, ObjectPlace},
    error::{CommandError, ErrorKind},
};

/// The account of pods that name none.
const DEFAULT: &str = "default";

/// Who gets what in a namespace.
pub(super) struct Intention<'a> {
    namespace: &'a str,
    args: &'a BootstrapArgs,
    persona: Persona,
    subjects: Vec<Subject>,
    tiers: Option<Tiers>,
}

impl<'a> Intention<'a> {
    pub(super) fn of(args: &'a BootstrapArgs, namespace: &'a str) -> Self {
        let persona = args.persona.unwrap_or(Persona::Submitter);
        Self {
            namespace,
            args,
            persona,
            subjects: subjects(args, namespace, persona),
            tiers: args.two_tier.then(|| tiers(args, namespace)),
        }
    }

    pub(super) const fn namespace(&self) -> &str {
        self.namespace
    }

    /// Who tries whether it is enough: the first account that gets rights, by the persona that it has here.
    pub(super) fn tester(&self) -> Option<(&AccountName, Persona)> {
        let named = self.named_accounts().next();
        let named = named.map(|account| (account, self.persona));
        let system = || {
            self.tiers
                .as_ref()
                .map(|tiers| (&tiers.system, Persona::System))
        };
        named.or_else(system)
    }

    /// Refuses what cannot be meant.
    pub(super) fn check(&self) -> Result<(), CommandError> {
        let faults = self.tiers.iter().map(|tiers| self.check_tiers(tiers));
        faults.collect()
    }

    /// Pods that name no account run as `default`, which belongs to training code therefore.
    fn check_tiers(&self, tiers: &Tiers) -> Result<(), CommandError> {
        let refuse = |message: String, hint: &str| {
            Err(CommandError::new(ErrorKind::Usage, message).with_hint(hint))
        };
        if tiers.system == tiers.code {
            return refuse(
                format!("{} cannot be the account of both tiers", tiers.code.name),
                "name another one for training code: --code-service-account NAME",
            );
        }
        if tiers.system.name == DEFAULT {
            return refuse(
                "default cannot be the platform's account: every pod that names no account runs as it".to_owned(),
                "name another one: --system-service-account NAME",
            );
        }
        let runs_code = |account: &&AccountName| {
            account.namespace == tiers.code.namespace
                && [tiers.code.name.as_str(), DEFAULT].contains(&account.name.as_str())
        };
        if let Some(account) = self.named_accounts().find(runs_code) {
            return refuse(
                format!(
                    "{} cannot get rights: training code runs as it in two tiers",
                    account.name
                ),
                "name another one: --service-account NAME",
            );
        }
        Ok(())
    }

    /// Everything but what depends on the cluster's answers.
    pub(super) fn manifests(&self) -> Vec<Manifest> {
        let mut every = vec![grant::namespace(self.namespace)];
        if !self.args.quota.is_empty() {
            every.push(grant::quota(self.namespace, &self.args.quota));
        }
        if !self.args.limits.is_empty() {
            every.push(grant::limits(self.namespace, &self.args.limits));
        }
        for subject in &self.subjects {
            every.extend(self.grants(self.persona, subject));
        }
        if let Some(tiers) = &self.tiers {
            every.extend(self.tier_grants(tiers));
            if tiers.share_a_namespace() {
                tiers.hold_rights(&mut every);
            }
        }
        every
    }

    fn tier_grants(&self, tiers: &Tiers) -> Vec<Manifest> {
        let mut every = Vec::new();
        if !tiers.share_a_namespace() {
            every.push(grant::namespace(&tiers.system.namespace));
        }
        let system = Subject::Account(tiers.system.clone());
        every.extend(self.grants(Persona::System, &system));
        every.push(grant::account(&tiers.code, Persona::UserCode));
        if tiers.share_a_namespace() {
            every.extend(tiers.manifests());
        }
        every
    }

    fn grants(&self, persona: Persona, subject: &Subject) -> Vec<Manifest> {
        let parts = self.parts();
        let account = match subject {
            Subject::Account(account) => Some(grant::account(account, persona)),
            Subject::User(_) | Subject::Group(_) => None,
        };
        let roles = grant::roles(self.namespace, persona, &parts);
        let bindings = grant::bindings(self.namespace, persona, &parts, subject);
        account.into_iter().chain(roles).chain(bindings).collect()
    }

    fn parts(&self) -> Vec<Part> {
        let mut parts = vec![Part::Core];
        if self.args.logs {
            parts.push(Part::Logs);
        }
        if !self.args.core_only {
            parts.extend([Part::Diagnose, Part::Delegate]);
        }
        parts
    }

    /// Who needs the cluster's runtimes for their work here.
    pub(super) fn readers_of_cluster_runtimes(&self) -> Vec<(Persona, Subject)> {
        if self.args.namespaced_only {
            return Vec::new();
        }
        let subjects = self.subjects.iter().cloned();
        let system = self.tiers.iter();
        let system = system.map(|tiers| Subject::Account(tiers.system.clone()));
        let readers = subjects.map(|subject| (self.persona, subject));
        let readers = readers.chain(system.map(|subject| (Persona::System, subject)));
        readers
            .filter(|(persona, _)| persona.reads_cluster_runtimes())
            .collect()
    }

    /// An account that was named may be somebody else's; without asking the cluster it is left out, lest it be changed.
    pub(super) fn is_taken_to_be_there(&self, place: &ObjectPlace) -> bool {
        let named = self.args.service_account.iter();
        let mut named = named.map(|reference| account(reference, self.namespace));
        place.kind == ObjectKind::ServiceAccount
            && named.any(|account| {
                place.name == account.name && place.namespace == Some(account.namespace)
            })
    }

    /// What a run that asks nothing cannot know.
    pub(super) fn offline_notes(&self) -> Vec<String> {
        let named = self.args.service_account.iter();
        let named = named.map(|reference| account(reference, self.namespace));
        let mut notes: Vec<_> = named
            .map(|account| {
                format!(
                    "ServiceAccount {}/{} is taken to be there.",
                    account.namespace, account.name
                )
            })
            .collect();
        if !self.readers_of_cluster_runtimes().is_empty() {
            notes.push(
                "The ClusterRoleBinding is not needed where everybody may read ClusterTrainingRuntimes; --namespaced-only leaves it out."
                    .to_owned(),
            );
        }
        notes
    }

    /// The accounts that get rights; in two tiers alone, the platform's.
    pub(super) fn accounts(&self) -> Vec<&AccountName> {
        let tier = self.tiers.iter().map(|tiers| &tiers.system);
        match self.named_accounts().collect::<Vec<_>>() {
            none if none.is_empty() => tier.collect(),
            some => some,
        }
    }

    fn named_accounts(&self) -> impl Iterator<Item = &AccountName> {
        self.subjects.iter().filter_map(|subject| match subject {
            Subject::Account(account) => Some(account),
            Subject::User(_) | Subject::Group(_) => None,
        })
    }

    /// What to do with what was made.
    pub(super) fn next_commands(&self, program: &str) -> Vec<String> {
        let mut next = Vec::new();
        if !self.args.test_run
            && self.persona.reads_cluster_runtimes()
            && let Some(account) = self.accounts().first()
        {
            next.push(format!(
                "Next: is it enough? {program} verify -n {} --service-account {}/{}",
                self.namespace, account.namespace, account.name
            ));
        }
        if let Some(tiers) = &self.tiers {
            next.push(format!(
                "TrainJobs name the account of training code in their patches: serviceAccountName: {}",
                tiers.code.name
            ));
        }
        next
    }
}

/// Who is named; else, unless two tiers are all that is asked for, the persona's own account.
fn subjects(args: &BootstrapArgs, namespace: &str, persona: Persona) -> Vec<Subject> {
    let accounts = args.service_account.iter();
    let accounts = accounts.map(|reference| Subject::Account(account(reference, namespace)));
    let users = args.for_user.iter().cloned().map(Subject::User);
    let groups = args.for_group.iter().cloned().map(Subject::Group);
    let named: Vec<_> = accounts.chain(users).chain(groups).collect();
    let only_tiers = args.two_tier && args.persona.is_none();
    if named.is_empty() && !only_tiers {
        return vec![Subject::Account(AccountName {
            namespace: namespace.to_owned(),
            name: persona.account(),
        })];
    }
    named
}

fn account(reference: &AccountReference, namespace: &str) -> AccountName {
    let own = reference.namespace.clone();
    AccountName {
        namespace: own.unwrap_or_else(|| namespace.to_owned()),
        name: reference.name.clone(),
    }
}

fn tiers(args: &BootstrapArgs, namespace: &str) -> Tiers {
    let here = |name: String| AccountName {
        namespace: namespace.to_owned(),
        name,
    };
    let system = args.system_service_account.as_ref();
    let code = args.code_service_account.clone();
    Tiers {
        system: system.map_or_else(
            || here(Persona::System.account()),
            |reference| account(reference, namespace),
        ),
        code: here(code.unwrap_or_else(|| Persona::UserCode.account())),
        code_secrets: args.code_secret.clone(),
    }
}
