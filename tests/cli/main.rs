//! The binary as a user runs it: what it prints where, and how it ends. `runtimes` and `kubeconfigs` ask a real
//! cluster; everything else needs none.

#![expect(clippy::unwrap_used, reason = "a test that meets an error has failed")]

mod access;
mod bootstrap;
mod certificates;
mod colours;
mod command_pages;
mod completion;
mod completion_link;
mod contexts;
mod deep;
mod direct;
mod endings;
mod explain;
mod faults;
mod help;
mod kubeconfigs;
mod logs;
mod machine_formats;
mod plugin;
mod progress;
mod pty;
mod rows;
mod runtimes;
mod schemas;
mod screen;
mod secrets;
mod terminal;
mod two_tiers;
mod unreachable;
mod usage;
mod verify;
mod version;
mod workshop;
