//! What silence on an open stream means: a replay that is over, a container that has nothing to say, a stream that is
//! stuck, or one that lingers behind its container's end.

use std::time::Duration;

use super::{
    Action, Instance, Outcome, closed,
    state::{Check, Lingering, ReplayTime, State, Stream},
};
use crate::logs::{alignment::End, attempts::Standing};

/// A replay that has paused for this long has come to its end.
const REPLAY_PAUSE: Duration = Duration::from_secs(5);
/// A replay that never pauses has come to its end by now.
const REPLAY_LIMIT: Duration = Duration::from_mins(2);
/// A stream that is silent for longer may be stuck; jitter comes on top.
const SILENCE: Duration = Duration::from_secs(30);
/// An ended container's stream that is silent for so long is compared with the end of the file, as long as that is there.
const LINGERING_LOOK: Duration = Duration::from_secs(2);
/// An ended container's stream ends by itself within this.
const LINGERING: Duration = Duration::from_secs(10);
/// A silent stream is looked at less and less often if that never helps: up to so many doublings.
const MOST_DOUBLINGS: u32 = 6;
/// The same where it had nothing to say each time. A stream that is stuck from now on is noticed after four minutes.
const MOST_CALM_DOUBLINGS: u32 = 3;

impl Instance {
    pub(super) fn stream(&mut self, stream: Stream) {
        self.state = State::Streaming(stream);
        self.wake_at = Some(match (stream.replay, stream.lingering) {
            (ReplayTime::Running, _) => {
                let pause = REPLAY_PAUSE * (1 << self.alarms);
                (stream.heard + pause).min(stream.opened + REPLAY_LIMIT)
            }
            (_, Lingering::Since(since)) if self.is_served_to_its_end() => {
                stream.heard.max(since) + LINGERING_LOOK
            }
            (_, Lingering::Since(since) | Lingering::Looked(since)) => {
                stream.heard.max(since) + LINGERING
            }
            (_, Lingering::No) => {
                let doublings = (self.alarms + self.calm).min(MOST_DOUBLINGS);
                stream.heard + SILENCE * (1 << doublings) + self.jitter
            }
        });
    }

    /// The standing has changed under the stream. What has ended ends its stream by itself, also where it was silent for
    /// long before; if not, that is not waited for.
    pub(super) fn begin_lingering(&mut self, now: Duration, stream: Stream) {
        let lingering = match (self.standing, stream.lingering) {
            (Standing::Running, _) => Lingering::No,
            (_, Lingering::No) => Lingering::Since(now),
            (_, lingering) => lingering,
        };
        self.stream(Stream {
            lingering,
            ..stream
        });
    }

    /// Whether the log has an end that a server can show.
    fn is_served_to_its_end(&self) -> bool {
        matches!(self.standing, Standing::Ended | Standing::Previous)
    }

    pub(super) fn hear(&mut self, now: Duration) -> Vec<Action> {
        if let State::Streaming(stream) = self.state {
            let check = match stream.check {
                Check::None => Check::None,
                Check::UnderWay | Check::Overtaken => Check::Overtaken,
                Check::ForPlace => Check::ForPlace,
            };
            let lingering = match stream.lingering {
                Lingering::Looked(since) => Lingering::Since(since),
                lingering => lingering,
            };
            self.stream(Stream {
                heard: now,
                check,
                lingering,
                ..stream
            });
        }
        Vec::new()
    }

    pub(super) fn look_at_silence(&mut self, now: Duration, stream: Stream) -> Vec<Action> {
        if stream.replay == ReplayTime::Running {
            self.stream(Stream {
                replay: ReplayTime::Over,
                ..stream
            });
            return vec![Action::Settle];
        }
        match (self.standing, stream.lingering) {
            (Standing::Running, _) => self.stream(Stream {
                heard: now,
                check: Check::UnderWay,
                ..stream
            }),
            (_, Lingering::Since(since)) if self.is_served_to_its_end() => self.stream(Stream {
                lingering: Lingering::Looked(since),
                check: Check::UnderWay,
                ..stream
            }),
            // The stream of what has ended should have ended too.
            _ => return closed(self.open(now)),
        }
        vec![Action::CheckEnd(self.served())]
    }

    /// Where the container runs, a file that ends as the stream did shows that the stream is in order; where it has
    /// ended, that all was read, whatever becomes of the stream.
    pub(super) fn take_end_beside(
        &mut self,
        now: Duration,
        stream: Stream,
        end: Option<End>,
    ) -> Vec<Action> {
        let is_telling = matches!(stream.check, Check::UnderWay | Check::ForPlace);
        if is_telling && end == Some(End::Ahead) {
            self.alarms = (self.alarms + 1).min(MOST_DOUBLINGS);
            return closed(self.open(now));
        }
        if stream.check == Check::UnderWay && end == Some(End::Reached) {
            if matches!(stream.lingering, Lingering::Looked(_)) {
                return closed(self.finish(Outcome::Complete));
            }
            self.calm = (self.calm + 1).min(MOST_CALM_DOUBLINGS);
        }
        self.stream(Stream {
            check: Check::None,
            ..stream
        });
        Vec::new()
    }
}
