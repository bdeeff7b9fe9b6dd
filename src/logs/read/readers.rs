//! The tasks that read, one a source: begun as far as there may be, told how their sources stand, forgotten when they end.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::watch,
    task::{Id, JoinError, JoinSet},
};

use crate::logs::{
    alignment::Start,
    attempts::Standing,
    instance::Outcome,
    record::{Entry, GapReason, SourceEnd, SourceId},
    roster::InstanceId,
    shared_spool::SharedSpool,
    source_log::SourceLog,
    source_reader::{FirstStream, Orders, Shared, SourceReader},
    source_request::SourceAddress,
};

pub(super) struct Readers {
    shared: Arc<Shared>,
    running: JoinSet<Outcome>,
    /// What the tasks read.
    sources: HashMap<Id, (SourceId, InstanceId)>,
    /// Of the sources that are read, or will be.
    orders: HashMap<InstanceId, watch::Sender<Orders>>,
    /// So many run at a time.
    most: usize,
    /// What waits for its turn.
    queue: VecDeque<Queued>,
}

/// What a source is read with.
pub(super) struct Plan {
    pub(super) id: SourceId,
    pub(super) address: SourceAddress,
    pub(super) orders: Orders,
    pub(super) first: FirstStream,
    pub(super) start: Start,
}

struct Queued {
    plan: Plan,
    /// What the plan's own orders have become.
    orders: watch::Receiver<Orders>,
}

impl Readers {
    pub(super) fn new(shared: &Arc<Shared>, most: usize) -> Self {
        Self {
            shared: Arc::clone(shared),
            running: JoinSet::new(),
            sources: HashMap::new(),
            orders: HashMap::new(),
            most,
            queue: VecDeque::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// Reads it, when its turn has come.
    pub(super) fn start(&mut self, plan: Plan) {
        let (sender, orders) = watch::channel(plan.orders);
        self.orders.insert(plan.address.id.clone(), sender);
        self.queue.push_back(Queued { plan, orders });
        self.start_queued();
    }

    /// A task takes memory, of which those that wait need none.
    fn start_queued(&mut self) {
        while self.running.len() < self.most
            && let Some(Queued { plan, orders }) = self.queue.pop_front()
        {
            let Plan {
                id,
                address,
                first,
                start,
                ..
            } = plan;
            let instance = address.id.clone();
            let log = SourceLog::new(id, start, first.since());
            let shared = Arc::clone(&self.shared);
            let reader = SourceReader::new(shared, address, log, first, orders);
            let task = self.running.spawn(reader.run());
            self.sources.insert(task.id(), (id, instance));
        }
    }

    pub(super) fn stand(&self, instance: &InstanceId, standing: Standing) {
        if let Some(orders) = self.orders.get(instance) {
            orders.send_modify(|orders| orders.standing = standing);
        }
    }

    pub(super) fn set_patience(&self, patience: Option<Duration>) {
        for orders in self.orders.values() {
            orders.send_modify(|orders| orders.patience = patience);
        }
    }

    /// How the next one ended; none where nothing is read. Dropping the future loses nothing.
    pub(super) async fn wait_for_end(&mut self) -> Option<Outcome> {
        let ended = self.running.join_next_with_id().await?;
        let outcome = self.forget(ended);
        self.start_queued();
        Some(outcome)
    }

    fn forget(&mut self, ended: Result<(Id, Outcome), JoinError>) -> Outcome {
        let (task, outcome) = match ended {
            Ok((task, outcome)) => (task, Some(outcome)),
            Err(error) => (error.id(), None),
        };
        let source = self.sources.remove(&task);
        if let Some((_, instance)) = &source {
            self.orders.remove(instance);
        }
        if let (None, Some((id, _))) = (outcome, source) {
            mark_broken(id, &self.shared.spool);
        }
        outcome.unwrap_or(Outcome::Incomplete)
    }
}

/// A reader that ends by a fault of the program leaves nobody who knows how far it came.
fn mark_broken(source: SourceId, spool: &SharedSpool) {
    let end = SourceEnd {
        outcome: Outcome::Incomplete,
        reconnects: 0,
    };
    let mut out = spool.write();
    out.push(&Entry::Gap {
        source,
        after: None,
        before: None,
        reason: GapReason::NoAnswer,
    });
    out.push(&Entry::Ended { source, end });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_whose_reader_broke_ends_with_a_marker() {
        let spool = SharedSpool::new(0);
        mark_broken(SourceId(3), &spool);
        let mut seen = Vec::new();
        let taken = spool.take(Duration::ZERO, |entry| seen.push(format!("{entry:?}")));
        assert!(taken.is_ok());
        let is_of_source = |entry: &String| entry.contains("SourceId(3)");
        assert!(seen.iter().all(is_of_source), "{seen:?}");
        assert!(seen[0].starts_with("Gap") && seen[1].contains("Incomplete"));
    }
}
