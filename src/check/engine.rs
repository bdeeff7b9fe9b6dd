//! Runs the selected checks of a catalogue: independent checks at the same time, each as soon as what it requires has not failed,
//! and all of them again, with backoff, while waiting can still help. Says what happens as events; never prints.

use std::time::Duration;

use futures::{StreamExt as _, stream::FuturesUnordered};
use tokio::time::{Instant, sleep, timeout};

use super::{
    Check, CheckId, Finding, NO_ANSWER_IN_TIME, Outcome, Question, Stage,
    report::{CheckResult, Report, State},
    selection::{Entry, Selection},
};

/// Checks in display order; each stands after those that it requires.
pub struct Catalogue<Context: 'static> {
    pub question: Question,
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
    selection: &Selection<Context>,
    limits: &Limits,
    observer: &mut dyn Observer,
    new_context: impl Fn() -> Context,
) -> Report {
    let start = Instant::now();
    let turn = || Turn {
        stage: Stage::Looking,
        limit: limits.check,
        known: &[],
    };
    let mut report = look(selection, &new_context(), turn(), observer).await;
    let mut pause = FIRST_PAUSE;
    let still_waits = |report: &Report| {
        let wait = limits.wait.filter(|wait| start.elapsed() < *wait);
        wait.filter(|_| report.can_heal())
    };
    while let Some(wait) = still_waits(&report) {
        observer.on_event(Event::Waiting {
            report: &report,
            waited: start.elapsed(),
        });
        sleep(pause.min(wait.saturating_sub(start.elapsed()))).await;
        pause = LONGEST_PAUSE.min(pause * 2);
        let context = new_context();
        let next = look(selection, &context, turn(), observer);
        match timeout(wait.saturating_sub(start.elapsed()), next).await {
            Ok(next) => report = next,
            Err(_) => break,
        }
    }
    report
}

/// Tries, once, what the selection has to be tried, where what it builds on has not failed in `known`; the report is on
/// both. `limit` is for checks that do not end by themselves, as they should.
pub async fn try_out<Context>(
    selection: &Selection<Context>,
    known: Report,
    limit: Duration,
    observer: &mut dyn Observer,
    context: &Context,
) -> Report {
    let turn = Turn {
        stage: Stage::Trying,
        limit,
        known: &known.results,
    };
    look(selection, context, turn, observer).await
}

/// Which checks a look makes.
struct Turn<'a> {
    stage: Stage,
    /// For one check.
    limit: Duration,
    /// What the checks of an earlier stage found.
    known: &'a [CheckResult],
}

/// One look: every selected check of the stage once.
async fn look<Context>(
    selection: &Selection<Context>,
    context: &Context,
    turn: Turn<'_>,
    observer: &mut dyn Observer,
) -> Report {
    let entries = &selection.entries;
    let limit = turn.limit;
    let known = |entry: &Entry<Context>| {
        let mut known = turn.known.iter();
        known.find(|result| result.id == entry.check.id).cloned()
    };
    let mut results: Vec<Option<CheckResult>> = entries.iter().map(known).collect();
    let is_of_another = |entry: &Entry<Context>| entry.check.category.stage() != turn.stage;
    let mut started: Vec<bool> = entries.iter().map(is_of_another).collect();
    let mut running = FuturesUnordered::new();
    loop {
        for (index, entry) in entries.iter().enumerate() {
            if started[index] {
                continue;
            }
            let check = entry.check;
            match readiness(entry, &results) {
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
        question: selection.question,
        results: results.into_iter().flatten().collect(),
        gates: selection.gates,
        left_out: selection.left_out.clone(),
        strictness: selection.strictness,
    }
}

/// Whether a check's turn has come.
enum Readiness {
    Ready,
    Later,
    /// It will not be made, because this check failed.
    Blocked(CheckId),
}

/// A prerequisite that is unknown, warned of or was not made on purpose does not block: the check's own requests will
/// tell.
fn readiness<Context>(entry: &Entry<Context>, results: &[Option<CheckResult>]) -> Readiness {
    let finished = |id: &CheckId| results.iter().flatten().find(|result| result.id == *id);
    for result in entry.requires.iter().filter_map(finished) {
        match result.state {
            State::Failed => return Readiness::Blocked(result.id),
            State::Skipped => {
                if let Some(root) = result.skipped_for {
                    return Readiness::Blocked(root);
                }
            }
            State::Ok | State::Warning | State::Unknown => {}
        }
    }
    if entry.requires.iter().all(|id| finished(id).is_some()) {
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

#[cfg(test)]
mod tests {
    use std::{cell::Cell, rc::Rc};

    use super::*;
    use crate::check::{
        Category, Level, PREREQUISITE_FAILED, Reason, Retry, Severity,
        report::Verdict,
        selection::{Trials, Wishes},
    };

    const BROKEN: Reason = Reason {
        code: "Broken",
        meaning: "",
        mend: "",
    };

    /// What the checks of these tests look at: how often they were asked, and from when on they pass.
    #[derive(Clone, Default)]
    struct Scene {
        looks: Rc<Cell<u32>>,
        heals_at: u32,
    }

    const fn check(id: &'static str, requires: &'static [CheckId]) -> Check<Scene> {
        Check {
            id: CheckId(id),
            category: Category::Cluster,
            title: id,
            hint: "",
            page: "",
            reasons: &[],
            severity: Severity::Error,
            requires,
            retry: Retry::UntilDeadline,
            run: |_| Box::pin(async { Outcome::passed("seen") }),
        }
    }

    const PASSES: Check<Scene> = check("PASSES", &[]);
    const FAILS: Check<Scene> = Check {
        run: |_| Box::pin(async { Outcome::of(Finding::failed(&BROKEN, "broken")) }),
        ..check("FAILS", &[])
    };
    const NEVER_HEALS: Check<Scene> = Check {
        retry: Retry::Never,
        ..FAILS
    };
    const WARNS: Check<Scene> = Check {
        run: |_| Box::pin(async { Outcome::of(Finding::warning(&BROKEN, "odd")) }),
        ..check("WARNS", &[])
    };
    const NEEDS_FAILS: Check<Scene> = check("NEEDS-FAILS", &[CheckId("FAILS")]);
    const NEEDS_THAT: Check<Scene> = check("NEEDS-THAT", &[CheckId("NEEDS-FAILS")]);
    const NEEDS_WARNS: Check<Scene> = check("NEEDS-WARNS", &[CheckId("WARNS")]);
    const HANGS: Check<Scene> = Check {
        run: |_| Box::pin(std::future::pending()),
        ..check("HANGS", &[])
    };
    const SLOW: Check<Scene> = Check {
        run: |_| {
            Box::pin(async {
                sleep(Duration::from_secs(2)).await;
                Outcome::passed("late")
            })
        },
        ..check("SLOW", &[])
    };
    const HEALS: Check<Scene> = Check {
        run: |scene| {
            Box::pin(async move {
                scene.looks.set(scene.looks.get() + 1);
                if scene.looks.get() < scene.heals_at {
                    Outcome::of(Finding::failed(&BROKEN, "not yet"))
                } else {
                    Outcome::passed("healed")
                }
            })
        },
        ..check("HEALS", &[])
    };

    /// Writes down what happens.
    #[derive(Default)]
    struct Diary(Vec<String>);

    impl Observer for Diary {
        fn on_event(&mut self, event: Event<'_>) {
            self.0.push(match event {
                Event::Started { id, .. } => format!("start {id}"),
                Event::Finished(result) => format!("{} {}", result.state.word(), result.id),
                Event::Waiting { .. } => "wait".to_owned(),
            });
        }
    }

    async fn run(
        checks: &'static [&'static Check<Scene>],
        wait: Option<u64>,
        scene: Scene,
    ) -> (Report, Vec<String>) {
        let catalogue = Catalogue {
            question: Question::Healthy,
            checks,
            gates: &[CheckId("GATE")],
        };
        let limits = Limits {
            check: Duration::from_secs(10),
            wait: wait.map(Duration::from_secs),
        };
        let mut diary = Diary::default();
        let selection = catalogue.select(&Wishes::default()).unwrap();
        let report = prove(&selection, &limits, &mut diary, || scene.clone()).await;
        (report, diary.0)
    }

    fn states(report: &Report) -> Vec<(&'static str, State)> {
        let results = report.results.iter();
        results.map(|result| (result.id.0, result.state)).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn what_needs_a_failed_check_is_skipped_and_names_the_root() {
        let (report, diary) = run(
            &[&FAILS, &NEEDS_FAILS, &NEEDS_THAT, &PASSES],
            None,
            Scene::default(),
        )
        .await;
        let expected = [
            ("FAILS", State::Failed),
            ("NEEDS-FAILS", State::Skipped),
            ("NEEDS-THAT", State::Skipped),
            ("PASSES", State::Ok),
        ];
        assert_eq!(states(&report), expected);
        for result in &report.results[1..3] {
            assert_eq!(result.skipped_for, Some(CheckId("FAILS")));
            assert_eq!(result.findings[0].reason, &PREREQUISITE_FAILED);
        }
        assert!(!diary.contains(&"start NEEDS-FAILS".to_owned()));
        assert_eq!(report.verdict(), Verdict::Unhealthy);
    }

    #[tokio::test(start_paused = true)]
    async fn a_warning_blocks_nothing() {
        let (report, _) = run(&[&WARNS, &NEEDS_WARNS], None, Scene::default()).await;
        assert_eq!(
            states(&report),
            [("WARNS", State::Warning), ("NEEDS-WARNS", State::Ok)]
        );
        assert_eq!(report.verdict(), Verdict::Warnings);
    }

    #[tokio::test(start_paused = true)]
    async fn independent_checks_run_at_the_same_time_and_are_reported_in_order() {
        const ALSO_SLOW: Check<Scene> = Check {
            id: CheckId("ALSO-SLOW"),
            ..SLOW
        };
        let start = Instant::now();
        let (report, diary) = run(&[&SLOW, &ALSO_SLOW, &PASSES], None, Scene::default()).await;
        assert_eq!(start.elapsed(), Duration::from_secs(2));
        let ids: Vec<_> = report.results.iter().map(|result| result.id.0).collect();
        assert_eq!(ids, ["SLOW", "ALSO-SLOW", "PASSES"]);
        assert_eq!(
            diary[..4],
            ["start SLOW", "start ALSO-SLOW", "start PASSES", "ok PASSES"]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_check_that_hangs_fails_at_its_limit() {
        let start = Instant::now();
        let (report, _) = run(&[&HANGS], None, Scene::default()).await;
        assert_eq!(start.elapsed(), Duration::from_secs(10));
        assert_eq!(report.results[0].findings[0].reason, &NO_ANSWER_IN_TIME);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_wait_everything_is_looked_at_once() {
        let scene = Scene {
            heals_at: 2,
            ..Scene::default()
        };
        let (report, _) = run(&[&HEALS], None, scene.clone()).await;
        assert_eq!(
            (states(&report)[0].1, scene.looks.get()),
            (State::Failed, 1)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_ends_as_soon_as_everything_has_healed() {
        let scene = Scene {
            heals_at: 3,
            ..Scene::default()
        };
        let start = Instant::now();
        let (report, diary) = run(&[&HEALS], Some(60), scene.clone()).await;
        assert_eq!((report.verdict(), scene.looks.get()), (Verdict::Healthy, 3));
        assert_eq!(start.elapsed(), Duration::from_millis(1500));
        assert_eq!(diary.iter().filter(|line| *line == "wait").count(), 2);
    }

    /// After a look, what is to be tried, of which the checks here have 100 s.
    async fn run_and_try(
        checks: &'static [&'static Check<Scene>],
        scene: Scene,
    ) -> (Report, Vec<String>) {
        let catalogue = Catalogue {
            question: Question::Healthy,
            checks,
            gates: &[],
        };
        let wishes = Wishes {
            trials: Trials::On,
            ..Wishes::default()
        };
        let selection = catalogue.select(&wishes).unwrap();
        let limits = Limits {
            check: Duration::from_secs(10),
            wait: Some(Duration::from_secs(5)),
        };
        let mut diary = Diary::default();
        let looked = prove(&selection, &limits, &mut diary, || scene.clone()).await;
        let limit = Duration::from_secs(100);
        let report = try_out(&selection, looked, limit, &mut diary, &scene).await;
        (report, diary.0)
    }

    const TRIES: Check<Scene> = Check {
        category: Category::Deep,
        retry: Retry::Never,
        run: |scene| {
            Box::pin(async move {
                sleep(Duration::from_secs(50)).await;
                Outcome::passed(format!("after {} looks", scene.looks.get()))
            })
        },
        ..check("TRIES", &[CheckId("HEALS")])
    };

    #[tokio::test(start_paused = true)]
    async fn what_tries_is_tried_once_when_nothing_is_waited_for_any_more() {
        let scene = Scene {
            heals_at: 3,
            ..Scene::default()
        };
        let (report, diary) = run_and_try(&[&HEALS, &TRIES], scene).await;
        assert_eq!(
            states(&report),
            [("HEALS", State::Ok), ("TRIES", State::Ok)]
        );
        assert_eq!(report.results[1].facts, ["after 3 looks"]);
        assert_eq!(
            diary[diary.len() - 3..],
            ["ok HEALS", "start TRIES", "ok TRIES"]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_needs_something_that_stays_failed_is_not_tried() {
        let scene = Scene {
            heals_at: u32::MAX,
            ..Scene::default()
        };
        let (report, diary) = run_and_try(&[&HEALS, &TRIES], scene).await;
        assert_eq!(states(&report)[1], ("TRIES", State::Skipped));
        assert!(!diary.contains(&"start TRIES".to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_ends_with_its_limit_and_the_last_report() {
        let start = Instant::now();
        let scene = Scene {
            heals_at: u32::MAX,
            ..Scene::default()
        };
        let (report, _) = run(&[&HEALS], Some(7), scene).await;
        assert_eq!(
            (report.verdict(), start.elapsed()),
            (Verdict::Unhealthy, Duration::from_secs(7))
        );
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_what_cannot_heal() {
        let start = Instant::now();
        let (report, _) = run(&[&NEVER_HEALS], Some(60), Scene::default()).await;
        assert_eq!(
            (report.verdict(), start.elapsed()),
            (Verdict::Unhealthy, Duration::ZERO)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_a_finding_that_lasts() {
        const LASTS: Check<Scene> = Check {
            run: |_| Box::pin(async { Outcome::of(Finding::failed(&BROKEN, "too old").lasting()) }),
            ..FAILS
        };
        let start = Instant::now();
        run(&[&LASTS], Some(60), Scene::default()).await;
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_check_on_which_no_training_hangs_never_fails() {
        const HANGS_AND_WARNS: Check<Scene> = Check {
            severity: Severity::Warning,
            ..HANGS
        };
        const FAILS_AND_WARNS: Check<Scene> = Check {
            severity: Severity::Warning,
            ..FAILS
        };
        let checks: &'static [_] = &[&HANGS_AND_WARNS, &FAILS_AND_WARNS];
        let (report, _) = run(checks, None, Scene::default()).await;
        assert_eq!(report.verdict(), Verdict::Warnings);
        for result in &report.results {
            let levels: Vec<_> = result.findings.iter().map(|it| it.level).collect();
            assert_eq!(
                (result.state, levels),
                (State::Warning, vec![Level::Warning])
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_gate_means_that_nothing_is_known() {
        const GATE: Check<Scene> = Check {
            id: CheckId("GATE"),
            ..FAILS
        };
        let (report, _) = run(&[&GATE, &PASSES], None, Scene::default()).await;
        assert_eq!(report.verdict(), Verdict::Unreachable);
    }
}
