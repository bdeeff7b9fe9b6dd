//! Do the service accounts that training pods run as exist, with the Secrets that they pull images with?

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use futures::future::join_all;
use k8s_openapi::api::core::v1::{LocalObjectReference, ServiceAccount};

use crate::{
    check::{Category, Check, Finding, Level, Outcome, Reason, Retry, Severity},
    cluster::Failure,
    runtimes::{ReplicatedJob, Runtime},
};

use super::{
    super::{NS_EXISTS, NS_SERVICE_ACCOUNT, TrainerContext, merge},
    training_pods::{title, whose},
};

pub(crate) const SERVICE_ACCOUNT: Check<TrainerContext> = Check {
    id: NS_SERVICE_ACCOUNT,
    category: Category::Namespace,
    title: "Training pods find their service accounts",
    hint: "see what is there: kubectl get serviceaccounts",
    page: "Training pods run as the service account that the runtime names, or as default. Looks whether these accounts are in the namespace, and whether the image pull Secrets exist that they name.\n\n\
           Without its account no pod is created. Without a pull Secret pods are created, but private images are not pulled.\n\n\
           Who may not read service accounts can train nevertheless, so not knowing does not count.",
    reasons: &[&ACCOUNT_MISSING, &PULL_SECRET_MISSING],
    severity: Severity::ErrorWhenSeen,
    requires: &[NS_EXISTS],
    retry: Retry::UntilDeadline,
    run: |context| Box::pin(check_accounts(context)),
};

const ACCOUNT_MISSING: Reason = Reason {
    code: "AccountMissing",
    meaning: "A service account that training pods run as does not exist in the namespace, so the API server refuses the pods. A runtime may name one that has to be made in each namespace.",
    mend: "Create the service account, with the role that the runtime's documentation asks for.",
};
const PULL_SECRET_MISSING: Reason = Reason {
    code: "PullSecretMissing",
    meaning: "A service account names an image pull Secret that does not exist. Pods run, but images that need the Secret are not pulled.",
    mend: "Create the Secret with kubectl create secret docker-registry, or take its name out of the service account.",
};

const DEFAULT: &str = "default";

/// An account with what was found.
type Found = (String, Result<Rc<Option<ServiceAccount>>, Rc<Failure>>);

async fn check_accounts(context: &TrainerContext) -> Outcome {
    let runtimes = context.fetch_usable_runtimes().await;
    let users = accounts(&runtimes);
    let fetch = |name: String| async {
        let found = context
            .fetch_service_account(&context.namespace, &name)
            .await;
        (name, found)
    };
    let found = join_all(users.keys().cloned().map(fetch)).await;
    let secrets = join_all(
        pull_secrets(&found)
            .into_iter()
            .map(|(secret, account)| check_secret(context, secret, account)),
    );
    let secrets = secrets.await;
    let accounts = found.iter().map(|(name, found)| match found {
        Ok(account) => judge_account(
            &context.namespace,
            name,
            account.as_ref().as_ref(),
            &Users {
                runtimes: &users[name],
                all: runtimes.len(),
            },
        ),
        Err(failure) => Outcome::of(Finding::of_failure(failure)),
    });
    merge(None, accounts.chain(secrets).collect::<Vec<_>>())
}

/// Every account that a pod of a runtime runs as, with the runtimes; `default` where nobody names one.
fn accounts(runtimes: &[Runtime]) -> BTreeMap<String, BTreeSet<String>> {
    let mut users: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for runtime in runtimes {
        for pod in runtime.jobs.iter().filter_map(ReplicatedJob::pod) {
            let named = pod
                .service_account_name
                .clone()
                .filter(|name| !name.is_empty());
            let name = named.unwrap_or_else(|| DEFAULT.to_owned());
            users.entry(name).or_default().insert(title(runtime));
        }
    }
    users.entry(DEFAULT.to_owned()).or_default();
    users
}

/// The runtimes whose pods run as an account, of so many.
struct Users<'a> {
    runtimes: &'a BTreeSet<String>,
    all: usize,
}

fn judge_account(
    namespace: &str,
    name: &str,
    account: Option<&ServiceAccount>,
    users: &Users<'_>,
) -> Outcome {
    if account.is_some() {
        return Outcome::passed(name);
    }
    let runtimes: Vec<_> = users.runtimes.iter().map(String::as_str).collect();
    let needed = match runtimes.as_slice() {
        [] => String::new(),
        runtimes => format!(", which pods of {} run as", whose(runtimes, users.all)),
    };
    let detail = format!("service account {namespace}/{name} does not exist{needed}");
    // Where no runtime can be read, the account is that of most.
    let level = if runtimes.len() == users.all {
        Level::Failed
    } else {
        Level::Warning
    };
    let mend = format!("kubectl -n {namespace} create serviceaccount {name}");
    Outcome::of(Finding {
        level,
        ..Finding::failed(&ACCOUNT_MISSING, detail).mended_by(mend)
    })
}

/// Each Secret that a found account names, with the account.
fn pull_secrets(found: &[Found]) -> Vec<(String, String)> {
    let accounts = found
        .iter()
        .filter_map(|(name, found)| Some((name, found.as_ref().ok()?.as_ref().as_ref()?)));
    let named = |account: &ServiceAccount| {
        let references: Vec<LocalObjectReference> =
            account.image_pull_secrets.clone().unwrap_or_default();
        references
            .into_iter()
            .map(|reference| reference.name)
            .collect::<Vec<_>>()
    };
    accounts
        .flat_map(|(name, account)| {
            named(account)
                .into_iter()
                .map(move |secret| (secret, name.clone()))
        })
        .collect()
}

async fn check_secret(context: &TrainerContext, secret: String, account: String) -> Outcome {
    let namespace = &context.namespace;
    match context.fetch_secret(namespace, &secret).await {
        Ok(found) if found.is_some() => Outcome::passed(format!("pull Secret {secret}")),
        Ok(_) => {
            let detail = format!(
                "service account {namespace}/{account} names the image pull Secret {secret}, which does not exist"
            );
            let advice = format!(
                "create Secret {namespace}/{secret} with kubectl create secret docker-registry, or take its name out of the service account"
            );
            Outcome::of(Finding {
                advice: Some(advice),
                ..Finding::warning(&PULL_SECRET_MISSING, detail)
            })
        }
        Err(failure) => Outcome::of(Finding::of_failure(&failure)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    use super::super::training_pods::tests::runtime;

    fn users(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn accounts_are_those_that_the_runtimes_name_and_the_default() {
        let runtimes = [runtime("torch", &json!({"containers": []}))];
        let expected = BTreeMap::from([
            ("default".to_owned(), users(&["torch"])),
            ("initializer".to_owned(), users(&["torch"])),
        ]);
        assert_eq!(accounts(&runtimes), expected);
        assert_eq!(
            accounts(&[]),
            BTreeMap::from([("default".to_owned(), users(&[]))])
        );
    }

    #[test]
    fn an_account_that_only_some_runtimes_need_is_a_warning() {
        let judged = |users: &BTreeSet<String>, all| {
            let users = Users {
                runtimes: users,
                all,
            };
            let outcome = judge_account("team-a", "cache", None, &users);
            (
                outcome.findings[0].level,
                outcome.findings[0].detail.clone(),
            )
        };
        assert_eq!(
            judged(&users(&["cached"]), 8),
            (
                Level::Warning,
                "service account team-a/cache does not exist, which pods of cached run as"
                    .to_owned()
            )
        );
        let (level, detail) = judged(&users(&["a", "b"]), 2);
        assert_eq!(level, Level::Failed);
        assert!(
            detail.ends_with("which pods of all 2 runtimes run as"),
            "{detail}"
        );
        assert_eq!(judged(&users(&[]), 0).0, Level::Failed);
    }

    #[test]
    fn the_pull_secrets_are_those_of_accounts_that_exist() {
        let account =
            json!({"metadata": {"name": "default"}, "imagePullSecrets": [{"name": "registry"}]});
        let found = [
            (
                "default".to_owned(),
                Ok(Rc::new(serde_json::from_value(account).unwrap())),
            ),
            ("cache".to_owned(), Ok(Rc::new(None))),
        ];
        assert_eq!(
            pull_secrets(&found),
            [("registry".to_owned(), "default".to_owned())]
        );
    }
}
