//! The category Namespace: may this caller, or a service account, train here? One file a check.
//! `facts.rs` fetches what they share, `training_pods.rs` makes a runtime's pod, `grant.rs` writes the missing rules.

mod access;
mod existence;
mod facts;
mod grant;
mod pod_admission;
mod quantity;
mod quota;
mod service_accounts;
mod training_pods;

pub(crate) use access::ACCESS;
pub(crate) use existence::EXISTS;
pub(super) use existence::{HELD_BY_FINALIZER, TERMINATING, judge_namespace};
pub(crate) use facts::NamespaceFacts;
pub(super) use grant::{Subject, grant, pipe};
pub(crate) use pod_admission::POD_ADMISSION;
pub(super) use quantity::parse_quantity;
pub(crate) use quota::QUOTA;
pub(crate) use service_accounts::SERVICE_ACCOUNT;
pub(super) use training_pods::{title, whose};
