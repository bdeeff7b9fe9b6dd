//! What a run is about: where it happens, whom it disturbs, and what a follower may not be able to save.

/// One kind of trouble. The name on the command line is the variant's in kebab-case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(super) enum Scenario {
    CutMidLine,
    CutBetweenEqualStamps,
    Refused,
    ErrorAnswers,
    StalledStream,
    ApiServerRestarted,
    TokenRotated,
    PodReplaced,
    Rotation,
    Truncation,
    ContainerRestarted,
    KubeletStopped,
    NodeKilled,
    ReaderStopped,
    ProcessStopped,
    Flood,
}

/// All of them, in the order of the table.
pub(super) const ALL: [Scenario; 16] = [
    Scenario::CutMidLine,
    Scenario::CutBetweenEqualStamps,
    Scenario::Refused,
    Scenario::ErrorAnswers,
    Scenario::StalledStream,
    Scenario::ApiServerRestarted,
    Scenario::TokenRotated,
    Scenario::PodReplaced,
    Scenario::Rotation,
    Scenario::Truncation,
    Scenario::ContainerRestarted,
    Scenario::KubeletStopped,
    Scenario::NodeKilled,
    Scenario::ReaderStopped,
    Scenario::ProcessStopped,
    Scenario::Flood,
];

/// Where the pods run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ground {
    /// A fake node, whose log server never rotates.
    Fake,
    /// The first real node.
    Steady,
    /// The second real node, which may be broken.
    Fragile,
}

/// Whom a run disturbs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Only its own pods, or its own node.
    Own,
    /// Everything that talks to the API server.
    All,
}

/// Why lines may be missing, as a marker of the plugin says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    Rotated,
    OutOfReach,
    PodGone,
    NodeLost,
    NoAnswer,
    BufferFull,
}

impl Reason {
    /// Of the plugin's JSON, or of the words in the brackets of its text.
    pub(super) fn parse(text: &str) -> Option<Reason> {
        Some(match text {
            "rotated" | "log rotated" => Self::Rotated,
            "out-of-reach" | "two restarts later" => Self::OutOfReach,
            "pod-gone" | "pod gone" => Self::PodGone,
            "node-lost" | "node lost" => Self::NodeLost,
            "no-answer" | "no answer" => Self::NoAnswer,
            text if text.starts_with("buffer") => Self::BufferFull,
            _ => return None,
        })
    }
}

impl Scenario {
    pub(super) fn ground(self) -> Ground {
        match self {
            Self::CutMidLine
            | Self::CutBetweenEqualStamps
            | Self::Refused
            | Self::ErrorAnswers
            | Self::StalledStream
            | Self::ApiServerRestarted
            | Self::TokenRotated => Ground::Fake,
            Self::PodReplaced
            | Self::Rotation
            | Self::Truncation
            | Self::ContainerRestarted
            | Self::ReaderStopped
            | Self::ProcessStopped
            | Self::Flood => Ground::Steady,
            Self::KubeletStopped | Self::NodeKilled => Ground::Fragile,
        }
    }

    pub(super) fn reach(self) -> Reach {
        match self {
            Self::Refused | Self::ApiServerRestarted => Reach::All,
            _ => Reach::Own,
        }
    }

    /// What a marker may say: where it is empty, the cluster has every line for as long as it takes to read it. A
    /// truncated file is gone as a rotated one is, and nothing tells the two apart.
    pub(super) fn excuses(self) -> &'static [Reason] {
        match self {
            Self::Rotation
            | Self::Truncation
            | Self::ReaderStopped
            | Self::ProcessStopped
            | Self::Flood => &[Reason::Rotated],
            Self::ContainerRestarted => &[Reason::OutOfReach],
            Self::NodeKilled => &[Reason::NodeLost, Reason::OutOfReach],
            _ => &[],
        }
    }

    /// As on the command line and in the table.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::CutMidLine => "cut-mid-line",
            Self::CutBetweenEqualStamps => "cut-between-equal-stamps",
            Self::Refused => "refused",
            Self::ErrorAnswers => "error-answers",
            Self::StalledStream => "stalled-stream",
            Self::ApiServerRestarted => "api-server-restarted",
            Self::TokenRotated => "token-rotated",
            Self::PodReplaced => "pod-replaced",
            Self::Rotation => "rotation",
            Self::Truncation => "truncation",
            Self::ContainerRestarted => "container-restarted",
            Self::KubeletStopped => "kubelet-stopped",
            Self::NodeKilled => "node-killed",
            Self::ReaderStopped => "reader-stopped",
            Self::ProcessStopped => "process-stopped",
            Self::Flood => "flood",
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::{ALL, Scenario};

    #[test]
    fn the_list_holds_every_scenario_under_the_name_of_the_command_line() {
        assert_eq!(ALL.as_slice(), Scenario::value_variants());
        for scenario in ALL {
            let value = scenario.to_possible_value().unwrap();
            assert_eq!(value.get_name(), scenario.name());
        }
    }
}
