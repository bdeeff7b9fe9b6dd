//! What is said on standard error while clusters are looked at: what was checked, and what is waited for.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::{
    check::{
        engine::{Event, Observer},
        report::Report,
    },
    ui::Ui,
};

/// What is over sooner than this would only flash.
const FLASH: Duration = Duration::from_millis(300);

/// How often a wait without news says that it goes on.
const HEARTBEAT_SECONDS: u64 = 30;

/// The notes on all clusters that are looked at together.
pub(super) struct CheckNotes<'a> {
    ui: RefCell<&'a mut Ui>,
    begin: Instant,
    /// What each cluster is waited for, by its position.
    waits: RefCell<BTreeMap<usize, String>>,
}

impl<'a> CheckNotes<'a> {
    pub(super) fn new(ui: &'a mut Ui) -> Self {
        Self {
            ui: RefCell::new(ui),
            begin: Instant::now(),
            waits: RefCell::default(),
        }
    }

    /// The part of one cluster; `name` tells it from others, and is empty where there are none.
    pub(super) const fn of_cluster<'b>(
        &'b self,
        position: usize,
        name: &'b str,
    ) -> ClusterNotes<'b, 'a> {
        ClusterNotes {
            whole: self,
            position,
            name,
        }
    }

    /// What goes on, beside the checks themselves.
    pub(super) fn say(&self, step: &str) {
        self.ui.borrow_mut().transient(step);
    }

    pub(super) fn warn(&self, problem: &str, hint: &str) {
        let mut ui = self.ui.borrow_mut();
        ui.warning(problem);
        ui.hint(hint);
    }

    fn glance(&self, name: &str, title: &str) {
        if self.begin.elapsed() >= FLASH {
            let text = prefixed(name, &format!("checked {title}"));
            self.ui.borrow_mut().glance(&text);
        }
    }

    /// Says what is waited for now; `None` when this cluster is not waited for any more.
    fn wait(&self, position: usize, wait: Option<String>) {
        let mut waits = self.waits.borrow_mut();
        match wait {
            Some(wait) => drop(waits.insert(position, wait)),
            None => drop(waits.remove(&position)),
        }
        if !waits.is_empty() {
            let all: Vec<_> = waits.values().map(String::as_str).collect();
            self.ui.borrow_mut().transient(&all.join("; "));
        }
    }
}

fn prefixed(name: &str, text: &str) -> String {
    match name {
        "" => text.to_owned(),
        name => format!("{name}: {text}"),
    }
}

/// Listens to one cluster's run; with its end, nothing is waited for there.
pub(super) struct ClusterNotes<'b, 'a> {
    whole: &'b CheckNotes<'a>,
    position: usize,
    name: &'b str,
}

impl ClusterNotes<'_, '_> {
    pub(super) const fn name(&self) -> &str {
        self.name
    }
}

impl Observer for ClusterNotes<'_, '_> {
    fn on_event(&mut self, event: Event<'_>) {
        match event {
            Event::Started { .. } => {}
            Event::Finished(result) => self.whole.glance(self.name, result.title),
            Event::Waiting { report, waited } => {
                let line = prefixed(self.name, &waiting_line(report, waited));
                self.whole.wait(self.position, Some(line));
            }
        }
    }
}

impl Drop for ClusterNotes<'_, '_> {
    fn drop(&mut self) {
        self.whole.wait(self.position, None);
    }
}

fn waiting_line(report: &Report, waited: Duration) -> String {
    let failures = report.results.iter();
    let failures = failures.filter(|result| report.is_failure(result));
    let failed = failures.map(|result| {
        let reason = result
            .findings
            .first()
            .map_or("", |finding| finding.reason.code);
        format!("{} ({reason})", result.id)
    });
    let seconds = waited.as_secs() / HEARTBEAT_SECONDS * HEARTBEAT_SECONDS;
    let since = if seconds == 0 {
        String::new()
    } else {
        format!(" for {seconds} s")
    };
    format!(
        "waiting{since} for {}",
        failed.collect::<Vec<_>>().join(", ")
    )
}
