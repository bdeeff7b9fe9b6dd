//! Ctrl-Z, between the thread that hears it and the one that draws: the rows are gone before the process stops, and are
//! drawn anew when it goes on.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// What both threads know.
#[derive(Debug, Default)]
pub struct Pause {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    step: Step,
    /// Somebody else has written to the terminal since.
    is_overwritten: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Step {
    #[default]
    Draws,
    /// The rows are to be taken away.
    Asked,
    /// They are.
    Rests,
    /// Nothing is drawn any more.
    Ended,
}

/// What the drawing thread has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Draw,
    /// What was drawn stands somewhere above, and is left there.
    DrawAnew,
    /// The rows are taken away.
    Rest,
    /// What was drawn stands somewhere above, and nothing is drawn.
    RestAnew,
}

impl Pause {
    /// Waits until nothing stands under the lines any more; no longer than this, as a terminal may take nothing.
    pub fn begin(&self, limit: Duration) {
        let mut state = self.lock();
        if state.step == Step::Draws {
            state.step = Step::Asked;
        }
        let is_waiting = |state: &mut State| state.step == Step::Asked;
        // Whether it was in time makes no difference.
        drop(self.changed.wait_timeout_while(state, limit, is_waiting));
    }

    /// From now on rows are drawn again.
    pub fn end(&self) {
        let mut state = self.lock();
        state.is_overwritten = true;
        if state.step != Step::Ended {
            state.step = Step::Draws;
        }
    }

    pub(super) fn order(&self) -> Order {
        let state = self.lock();
        match (state.step, state.is_overwritten) {
            (Step::Draws, false) => Order::Draw,
            (Step::Draws, true) => Order::DrawAnew,
            (_, false) => Order::Rest,
            (_, true) => Order::RestAnew,
        }
    }

    /// The order was followed.
    pub(super) fn followed(&self, order: Order) {
        let mut state = self.lock();
        match order {
            Order::DrawAnew => state.is_overwritten = false,
            Order::Rest | Order::RestAnew if state.step == Step::Asked => {
                state.step = Step::Rests;
                self.changed.notify_all();
            }
            Order::Draw | Order::Rest | Order::RestAnew => {}
        }
    }

    /// Nobody needs to wait any more.
    pub(super) fn close(&self) {
        self.lock().step = Step::Ended;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{thread, time::Instant};

    use super::*;

    const LONG: Duration = Duration::from_mins(1);

    #[test]
    fn a_pause_begins_when_the_rows_are_gone_and_ends_with_a_drawing_from_nothing() {
        let pause = Pause::default();
        assert_eq!(pause.order(), Order::Draw);
        thread::scope(|scope| {
            let asking = scope.spawn(|| pause.begin(LONG));
            while pause.order() != Order::Rest {
                thread::yield_now();
            }
            assert!(!asking.is_finished());
            pause.followed(Order::Rest);
        });
        assert_eq!(pause.order(), Order::Rest);
        pause.end();
        assert_eq!(pause.order(), Order::DrawAnew);
        pause.followed(Order::DrawAnew);
        assert_eq!(pause.order(), Order::Draw);
    }

    #[test]
    fn nobody_waits_for_a_terminal_that_takes_nothing_nor_for_rows_that_are_gone() {
        let pause = Pause::default();
        pause.begin(Duration::from_millis(1));
        pause.end();
        // The order is followed too late.
        pause.followed(Order::Rest);
        assert_eq!(pause.order(), Order::DrawAnew);
        pause.close();
        let start = Instant::now();
        pause.begin(LONG);
        pause.end();
        assert!(start.elapsed() < LONG);
        assert_eq!(pause.order(), Order::RestAnew);
    }
}
