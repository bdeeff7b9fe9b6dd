//! Every line of every container of a job, once and in its order: streams are opened, broken, opened again and aligned,
//! and what cannot be had is marked. One side reads and fills the spool, another takes [`record::Entry`]s out of it and
//! shows them; nothing else is shared. `alignment.rs` and `instance.rs` are the heart: pure, and held by `model/`.

pub mod alignment;
pub mod attempts;
mod fingerprint;
pub mod instance;
pub mod line;
#[cfg(test)]
mod model;
pub mod record;
mod replay;
mod ring;
pub mod roster;
pub mod spool;
pub mod stamp;
