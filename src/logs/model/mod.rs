//! Models that the pure parts are held against: a kubelet with rotations and restarts, seeded runs, and named scenarios.

mod alignment_model;
mod alignment_scenarios;
mod container_model;
mod follower;
mod follower_model;
mod kubelet_model;
mod node_model;

/// How many runs a model makes: `ALIGNMENT_CASES`, or as many as a test has time for.
#[cfg(test)]
fn cases() -> u32 {
    let wanted = std::env::var("ALIGNMENT_CASES").ok();
    wanted.and_then(|text| text.parse().ok()).unwrap_or(400)
}
