//! The facts that the checks of a namespace share. Each is fetched at most once a look.

use std::rc::Rc;

use futures::future::join_all;
use k8s_openapi::api::core::v1::{LimitRange, ResourceQuota, ServiceAccount};
use tokio::sync::OnceCell;

use crate::{
    cluster::{Access, AccessAnswer, Failure},
    runtimes::Runtime,
};

use super::{
    super::context::{Fact, Memo, TrainerContext, once},
    access::RIGHTS,
};

/// What was fetched so far.
#[derive(Default)]
pub(crate) struct NamespaceFacts {
    service_accounts: Memo<(String, String), Option<ServiceAccount>>,
    quotas: OnceCell<Fact<Vec<ResourceQuota>>>,
    limit_ranges: OnceCell<Fact<Vec<LimitRange>>>,
    answers: OnceCell<Fact<Answers>>,
}

/// To each of [`RIGHTS`] the server's answer, in their order.
pub(super) type Answers = Vec<Result<AccessAnswer, Failure>>;

impl TrainerContext {
    pub(super) async fn fetch_service_account(
        &self,
        namespace: &str,
        name: &str,
    ) -> Fact<Option<ServiceAccount>> {
        let key = (namespace.to_owned(), name.to_owned());
        let facts = &self.namespace_facts.service_accounts;
        facts.get(key, self.one(namespace, name)).await
    }

    pub(super) async fn fetch_quotas(&self) -> Fact<Vec<ResourceQuota>> {
        once(&self.namespace_facts.quotas, self.all(&self.namespace)).await
    }

    pub(super) async fn fetch_limit_ranges(&self) -> Fact<Vec<LimitRange>> {
        once(
            &self.namespace_facts.limit_ranges,
            self.all(&self.namespace),
        )
        .await
    }

    /// What the caller, or the service account in question, may do here.
    pub(super) async fn fetch_answers(&self) -> Fact<Answers> {
        once(&self.namespace_facts.answers, async {
            let cluster = self.cluster()?;
            let placed = RIGHTS.iter().map(|right| right.placed(&self.namespace));
            let questions: Vec<Access<'_>> = placed.collect();
            Ok(match &self.service_account {
                Some(account) => cluster.fetch_access_of(account, &questions).await,
                None => {
                    join_all(
                        questions
                            .iter()
                            .map(|access| cluster.fetch_own_access(access)),
                    )
                    .await
                }
            })
        })
        .await
    }

    /// The runtimes that a TrainJob of this namespace may name, as far as the caller may read them.
    pub(super) async fn fetch_usable_runtimes(&self) -> Vec<Runtime> {
        let (everywhere, here) =
            tokio::join!(self.fetch_runtimes(), self.fetch_training_runtimes());
        let here = here.map(|found| {
            let own = |object: &&kube::core::DynamicObject| {
                object.metadata.namespace.as_ref() == Some(&self.namespace)
            };
            found
                .objects
                .iter()
                .filter(own)
                .cloned()
                .collect::<Vec<_>>()
        });
        let everywhere = everywhere.map(Rc::unwrap_or_clone);
        let objects = [everywhere, here].into_iter().flatten().flatten();
        objects.map(Runtime::parse).collect()
    }
}
