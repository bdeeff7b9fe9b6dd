//! The only room that talks to Kubernetes. `Cluster` is one connection with one identity; everything it is asked
//! comes back as a typed value or as a [`Failure`] that names the object and the mend.
//! Start at `connect.rs` for "which cluster, as whom", at `transport.rs` for the wire, at `failure.rs` for errors.

mod access_review;
mod binary;
mod change;
mod connect;
mod credential_plugin;
mod discovery;
mod environment;
mod exchange;
mod failure;
mod files;
mod flags;
mod job_clocks;
mod job_details;
mod job_feed;
mod job_list;
mod job_names;
mod job_objects;
mod job_records;
mod job_watch;
mod kubeconfig;
mod kubeconfig_fault;
mod kubeconfig_names;
mod listing;
mod log_pool;
mod log_request;
mod login;
mod names;
mod observe;
mod options;
mod paging;
mod patience;
mod pod_list;
mod pod_message;
mod pod_record;
mod proxy;
mod redact;
mod request_log;
mod requests;
pub mod resources;
mod server_entry;
mod short_lived;
mod status;
mod token_request;
mod train_job_status;
mod trainer_status;
mod transport;
mod unreachable;
mod way;

pub use access_review::{Access, AccessAnswer, AccessQuestion, AccountName, NamedRule};
pub use change::{DryRun, FIELD_MANAGER, MANAGED_BY, Manifest, ObjectKind, ObjectPlace};
pub use connect::Cluster;
pub use discovery::{ResourceReach, ServedResource, find_resource};
pub use failure::{
    Failure, FailureKind, FieldConflict, MissingObject, MissingRule, Target, shell_word,
};
pub use job_list::{ListedJob, fetch_jobs};
pub use job_names::{NamedJob, NamedState, fetch_job_names};
pub use job_objects::{
    ContainerKind, ContainerState, JobCondition, JobGroup, JobSet, JobWarning, JobWork, PodPlace,
    PodsHad, Restarts, RuntimeRef, SlimContainer, SlimPod, Termination, TrainJob, Workload,
};
pub use kubeconfig_fault::{KubeconfigFault, Section, nearest};
pub use kubeconfig_names::{KubeconfigEntry, fetch_kubeconfig_entries};
pub use log_pool::{LogPool, LogRefusal, LogStream, StreamBroken, gathering};
pub use log_request::{Follow, LogRange, LogStreamRequest};
pub use login::{Login, OtherLogin};
pub use names::{NamedKind, NamedObject};
pub use observe::{
    Change, JobObservation, Sight, fetch_job, fetch_job_pods, fetch_pod, fetch_train_job,
    fetch_train_jobs, watch_job,
};
pub use options::{Attendance, Compression, ConnectionOptions, Impersonation};
pub use request_log::{RequestLog, RequestObserver, RequestRecord};
pub use requests::{Attempt, Identity, LogTail, Scope, ServerVersion};
pub use server_entry::{CertificateCheck, ProxyLogin, ServerEntry};
pub use short_lived::{Remains, fetch_remains};
pub use status::{WebhookFault, WebhookOutcome};
pub use token_request::{IssuedToken, TokenWish};
pub use trainer_status::{ReportedMetric, TrainerStatus};
pub use unreachable::{CertificateFault, UnreachableCause};
