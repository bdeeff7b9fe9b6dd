//! What access to a namespace is made of, as pure values: the labels on everything that is made, credentials and the
//! marker Secrets behind them, and the files that carry a credential to its user. Nothing here asks a cluster.

pub mod allowance;
pub mod credential;
pub mod env_file;
pub mod grant;
pub mod granted;
pub mod inventory;
pub mod kubeconfig_file;
pub mod label;
pub mod lifetime;
pub mod persona;
pub mod python;
pub mod rbac;
pub mod reach;
pub mod removal;
pub mod renewal;
pub mod shipped_roles;
pub mod tiers;
