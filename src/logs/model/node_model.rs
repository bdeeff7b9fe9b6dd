//! A model of a node: the attempts of one container, a kubelet that stops and starts, a status that lags behind.

use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};

use crate::logs::{
    alignment::{End, ResumePoint},
    attempts::{Attempts, Before, ContainerSeen, Current, Discovery},
    instance::{Action, Event, Follow, Instance, Refusal, Served, StreamEnd},
    line::LineSplitter,
    model::{
        follower::{Follower, Printed},
        kubelet_model::{Kubelet, Record},
    },
    stamp::Stamp,
};

/// What a container's attempt wrote, and what of it is gone.
#[derive(Default)]
pub(super) struct Attempt {
    pub(super) kubelet: Kubelet,
    pub(super) written: Vec<String>,
    /// The lines from which the current file begins.
    pub(super) file_begins: usize,
    pub(super) unreachable: HashSet<usize>,
    pub(super) boundaries: HashSet<usize>,
    /// Two came after it, or one that has ended.
    pub(super) is_out_of_reach: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    Waiting,
    Running,
    Ended,
}

pub(super) struct Node {
    pub(super) attempts: Vec<Attempt>,
    pub(super) life: Life,
    pub(super) is_kubelet_up: bool,
    /// What the API server says, and what it will say and when.
    pub(super) status: ContainerSeen,
    pub(super) coming: Vec<(Duration, ContainerSeen)>,
    pub(super) now: Duration,
    pub(super) known: Attempts,
    pub(super) followers: Vec<Follower>,
}

pub(super) fn id(attempt: usize) -> String {
    format!("containerd://{attempt}")
}

impl Node {
    pub(super) fn new() -> Self {
        let status = ContainerSeen {
            restart_count: 0,
            current: Current::Waiting,
            last_id: None,
        };
        Self {
            attempts: Vec::new(),
            life: Life::Waiting,
            is_kubelet_up: true,
            status,
            coming: Vec::new(),
            now: Duration::ZERO,
            known: Attempts::new(Before::Left),
            followers: Vec::new(),
        }
    }

    pub(super) fn true_status(&self) -> ContainerSeen {
        let newest = self.attempts.len().saturating_sub(1);
        let current = match self.life {
            Life::Waiting => Current::Waiting,
            Life::Running => Current::Running { id: id(newest) },
            Life::Ended => Current::Terminated { id: id(newest) },
        };
        let last_id = match self.life {
            Life::Waiting => (!self.attempts.is_empty()).then(|| id(newest)),
            _ => newest.checked_sub(1).map(id),
        };
        ContainerSeen {
            restart_count: u32::try_from(newest).unwrap(),
            current,
            last_id,
        }
    }

    pub(super) fn change(&mut self, life: Life, lag: Duration) {
        self.life = life;
        let served = if life == Life::Waiting { 1 } else { 2 };
        for displaced in 0..self.attempts.len().saturating_sub(served) {
            self.attempts[displaced].is_out_of_reach = true;
            self.note_lost(displaced);
        }
        self.coming.push((self.now + lag, self.true_status()));
        self.advance(Duration::ZERO);
    }

    pub(super) fn advance(&mut self, time: Duration) {
        self.now += time;
        let now = self.now;
        let due = self.coming.iter().filter(|(at, _)| *at <= now).count();
        for (_, status) in self.coming.drain(..due).collect::<Vec<_>>() {
            self.status = status;
            self.observe();
        }
        for index in 0..self.followers.len() {
            self.feed(index, Event::Woken);
        }
    }

    /// The watch brings a status.
    pub(super) fn observe(&mut self) {
        for discovery in self.known.observe(&self.status) {
            if let Discovery::Started { attempt, id } = discovery {
                let standing = self.status.standing(&id);
                self.followers.push(Follower::new(
                    attempt as usize,
                    Instance::new(Follow::Yes, standing, Duration::ZERO),
                ));
                self.feed(self.followers.len() - 1, Event::Start);
            }
        }
        for index in 0..self.followers.len() {
            let standing = self.status.standing(&id(self.followers[index].attempt));
            self.feed(index, Event::Status(standing));
        }
    }

    pub(super) fn feed(&mut self, index: usize, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let actions = self.followers[index].instance.handle(self.now, event);
            for action in actions {
                events.extend(self.act(index, action));
            }
        }
    }

    pub(super) fn act(&mut self, index: usize, action: Action) -> Option<Event> {
        match action {
            Action::Open(follow, served) => return Some(self.open(index, follow, served)),
            Action::Close => self.close(index),
            Action::Settle => return Some(Event::Settled(self.followers[index].settle())),
            Action::CheckEnd(served) => {
                return Some(Event::EndChecked(self.check_end(index, served)));
            }
            Action::AskStatus => {
                let attempt = self.followers[index].attempt;
                return Some(Event::Status(self.status.standing(&id(attempt))));
            }
            Action::GiveUpPlace => self.followers[index].aligner.give_up_place(),
            Action::Mark(_) => self.followers[index].mark_end(),
            Action::Finish(_) => self.followers[index].is_finished = true,
        }
        None
    }

    /// The kubelet chooses by what it knows itself.
    pub(super) fn served(&self, served: Served) -> Option<usize> {
        let newest = self.attempts.len().checked_sub(1)?;
        match (served, self.life) {
            _ if !self.is_kubelet_up => None,
            (Served::Current, _) | (Served::Previous, Life::Waiting) => Some(newest),
            (Served::Previous, _) => newest.checked_sub(1),
        }
    }

    pub(super) fn is_running(&self, attempt: usize) -> bool {
        self.life == Life::Running && attempt + 1 == self.attempts.len()
    }

    pub(super) fn open(&mut self, index: usize, follow: Follow, served: Served) -> Event {
        let point = self.followers[index].aligner.resume();
        self.followers[index].splitter.reset();
        let Some(attempt) = self.served(served) else {
            let refusal = if self.is_kubelet_up {
                Refusal::NotThere
            } else {
                Refusal::Busy(None)
            };
            return Event::Refused(refusal);
        };
        let since = match point {
            ResumePoint::Start | ResumePoint::Beginning => None,
            ResumePoint::Since(second) => Some(second),
        };
        self.attempts[attempt].kubelet.open(since, usize::MAX);
        self.followers[index].reader = self.attempts[attempt].kubelet.reader.take();
        self.followers[index].stream = Some((attempt, follow));
        Event::Opened
    }

    pub(super) fn close(&mut self, index: usize) {
        if let Some((attempt, _)) = self.followers[index].stream.take() {
            self.followers[index].reader = None;
            self.note_lost(attempt);
        }
    }

    pub(super) fn check_end(&mut self, index: usize, served: Served) -> Option<End> {
        let attempt = self.served(served)?;
        let Some(line) = self.attempts[attempt].kubelet.last_line() else {
            return Some(End::Empty);
        };
        let mut end = None;
        let aligner = &mut self.followers[index].aligner;
        let _: Result<(), ()> = LineSplitter::default().push(line.as_bytes(), |piece| {
            end = Some(aligner.check_end(&piece));
            Ok(())
        });
        end
    }

    /// Hands bytes of a stream over, and its end when there are no more.
    pub(super) fn receive(&mut self, index: usize, count: usize) {
        let Some((attempt, follow)) = self.followers[index].stream else {
            return;
        };
        let is_running = self.is_running(attempt);
        let Some(reader) = &mut self.followers[index].reader else {
            return;
        };
        let count = count.min(reader.outgoing.len());
        let bytes: Vec<u8> = reader.outgoing.drain(..count).collect();
        let is_at_end = reader.outgoing.is_empty() && (follow == Follow::No || !is_running);
        let event = self.followers[index].take(&bytes);
        let is_wanted = matches!(event, Event::Delivered | Event::Repeated);
        if count > 0 || !is_wanted {
            self.feed(index, event);
        }
        if is_at_end && is_wanted && self.followers[index].stream == Some((attempt, follow)) {
            self.end_stream(index, StreamEnd::Clean);
        }
    }

    pub(super) fn end_stream(&mut self, index: usize, end: StreamEnd) {
        self.close(index);
        self.feed(index, Event::Ended(end));
    }

    pub(super) fn end_streams(&mut self, end: StreamEnd) {
        for index in 0..self.followers.len() {
            if self.followers[index].stream.is_some() {
                self.end_stream(index, end);
            }
        }
    }

    pub(super) fn receive_all(&mut self) {
        for _ in 0..50 {
            for index in 0..self.followers.len() {
                self.receive(index, usize::MAX);
            }
        }
    }

    pub(super) fn write(&mut self, count: usize) {
        if self.life != Life::Running {
            return;
        }
        let newest = self.attempts.len() - 1;
        for _ in 0..count {
            self.now += Duration::from_millis(7);
            let text = format!(
                "attempt {newest} line {}",
                self.attempts[newest].written.len()
            );
            let stamp = Stamp {
                seconds: 1_795_262_100 + i64::try_from(self.now.as_secs()).unwrap(),
                nanoseconds: self.now.subsec_nanos(),
            };
            let record = Record {
                stamp,
                text: text.clone(),
                ends_line: true,
            };
            let is_read =
                |follower: &&mut Follower| follower.stream.is_some_and(|(one, _)| one == newest);
            let readers = self
                .followers
                .iter_mut()
                .filter(is_read)
                .filter_map(|one| one.reader.as_mut());
            readers.for_each(|reader| reader.read(&record));
            self.attempts[newest].kubelet.write(record);
            self.attempts[newest].written.push(text);
        }
    }

    pub(super) fn rotate(&mut self) {
        if self.life == Life::Running {
            let newest = self.attempts.len() - 1;
            let attempt = &mut self.attempts[newest];
            attempt.kubelet.rotate();
            attempt.file_begins = attempt.written.len();
            attempt.boundaries.insert(attempt.written.len());
            let is_read = |one: &Follower| {
                one.attempt == newest && one.stream.is_some_and(|(of, _)| of == newest)
            };
            if !self.followers.iter().any(is_read) {
                self.note_lost(newest);
            }
        }
    }

    /// What is in no file any more, was not printed, and is under way to nobody.
    pub(super) fn note_lost(&mut self, attempt: usize) {
        let printed: HashSet<String> = self.printed(attempt).into_iter().collect();
        let attempt = &mut self.attempts[attempt];
        let gone = if attempt.is_out_of_reach {
            attempt.written.len()
        } else {
            attempt.file_begins
        };
        let lost = (0..gone).filter(|place| !printed.contains(&attempt.written[*place]));
        attempt.unreachable.extend(lost.collect::<Vec<_>>());
    }

    pub(super) fn printed(&self, attempt: usize) -> Vec<String> {
        let follower = self
            .followers
            .iter()
            .find(|follower| follower.attempt == attempt);
        let lines = follower.into_iter().flat_map(|follower| &follower.printed);
        lines
            .filter_map(|one| {
                if let Printed::Line(text) = one {
                    Some(text.clone())
                } else {
                    None
                }
            })
            .collect()
    }

    /// The next attempt. Only once the newest is known by its lines: an attempt that nobody saw has no name.
    pub(super) fn start(&mut self, lag: Duration) {
        let is_known = match self.attempts.len().checked_sub(1) {
            Some(newest) => !self.printed(newest).is_empty(),
            None => true,
        };
        if self.life == Life::Running || !is_known {
            return;
        }
        // Even a watch that lags has told of the attempt before.
        // A swap just between the status and the stream that trusts it is beyond what a client can know.
        let is_doubting = self.followers.iter().any(|one| one.instance.is_doubting());
        let lag = if self.coming.is_empty() && !is_doubting {
            lag
        } else {
            Duration::ZERO
        };
        if lag.is_zero() {
            self.advance(Duration::from_secs(2));
        }
        self.attempts.push(Attempt::default());
        self.change(Life::Running, lag);
    }
}
