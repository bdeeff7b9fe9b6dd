//! The binary as a user runs it: what it prints where, and how it ends. `runtimes` and `kubeconfigs` ask a real
//! cluster; everything else needs none.

mod certificates;
mod colours;
mod endings;
mod help;
mod kubeconfigs;
mod plugin;
mod runtimes;
mod unreachable;
mod usage;
mod version;
mod workshop;
