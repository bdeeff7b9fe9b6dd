//! What stands under the lines of a job that is followed on a terminal.

use crate::{
    logs::tally::Tally,
    render::log_note::render_heartbeat,
    style::Role,
    ui::{Gauge, Room},
};

/// What rows are made from.
#[derive(Clone, Copy)]
pub(super) struct Moment<'a> {
    pub(super) tally: &'a Tally,
    /// What the job was said to wait for last.
    pub(super) awaited: Option<&'a str>,
    pub(super) room: Room,
}

/// Gives what stands under the lines. Asked at most ten times a second.
pub(super) trait GiveRows: Send {
    fn rows(&mut self, moment: &Moment<'_>) -> Vec<String>;
    /// What the terminal's own indicator shows beside these rows.
    fn gauge(&self) -> Gauge;
}

/// How the reading goes, in one row.
pub(super) struct ReadingRow;

impl GiveRows for ReadingRow {
    fn rows(&mut self, moment: &Moment<'_>) -> Vec<String> {
        let text = render_heartbeat(moment.tally, moment.awaited);
        vec![moment.room.style.paint(Role::Muted, &text)]
    }

    /// A log is no task that advances.
    fn gauge(&self) -> Gauge {
        Gauge::Nothing
    }
}
