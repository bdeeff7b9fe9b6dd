//! Runs a catalogue: independent checks at the same time, each as soon as what it requires has not failed,
//! and all of them again, with backoff, while waiting can still help. Says what happens as events; never prints.

use std::time::Duration;

use futures::{StreamExt as _, stream::FuturesUnordered};
use tokio::time::{Instant, sleep, timeout};

use super::{
    Check, CheckId, Finding, NO_ANSWER_IN_TIME, Outcome,
    report::{CheckResult, Report, State},
};

/// Checks in display order; each stands after those that it requires.
pub struct Catalogue<Context: 'static> {
    pub checks: &'static [&'static Check<Context>],
    /// The checks without which nothing can be known.
    pub gates: &'static [CheckId],
}

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For one check, all its requests together.
    pub check: Duration,
    /// For failures to heal; `None` looks once.
    pub wait: Option<Duration>,
}

/// The pause before the second look; each further pause is twice as long, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What happens during a run, in the order in which it happens.
#[derive(Debug)]
pub enum Event<'a> {
    Started {
        id: CheckId,
        title: &'static str,
    },
    Finished(&'a CheckResult),
    /// A whole look is over, something that can heal has failed, and another look follows.
    Waiting {
        report: &'a Report,
        waited: Duration,
    },
}

/// Consumes the events of a run.
pub trait Observer {
    fn on_event(&mut self, event: Event<'_>);
}

/// Looks at everything, and again until nothing that can heal is failed or the limit has passed.
/// Every look has a context of its own, so that no report mixes facts of two moments.
pub async fn prove<Context>(
    catalogue: &Catalogue<Context>,
    limits: &Limits,
    observer: &mut dyn Observer,
    new_context: impl Fn() -> Context,
) -> Report {
    let start = Instant::now();
    let mut report = look(catalogue, &new_context(), limits.check, observer).await;
    let mut pause = FIRST_PAUSE;
    while let Some(wait) = limits.wait.filter(|_| report.can_heal()) {
        observer.on_event(Event::Waiting {
            report: &report,
            waited: start.elapsed(),
        });
        sleep(pause.min(wait.saturating_sub(start.elapsed()))).await;
        pause = LONGEST_PAUSE.min(pause * 2);
        let context = new_context();
        let next = look(catalogue, &context, limits.check, observer);
        match timeout(wait.saturating_sub(start.elapsed()), next).await {
            Ok(next) => report = next,
            Err(_) => break,
        }
    }
    report
}

/// One look: every check of the catalogue once.
async fn look<Context>(
    catalogue: &Catalogue<Context>,
    context: &Context,
    limit: Duration,
    observer: &mut dyn Observer,
) -> Report {
    let mut results: Vec<Option<CheckResult>> = catalogue.checks.iter().map(|_| None).collect();
    let mut started = vec![false; catalogue.checks.len()];
    let mut running = FuturesUnordered::new();
    loop {
        for (index, check) in catalogue.checks.iter().enumerate() {
            if started[index] {
                continue;
            }
            match readiness(check, &results) {
                Readiness::Later => {}
                Readiness::Ready => {
                    started[index] = true;
                    observer.on_event(Event::Started {
                        id: check.id,
                        title: check.title,
                    });
                    running.push(async move { (index, run_check(check, context, limit).await) });
                }
                Readiness::Blocked(root) => {
                    started[index] = true;
                    let result = CheckResult::skipped(check, root);
                    observer.on_event(Event::Finished(&result));
                    results[index] = Some(result);
                }
            }
        }
        let Some((index, result)) = running.next().await else {
            break;
        };
        observer.on_event(Event::Finished(&result));
        results[index] = Some(result);
    }
    Report {
        results: results.into_iter().flatten().collect(),
        gates: catalogue.gates,
    }
}

/// Whether a check's turn has come.
enum Readiness {
    Ready,
    Later,
    /// It will not be made, because this check failed.
    Blocked(CheckId),
}

/// An unknown or warned prerequisite does not block: the check's own requests will tell.
fn readiness<Context>(check: &Check<Context>, results: &[Option<CheckResult>]) -> Readiness {
    let finished = |id: &CheckId| results.iter().flatten().find(|result| result.id == *id);
    for result in check.requires.iter().filter_map(finished) {
        match result.state {
            State::Failed => return Readiness::Blocked(result.id),
            State::Skipped => return Readiness::Blocked(result.skipped_for.unwrap_or(result.id)),
            State::Ok | State::Warning | State::Unknown => {}
        }
    }
    if check.requires.iter().all(|id| finished(id).is_some()) {
        Readiness::Ready
    } else {
        Readiness::Later
    }
}

async fn run_check<Context>(
    check: &Check<Context>,
    context: &Context,
    limit: Duration,
) -> CheckResult {
    let outcome = timeout(limit, (check.run)(context))
        .await
        .unwrap_or_else(|_| {
            Outcome::of(Finding::failed(
                &NO_ANSWER_IN_TIME,
                format!("no result within {} s", limit.as_secs()),
            ))
        });
    CheckResult::new(check, outcome)
}
