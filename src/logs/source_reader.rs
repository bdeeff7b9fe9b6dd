//! Reads one source to its end: the loop around [`Instance`]. It does what the instance wants, one request at a time
//! beside one stream, and tells it what came of that.

mod act;
mod first_stream;
mod patience;
mod pause;
mod reconnects;
mod refused;
mod trouble;

use std::{
    future::pending,
    pin::Pin,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::{
    sync::{Semaphore, watch},
    time::{Sleep, sleep, timeout},
};

use self::{
    first_stream::Content,
    patience::{Clock, NEVER, Patience},
    refused::Rights,
    trouble::Trouble,
};
pub(super) use self::{
    first_stream::{Beginning, FirstStream},
    trouble::Told,
};
use super::{
    alignment::End,
    attempts::Standing,
    instance::{Event, Follow, Instance, Outcome, Served, StreamEnd},
    shared_spool::SharedSpool,
    source_log::SourceLog,
    source_request::{Answer, Asked, SourceAddress, Stay, Subject},
    spool::Room,
};
use crate::cluster::{Cluster, LogPool, LogStream, StreamBroken};

/// A full spool is waited for so long with the stream open; after that the kubelet would leave out lines unseen.
const SHORT_PAUSE: Duration = Duration::from_secs(1);
/// A source that waits for its turn looks so often whether it has come.
const LOOK_FOR_TURN: Duration = Duration::from_secs(1);

/// What all readers of one run share.
pub(super) struct Shared {
    pub(super) cluster: Cluster,
    pub(super) pool: Arc<LogPool>,
    pub(super) spool: Arc<SharedSpool>,
    pub(super) follow: Follow,
    /// Zero of all times.
    pub(super) begun: Instant,
    /// How many statuses are asked for at a time.
    pub(super) asking: Semaphore,
    /// How many streams are asked for at a time.
    pub(super) opening: Semaphore,
    /// What the sources suffer from, as far as it is told.
    pub(super) told: Told,
    /// Set when one source has told that the caller may not read logs.
    pub(super) forbidden: OnceLock<()>,
}

/// What the run tells a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Orders {
    pub(super) standing: Standing,
    /// How long the source may bring nothing before it is given up; none where the job goes on, and so may the source.
    pub(super) patience: Option<Duration>,
}

/// What a reader waits for.
enum Happened {
    Ordered,
    Answered(Answer),
    Came(Result<Option<Bytes>, StreamBroken>),
    Time,
}

/// How a stream was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Opening {
    follow: Follow,
    served: Served,
    content: Content,
}

/// Whether the stream is one that was opened again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Again {
    /// No, or it is counted already.
    No,
    IfItBrings,
}

pub(super) struct SourceReader {
    shared: Arc<Shared>,
    address: SourceAddress,
    instance: Instance,
    log: SourceLog,
    first: FirstStream,
    orders: watch::Receiver<Orders>,
    /// The newest orders that were obeyed.
    obeyed: Orders,
    stream: Option<LogStream>,
    asked: Option<Asked>,
    /// What the stream, or the last one, was opened for.
    opening: Option<Opening>,
    /// A stream like this one would be the same one opened again.
    before: Option<Opening>,
    /// How the last stream ended, if it did.
    ended: Option<StreamEnd>,
    again: Again,
    reconnects: u32,
    patience: Patience,
    trouble: Trouble,
    rights: Rights,
    timer: Pin<Box<Sleep>>,
    /// When the timer rings. Too early costs less than setting it for every chunk.
    rings: Duration,
    outcome: Option<Outcome>,
}

impl SourceReader {
    pub(super) fn new(
        shared: Arc<Shared>,
        address: SourceAddress,
        log: SourceLog,
        first: FirstStream,
        mut orders: watch::Receiver<Orders>,
    ) -> Self {
        let obeyed = *orders.borrow_and_update();
        let instance = Instance::new(shared.follow, obeyed.standing, address.jitter());
        Self {
            instance,
            obeyed,
            shared,
            address,
            log,
            first,
            orders,
            stream: None,
            asked: None,
            opening: None,
            before: None,
            ended: None,
            again: Again::No,
            reconnects: 0,
            patience: Patience::new(Duration::ZERO),
            trouble: Trouble::default(),
            rights: Rights::default(),
            timer: Box::pin(sleep(Duration::ZERO)),
            rings: NEVER,
            outcome: None,
        }
    }

    /// Until all that can be had of the source is in the spool. Can be dropped at any time.
    pub(super) async fn run(mut self) -> Outcome {
        self.patience.renew(self.now());
        if self.obeyed.patience.is_some() {
            self.handle(Event::Hurry);
        }
        self.handle(Event::Start);
        loop {
            if let Some(outcome) = self.outcome {
                return outcome;
            }
            match self.wait().await {
                Happened::Ordered => self.obey(),
                Happened::Answered(answer) => self.take_answer(answer),
                Happened::Came(Ok(Some(chunk))) => self.take_chunk(&chunk).await,
                Happened::Came(Ok(None)) => self.end_stream(StreamEnd::Clean),
                Happened::Came(Err(_)) => self.end_stream(StreamEnd::Broken),
                Happened::Time => self.take_time(),
            }
        }
    }

    fn now(&self) -> Duration {
        self.shared.begun.elapsed()
    }

    async fn wait(&mut self) -> Happened {
        self.patience.set(self.now(), self.clock());
        self.set_timer();
        let Self {
            orders,
            stream,
            asked,
            timer,
            rings,
            ..
        } = self;
        let answer = async {
            match asked {
                Some(asked) => asked.answer.as_mut().await,
                None => pending().await,
            }
        };
        let chunk = async {
            match stream {
                Some(stream) => stream.chunk().await,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            Ok(()) = orders.changed() => Happened::Ordered,
            answer = answer => Happened::Answered(answer),
            came = chunk => Happened::Came(came),
            () = timer.as_mut(), if *rings != NEVER => Happened::Time,
        }
    }

    fn set_timer(&mut self) {
        let wanted = self.wake_at();
        if wanted < self.rings {
            self.rings = wanted;
            self.timer
                .as_mut()
                .reset((self.shared.begun + wanted).into());
        }
    }

    fn wake_at(&self) -> Duration {
        let look = match self.obeyed.patience {
            Some(_) if self.is_queued() => self.patience.at() + LOOK_FOR_TURN,
            _ => NEVER,
        };
        self.instance_wakes_at()
            .min(self.gives_up_at())
            .min(self.trouble.tells_at().unwrap_or(NEVER))
            .min(self.log.tells_at().unwrap_or(NEVER))
            .min(look)
    }

    /// The times of an instance count from where the server began to answer; until then they say nothing.
    fn instance_wakes_at(&self) -> Duration {
        let asked = self.asked.as_ref();
        if asked.is_some_and(|asked| asked.subject == Subject::Stream) {
            return NEVER;
        }
        self.instance.wake_at().unwrap_or(NEVER)
    }

    fn gives_up_at(&self) -> Duration {
        self.patience.ends_at(self.obeyed.patience)
    }

    fn is_queued(&self) -> bool {
        self.asked.as_ref().is_some_and(Asked::is_queued)
    }

    /// What runs may be silent for as long as its stream is open: a job's pods get time to end. Whoever waits for others
    /// is not to blame.
    fn clock(&self) -> Clock {
        let is_read = self.stream.is_some() && self.shared.follow == Follow::Yes;
        let is_healthy = is_read && self.obeyed.standing == Standing::Running;
        if is_healthy || self.is_queued() {
            Clock::Stands
        } else {
            Clock::Runs
        }
    }

    fn take_time(&mut self) {
        self.rings = NEVER;
        let now = self.now();
        if self.trouble.tells_at().is_some_and(|at| at <= now) {
            self.tell_trouble();
        }
        if self.log.tells_at().is_some_and(|at| at <= now) {
            self.log.tell_unfinished(now, &self.shared.spool);
        }
        if self.gives_up_at() <= now {
            self.tell_trouble();
            self.handle(Event::GiveUp);
        } else if self.instance_wakes_at() <= now {
            self.handle(Event::Woken);
        }
    }

    fn obey(&mut self) {
        let orders = *self.orders.borrow_and_update();
        let before = std::mem::replace(&mut self.obeyed, orders);
        if before == orders {
            return;
        }
        self.patience.renew(self.now());
        if before.patience.is_none() && orders.patience.is_some() {
            self.handle(Event::Hurry);
        }
        if before.standing != orders.standing {
            if orders.standing == Standing::NodeLost {
                self.suffer_silent_node();
            } else if before.standing == Standing::NodeLost && self.stream.is_some() {
                self.end_trouble();
            }
            self.handle(Event::Status(orders.standing));
        }
    }

    async fn take_chunk(&mut self, chunk: &[u8]) {
        let shared = Arc::clone(&self.shared);
        if shared.spool.room() == Room::Full {
            let room = shared.spool.wait_for_room();
            if timeout(SHORT_PAUSE, room).await.is_err() {
                return self.pause().await;
            }
        }
        let is_primer = self
            .opening
            .is_some_and(|one| one.content == Content::Primer);
        let event = if is_primer {
            self.log.prime(chunk)
        } else {
            let event = self.log.take(chunk, &shared.spool);
            self.log.tell_unfinished(self.now(), &shared.spool);
            event
        };
        match event {
            Event::Delivered => {
                self.patience.renew(self.now());
                self.count_delivery();
                self.end_trouble();
            }
            // Without a line's end it is a server that speaks.
            _ if memchr::memchr(b'\n', chunk).is_some() => {
                self.patience.hear_old(self.now());
                self.be_answered();
            }
            _ => {}
        }
        self.handle(event);
    }

    fn end_stream(&mut self, end: StreamEnd) {
        self.stream = None;
        self.ended = Some(end);
        let content = self.opening.map(|opening| opening.content);
        let event = match content {
            _ if end == StreamEnd::Broken => Event::Ended(end),
            Some(Content::Primer | Content::TailOfRunning) => self.end_beginning(),
            _ => Event::Ended(end),
        };
        self.handle(event);
    }

    /// What follows the last lines is asked for at once, unless they could not be had.
    fn end_beginning(&mut self) -> Event {
        self.before = None;
        let beginning = self.log.beginning();
        if !self.log.is_begun() {
            self.first = self.first.after(beginning);
        }
        let is_followed = self.opening.is_some_and(|one| one.follow == Follow::Yes);
        if beginning == Beginning::Words || !is_followed {
            return Event::Ended(StreamEnd::Clean);
        }
        self.ended = None;
        Event::Reopen
    }

    fn take_answer(&mut self, answer: Answer) {
        self.asked = None;
        let event = match answer {
            Answer::Stream(Ok(stream)) => {
                self.stream = Some(stream);
                self.log.tell_readable(&self.shared.spool);
                self.welcome_stream();
                Event::Opened
            }
            Answer::Stream(Err(refusal)) => Event::Refused(self.take_refusal(refusal)),
            Answer::LastLine(Ok(Some(line))) => Event::EndChecked(Some(self.log.check_end(&line))),
            Answer::LastLine(Ok(None)) => Event::EndChecked(Some(End::Empty)),
            Answer::LastLine(Err(_)) => Event::EndChecked(None),
            Answer::Status(None) => Event::Status(self.obeyed.standing),
            Answer::Status(Some(seen)) => {
                if seen.stay == Stay::Leaving {
                    self.handle(Event::Leaving);
                }
                Event::Status(seen.standing)
            }
        };
        self.handle(event);
    }

    fn handle(&mut self, event: Event) {
        let mut next = Some(event);
        while let Some(event) = next.take() {
            let now = self.now();
            for action in self.instance.handle(now, event) {
                // Only settling is answered at once, and it is always the last that is wanted.
                next = self.act(action).or(next);
            }
        }
    }
}
