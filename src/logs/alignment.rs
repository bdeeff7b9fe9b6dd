//! What of one container instance's streams is new. Each stream after the first repeats what the last one served, as
//! far as the server still has it; the aligner recognises the repetition by its sequence and delivers what follows. It
//! asks for another stream where the order of stamps shows that the server repeated or withheld something. Pure.
//!
//! What it rests on (kubelet, `cri-client/pkg/logs`): a stream is the current file from its beginning, each record kept
//! or left out by `stamp >= since` alone; `since` reaches the kubelet in whole seconds; only the first record of a line
//! gets a stamp; after a rotation a follower can be served a whole file twice.

mod answer;
mod phase;

pub use answer::{Delivery, End, Flow, Gap, ResumePoint, Settled, Start};
use phase::{Filter, Last, Next, Phase, Seen, Trust};

use super::{
    fingerprint::fingerprint,
    line::{KeptPiece, Part, Piece},
    replay::{Replay, Step},
    ring::Ring,
    stamp::Stamp,
};

/// In nanoseconds. stdout and stderr disagree by less than this; a clock that is set, or a file served twice, by more.
const FAR_BACK: i128 = 250_000_000;
/// A container that raised more false alarms than this has a clock that is not worth asking about.
const MOST_FALSE_ALARMS: u32 = 8;
/// Shorter lines are never taken for cut by a rotation: the runtimes cut at 16 KiB.
const SHORTEST_CUT: usize = 4096;

#[derive(Debug)]
pub struct Aligner {
    start: Start,
    ring: Ring,
    last: Option<Last>,
    /// The latest of all stamps.
    latest: Option<Stamp>,
    /// The stream's first piece; of an unfiltered stream, the file's. Once more, it begins a repetition.
    first: Option<u64>,
    /// The last piece of the file at some time since: when it comes before the place, the place is gone.
    goal: Option<u64>,
    next: Next,
    phase: Phase,
    false_alarms: u32,
}

impl Aligner {
    pub fn new(start: Start) -> Self {
        Self {
            start,
            ring: Ring::default(),
            last: None,
            latest: None,
            first: None,
            goal: None,
            next: Next::Continue,
            phase: Phase::Live {
                filter: start.filter(),
                trust: Trust::No,
            },
            false_alarms: 0,
        }
    }

    /// The stamp of the last delivered piece.
    #[inline]
    pub fn last(&self) -> Option<Stamp> {
        self.last.as_ref().map(|last| last.stamp)
    }

    /// Begins another stream. Whatever the last one had not decided is forgotten, and comes again.
    pub fn resume(&mut self) -> ResumePoint {
        self.first = None;
        let Some(since) = self.ring.since() else {
            self.phase = Phase::Live {
                filter: self.start.filter(),
                trust: Trust::No,
            };
            return ResumePoint::Start;
        };
        let (point, filter) = match self.next {
            Next::Continue => (ResumePoint::Since(since), Some(since)),
            Next::Verify | Next::Salvage => (ResumePoint::Beginning, None),
        };
        let replay = Replay::new(self.ring.expected(filter));
        let filter = filter.map_or(Filter::None, |_| Filter::Since);
        self.phase = match self.next {
            Next::Salvage => {
                // Once only: the stream after that may be answered by another container again.
                self.next = Next::Verify;
                Phase::Salvaging { delivered: replay }
            }
            _ => Phase::Replaying {
                replay,
                filter,
                seen: Seen::Nothing,
            },
        };
        point
    }

    /// After [`Flow::Lost`], when it is certain that the same instance answered: the next stream
    /// delivers the gap and what is left.
    pub fn give_up_place(&mut self) {
        self.next = Next::Salvage;
    }

    /// Takes the first line of a stream for delivered, without delivering it: new is what comes after it.
    pub fn prime(&mut self, piece: &Piece<'_>) {
        if let Some(stamp) = piece.stamp {
            self.remember(piece, stamp, fingerprint(piece));
        }
    }

    /// Takes the next complete piece of the stream.
    #[inline]
    pub fn accept(&mut self, piece: &Piece<'_>, deliver: &mut impl FnMut(Delivery<'_>)) -> Flow {
        let Some(stamp) = piece.stamp else {
            return self.accept_unstamped(piece, deliver);
        };
        let print = fingerprint(piece);
        self.first.get_or_insert(print);
        match &mut self.phase {
            Phase::Live { .. } => self.accept_live(piece, stamp, print, deliver),
            Phase::Replaying { replay, seen, .. } => {
                let before = std::mem::replace(seen, Seen::Something);
                match replay.step(print, piece) {
                    Step::Taken => Flow::Continue,
                    Step::Last => self.go_live(),
                    Step::New(held) => self.accept_held(&held, piece, deliver),
                    Step::Unknown => self.accept_unknown(piece, stamp, print, before),
                }
            }
            Phase::Salvaging { delivered } => {
                if Some(stamp) <= self.latest && delivered.knows(print) {
                    return Flow::Continue;
                }
                self.deliver_gap(Some(stamp), deliver);
                self.deliver(piece, stamp, print, deliver);
                self.phase = Phase::Live {
                    filter: Filter::None,
                    trust: Trust::No,
                };
                Flow::Continue
            }
        }
    }

    /// Takes the text after the last line's end of a stream that served all there will ever be: a container's last
    /// words without a line's end. Without a stamp it is somebody else's.
    pub fn accept_rest(
        &mut self,
        rest: &Piece<'_>,
        deliver: &mut impl FnMut(Delivery<'_>),
    ) -> Flow {
        match rest.stamp {
            Some(_) => self.accept(rest, deliver),
            None => Flow::Continue,
        }
    }

    /// No more comes of this stream that is old: it has ended after all was served, or the replay has had its time.
    pub fn settle(&mut self, deliver: &mut impl FnMut(Delivery<'_>)) -> Settled {
        let (replay, seen) = match &mut self.phase {
            Phase::Live { .. } => return Settled::Aligned,
            Phase::Salvaging { .. } => return Settled::Empty,
            Phase::Replaying { replay, seen, .. } => (replay, seen),
        };
        match (replay.settle(), *seen) {
            (Some(held), _) => {
                self.go_live();
                self.deliver_kept(&held, deliver);
                Settled::Aligned
            }
            (None, Seen::Nothing) => Settled::Empty,
            (None, Seen::Something) => Settled::Undecided,
        }
    }

    /// Whether the last line of the file, read without a filter, is the last that was delivered. If not, something was
    /// withheld, and the next stream looks for it.
    pub fn check_end(&mut self, end: &Piece<'_>) -> End {
        let print = fingerprint(end);
        if self.ring.ends_with(print) || self.is_end_of_last(end.text()) {
            return End::Reached;
        }
        self.next = Next::Verify;
        self.goal = Some(print);
        End::Ahead
    }

    /// Marks a hole with no line behind it.
    pub fn mark_end(&mut self, deliver: &mut impl FnMut(Delivery<'_>)) {
        self.deliver_gap(None, deliver);
    }

    /// A stamp far before the last one, or a line delivered before: a file served twice, or a clock that stepped back,
    /// after which a filtered stream leaves lines out. The whole file tells which.
    #[inline]
    fn accept_live(
        &mut self,
        piece: &Piece<'_>,
        stamp: Stamp,
        print: u64,
        deliver: &mut impl FnMut(Delivery<'_>),
    ) -> Flow {
        if piece.part.begins_line() && self.is_alarming(stamp, print) {
            self.next = Next::Verify;
            return Flow::Reopen;
        }
        self.deliver(piece, stamp, print, deliver);
        Flow::Continue
    }

    /// Whether the whole file must be looked at first. Behind the last piece in the whole file, a far step is the
    /// clock's, but a repetition still is none of the container's.
    #[inline]
    fn is_alarming(&mut self, stamp: Stamp, print: u64) -> bool {
        let (Some(last), Some(latest)) = (self.last(), self.latest) else {
            return false;
        };
        if stamp > latest || self.false_alarms == MOST_FALSE_ALARMS {
            return false;
        }
        let is_verified = matches!(
            self.phase,
            Phase::Live {
                trust: Trust::Verified,
                ..
            }
        );
        let is_far = stamp.nanoseconds_until(last) >= FAR_BACK;
        let is_filtered = matches!(
            self.phase,
            Phase::Live {
                filter: Filter::Since,
                ..
            }
        );
        // Where clocks are coarse, equal lines in a row are lines of their own; but the only line that a filter let
        // through can be the file served twice.
        let is_repeated = if stamp == last {
            is_filtered && self.first == Some(print)
        } else {
            self.first == Some(print) || self.ring.has(print, stamp.seconds)
        };
        self.false_alarms += u32::from(is_verified && (is_repeated || is_far));
        is_repeated || (is_far && !is_verified)
    }

    /// Old lines that are not remembered are never stamped later than everything that was delivered; those that were
    /// not wanted at first hardly.
    fn accept_unknown(&mut self, piece: &Piece<'_>, stamp: Stamp, print: u64, seen: Seen) -> Flow {
        if seen == Seen::Nothing && self.is_end_of_last(piece.text()) {
            return self.go_live();
        }
        let tolerance = match self.start {
            Start::Whole => 0,
            Start::Part => FAR_BACK,
        };
        let is_old = self
            .latest
            .is_some_and(|latest| latest.nanoseconds_until(stamp) <= tolerance);
        if is_old && self.goal != Some(print) {
            Flow::Continue
        } else {
            Flow::Lost
        }
    }

    /// After a rotation in the middle of a long line, the new file begins with the end of it.
    fn is_end_of_last(&self, text: &[u8]) -> bool {
        !text.is_empty()
            && self
                .last
                .as_ref()
                .is_some_and(|last| last.part == Part::Whole && last.long_text.ends_with(text))
    }

    fn accept_held(
        &mut self,
        held: &[KeptPiece],
        piece: &Piece<'_>,
        deliver: &mut impl FnMut(Delivery<'_>),
    ) -> Flow {
        self.go_live();
        self.deliver_kept(held, deliver);
        self.accept(piece, deliver)
    }

    /// At the start of a filtered stream such text is the rest of a record that was left out, and later it shows that
    /// one was; elsewhere it is a message.
    fn accept_unstamped(
        &mut self,
        piece: &Piece<'_>,
        deliver: &mut impl FnMut(Delivery<'_>),
    ) -> Flow {
        match &self.phase {
            Phase::Replaying {
                filter: Filter::Since,
                ..
            } => Flow::Continue,
            Phase::Live {
                filter: Filter::Since,
                ..
            } if self.last.is_none() => Flow::Continue,
            Phase::Live {
                filter: Filter::Since,
                ..
            } => {
                self.next = Next::Verify;
                Flow::Reopen
            }
            _ => {
                deliver(Delivery::Message(piece.raw));
                Flow::Continue
            }
        }
    }

    fn go_live(&mut self) -> Flow {
        if let Phase::Replaying { filter, .. } = &self.phase {
            let trust = match filter {
                Filter::Since => Trust::No,
                Filter::None => Trust::Verified,
            };
            self.phase = Phase::Live {
                filter: *filter,
                trust,
            };
        }
        Flow::Continue
    }

    fn deliver_kept(&mut self, kept: &[KeptPiece], deliver: &mut impl FnMut(Delivery<'_>)) {
        for piece in kept.iter().map(KeptPiece::as_piece) {
            if let Some(stamp) = piece.stamp {
                self.deliver(&piece, stamp, fingerprint(&piece), deliver);
            }
        }
    }

    fn deliver_gap(&mut self, before: Option<Stamp>, deliver: &mut impl FnMut(Delivery<'_>)) {
        if let Some(after) = self.last() {
            deliver(Delivery::Gap(Gap { after, before }));
        }
    }

    #[inline]
    fn deliver(
        &mut self,
        piece: &Piece<'_>,
        stamp: Stamp,
        print: u64,
        deliver: &mut impl FnMut(Delivery<'_>),
    ) {
        deliver(Delivery::Piece(*piece));
        self.remember(piece, stamp, print);
        // Only now: a verification that broke before something new came must be made again.
        (self.next, self.goal) = (Next::Continue, None);
        if let Phase::Live { trust, .. } = &mut self.phase {
            *trust = Trust::No;
        }
    }

    #[inline]
    fn remember(&mut self, piece: &Piece<'_>, stamp: Stamp, print: u64) {
        self.ring.push(print, stamp.seconds);
        if self.latest.is_none_or(|latest| latest < stamp) {
            self.latest = Some(stamp);
        }
        let last = self.last.get_or_insert_with(|| Last::at(stamp));
        (last.stamp, last.part) = (stamp, piece.part);
        last.long_text.clear();
        if piece.text().len() >= SHORTEST_CUT {
            last.long_text.extend_from_slice(piece.text());
        }
    }
}
