//! The two proxies of a bed on loopback, between real clients and real servers, with every fault.

#![expect(clippy::unwrap_used, reason = "a test ends where something is wrong")]

mod api_faults;
mod api_identity;
mod authority;
mod client;
mod connect;
mod server;
