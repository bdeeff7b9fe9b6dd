//! The noun: what one look at a TrainJob and its objects says of it, purely. Its steps, where their words are, what is
//! waited for, which phases it went through, how it ended, and which job a name means.

mod leaders;
mod log_targets;
mod outcome;
mod phases;
mod resolve;
mod steps;
mod waiting;

pub use leaders::{Breadth, Leader, leader_started, leaders, leading_steps};
pub use log_targets::{
    Helpers, InitContainers, LogTarget, Selection, Voice, ended_without_pods, log_targets,
    other_containers, steps_without_pods, unknown_step,
};
pub use outcome::{JobEnd, job_end};
pub use phases::{NodeCount, Phase, PhaseKind, PhaseState, phases};
pub use resolve::{JobName, NameProblem, resolve};
pub use steps::{Step, StepKind, planned_pods, steps};
pub use waiting::{Wait, Weight, state_word, state_word_alone, waiting};
