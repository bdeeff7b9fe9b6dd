//! Reads one source to its end: the loop around [`Instance`]. It does what the instance wants, one request at a time
//! beside one stream, and tells it what came of that.

mod act;

use std::{
    future::pending,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::{
    sync::{Semaphore, watch},
    time::{Sleep, sleep, timeout},
};

use super::{
    alignment::End,
    attempts::Standing,
    instance::{Event, Follow, Instance, Refusal, Served, StreamEnd},
    roster::InstanceId,
    shared_spool::SharedSpool,
    source_log::SourceLog,
    source_request::{Answer, Asked, SourceAddress, Subject},
    spool::Room,
};
use crate::cluster::{Cluster, LogPool, LogRefusal, LogStream, StreamBroken};

/// A full spool is waited for so long with the stream open; after that the kubelet would leave out lines unseen.
const SHORT_PAUSE: Duration = Duration::from_secs(1);
/// A caller who could read logs and suddenly may not is believed after so long.
const FORBIDDEN_LIMIT: Duration = Duration::from_mins(2);
/// Later than any wake-up.
const NEVER: Duration = Duration::MAX;

/// What all readers of one run share.
pub(super) struct Shared {
    pub(super) cluster: Cluster,
    pub(super) pool: LogPool,
    pub(super) spool: Arc<SharedSpool>,
    pub(super) follow: Follow,
    /// Zero of all times.
    pub(super) begun: Instant,
    /// How many statuses are asked for at a time.
    pub(super) asking: Semaphore,
    /// How many sources are read at a time.
    pub(super) reading: Semaphore,
}

/// What the run tells a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Orders {
    pub(super) standing: Standing,
    /// How long the source may bring nothing before it is given up; none where the job goes on, and so may the source.
    pub(super) patience: Option<Duration>,
}

/// Where a source's first stream begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FirstStream {
    Whole,
    /// The last lines; 0 for none, only what comes from now on.
    Tail(u32),
    /// In seconds since 1970.
    Since(i64),
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

/// What the lines of a stream are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    Lines,
    /// The last lines of what runs on: half a line at their end comes again.
    TailOfRunning,
    /// One line, to know where the new begins.
    Primer,
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
    /// When bytes, or other orders, came last.
    heard: Duration,
    /// Why the last stream was refused.
    refusal: Option<String>,
    /// Since when every answer was that the caller may not.
    forbidden_since: Option<Duration>,
    timer: Pin<Box<Sleep>>,
    /// When the timer rings. Too early costs less than setting it for every chunk.
    rings: Duration,
    is_finished: bool,
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
            heard: Duration::ZERO,
            refusal: None,
            forbidden_since: None,
            timer: Box::pin(sleep(Duration::ZERO)),
            rings: NEVER,
            is_finished: false,
        }
    }

    /// Until all that can be had of the source is in the spool. Can be dropped at any time.
    pub(super) async fn run(mut self) -> InstanceId {
        let shared = Arc::clone(&self.shared);
        // Nobody closes the semaphore.
        let _turn = shared.reading.acquire().await;
        self.heard = self.now();
        self.handle(Event::Start);
        while !self.is_finished {
            match self.wait().await {
                Happened::Ordered => self.obey(),
                Happened::Answered(answer) => self.take_answer(answer),
                Happened::Came(Ok(Some(chunk))) => self.take_chunk(&chunk).await,
                Happened::Came(Ok(None)) => self.end_stream(StreamEnd::Clean),
                Happened::Came(Err(_)) => self.end_stream(StreamEnd::Broken),
                Happened::Time => self.take_time(),
            }
        }
        self.address.id
    }

    fn now(&self) -> Duration {
        self.shared.begun.elapsed()
    }

    async fn wait(&mut self) -> Happened {
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
        let wake_at = if self.is_opening() {
            None
        } else {
            self.instance.wake_at()
        };
        wake_at.unwrap_or(NEVER).min(self.gives_up_at())
    }

    fn gives_up_at(&self) -> Duration {
        self.obeyed
            .patience
            .map_or(NEVER, |patience| self.heard + patience)
    }

    /// The times of an instance count from where the server began to answer; until then they say nothing.
    fn is_opening(&self) -> bool {
        let asked = self.asked.as_ref();
        asked.is_some_and(|asked| asked.subject == Subject::Stream)
    }

    fn take_time(&mut self) {
        self.rings = NEVER;
        let now = self.now();
        if self.gives_up_at() <= now {
            if let Some(refusal) = self.refusal.take() {
                self.log.tell(&refusal, &self.shared.spool);
            }
            self.handle(Event::GiveUp);
        } else if self.wake_at() <= now {
            self.handle(Event::Woken);
        }
    }

    fn obey(&mut self) {
        let orders = *self.orders.borrow_and_update();
        let before = std::mem::replace(&mut self.obeyed, orders);
        if before.patience != orders.patience {
            self.heard = self.now();
        }
        if before.standing != orders.standing {
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
        self.heard = self.now();
        let is_primer = self
            .opening
            .is_some_and(|one| one.content == Content::Primer);
        let event = if is_primer {
            self.log.prime(chunk);
            Event::Delivered
        } else {
            self.log.take(chunk, &shared.spool)
        };
        if event == Event::Delivered {
            self.count_delivery();
        }
        self.handle(event);
    }

    /// The spool is full, and stays so. What the kubelet would send meanwhile it may leave out without a word; what it
    /// serves afterwards is aligned, and what it has not any more is marked.
    async fn pause(&mut self) {
        self.close();
        self.log.note_held_up();
        self.before = None;
        let shared = Arc::clone(&self.shared);
        shared.spool.wait_for_room().await;
        self.heard = self.now();
        self.obey();
        self.handle(Event::Reopen);
    }

    fn end_stream(&mut self, end: StreamEnd) {
        self.stream = None;
        self.ended = Some(end);
        let content = self.opening.map(|opening| opening.content);
        if end == StreamEnd::Broken {
            self.log.drop_half_line(&self.shared.spool);
        } else if content.is_some_and(|content| content != Content::Lines) {
            self.before = None;
            if !self.log.is_begun() {
                // There is nothing yet, so that all that comes is new.
                self.first = FirstStream::Whole;
            }
        }
        self.handle(Event::Ended(end));
    }

    fn take_answer(&mut self, answer: Answer) {
        self.asked = None;
        let event = match answer {
            Answer::Stream(Ok(stream)) => {
                self.stream = Some(stream);
                self.refusal = None;
                self.forbidden_since = None;
                self.count_opening();
                Event::Opened
            }
            Answer::Stream(Err(refusal)) => Event::Refused(self.take_refusal(refusal)),
            Answer::LastLine(Ok(Some(line))) => Event::EndChecked(self.log.check_end(&line)),
            Answer::LastLine(Ok(None)) => Event::EndChecked(Some(End::Empty)),
            Answer::LastLine(Err(_)) => Event::EndChecked(None),
            Answer::Status(standing) => Event::Status(standing.unwrap_or(self.obeyed.standing)),
        };
        self.handle(event);
    }

    /// A stream that ended cleanly is mostly that of a container whose status still lags: opened again, it has nothing
    /// to bring, and is no reconnect worth telling of.
    fn count_opening(&mut self) {
        let is_again = self.before.is_some() && self.before == self.opening;
        self.before = self.opening;
        self.again = match (is_again, self.ended) {
            (false, _) => Again::No,
            (true, Some(StreamEnd::Clean)) => Again::IfItBrings,
            (true, _) => {
                self.count_reconnect();
                Again::No
            }
        };
        self.ended = None;
    }

    fn count_delivery(&mut self) {
        if self.again == Again::IfItBrings {
            self.again = Again::No;
            self.count_reconnect();
        }
    }

    /// Told at once: whoever ends the run before the source ends wants to know, too.
    fn count_reconnect(&mut self) {
        self.reconnects += 1;
        self.log.tell_reopened(&self.shared.spool);
    }

    fn take_refusal(&mut self, refusal: LogRefusal) -> Refusal {
        match refusal {
            LogRefusal::NotThere { message } => {
                self.refusal = Some(message);
                Refusal::NotThere
            }
            LogRefusal::Busy { wait, message } => {
                self.refusal = Some(message);
                Refusal::Busy(wait)
            }
            LogRefusal::Forbidden(failure) if self.may_pass() => {
                self.refusal = Some(failure.to_string());
                Refusal::Busy(None)
            }
            LogRefusal::Forbidden(failure) => {
                self.log.tell(&failure.to_string(), &self.shared.spool);
                Refusal::Forbidden
            }
        }
    }

    /// An API server that has just started may not know the rule yet that it has obeyed before.
    fn may_pass(&mut self) -> bool {
        let now = self.now();
        let since = *self.forbidden_since.get_or_insert(now);
        self.shared.pool.has_served() && now < since + FORBIDDEN_LIMIT
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
