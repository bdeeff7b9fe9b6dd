//! The binary against a real cluster. Cases that break what all namespaces share have the exclusive bed, one at a time.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets an error has failed"
)]

mod access_diff;
mod access_verify;
mod access_why;
mod attacks;
mod audit;
mod before_installing;
mod bootstrap;
mod broken_controllers;
mod broken_definitions;
mod broken_installs;
mod broken_integrations;
mod broken_pods;
mod broken_rules;
mod broken_runtimes;
mod broken_webhooks;
mod callers;
mod causes;
mod completion;
mod contexts;
mod credentials;
mod credentials_kept_secret;
mod deep;
mod from_archive;
mod in_a_pod;
mod install_roles;
mod log_streams;
mod logs_containers;
mod logs_ends;
mod logs_faults;
mod logs_followed;
mod logs_jobs;
mod logs_nodes;
mod logs_over_http1;
mod logs_progress;
mod logs_rows;
mod logs_saved;
mod logs_terminal;
mod logs_watch;
mod namespace_access;
mod namespace_limits;
mod own_runtimes;
mod pod_lists;
mod progress;
#[path = "../cli/pty.rs"]
mod pty;
mod reading;
mod releases;
mod reports;
#[path = "../cli/schemas.rs"]
mod schemas;
#[path = "../cli/screen.rs"]
mod screen;
mod sdk;
mod secret_managers;
mod selection;
mod support;
mod team;
mod torch;
mod two_tiers;
mod watched;
mod without_trainer;
