//! What stands under the lines of a pen: one write carries the lines and the rows below them, and no other thread writes
//! to the terminal meanwhile.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    bars::BarArea,
    gauge::{Gauge, TerminalGauge},
    pause::{Order, Pause},
    screen::Screen,
};
use crate::style::{Glyphs, Style};

/// How much may stand under the lines, and how it may look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    pub rows: usize,
    pub columns: usize,
    pub style: Style,
    pub glyphs: Glyphs,
}

/// What becomes of the rows in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastRows {
    Erased,
    /// Their last state stays.
    Kept,
}

#[derive(Debug)]
pub(super) struct Rows {
    screen: Screen,
    style: Style,
    area: BarArea,
    gauge: TerminalGauge,
    pause: Arc<Pause>,
    order: Order,
    begun: Instant,
    composed: Vec<u8>,
}

impl Rows {
    /// None where there is no terminal for them.
    pub(super) fn find(style: Style) -> Option<Self> {
        let screen = Screen::find()?;
        Some(Self {
            style,
            area: BarArea::new(screen.narrowing),
            screen,
            gauge: TerminalGauge::find(),
            pause: Arc::default(),
            order: Order::Draw,
            begun: Instant::now(),
            composed: Vec::new(),
        })
    }

    pub(super) fn room(&self) -> Option<Room> {
        let size = self.screen.size()?;
        Some(Room {
            rows: size.room(),
            columns: size.length(),
            style: self.style,
            glyphs: self.screen.glyphs,
        })
    }

    pub(super) fn set(&mut self, texts: Vec<String>) {
        self.area.set(texts);
    }

    pub(super) const fn set_gauge(&mut self, gauge: Gauge) {
        self.gauge.set(gauge);
    }

    pub(super) fn pause(&self) -> Arc<Pause> {
        Arc::clone(&self.pause)
    }

    pub(super) fn rest(&self) -> Duration {
        self.area.rest(self.begun.elapsed())
    }

    /// Whether something has to be written though there are no lines.
    pub(super) fn is_due(&self) -> bool {
        match (self.pause.order(), self.screen.size()) {
            (Order::Draw, Some(size)) => {
                self.gauge.is_due() || self.area.is_due(self.begun.elapsed(), size)
            }
            (Order::Draw, None) => false,
            (Order::DrawAnew | Order::Rest | Order::RestAnew, _) => true,
        }
    }

    /// The lines, and the rows under them, as they are to be written.
    pub(super) fn around(&mut self, lines: &[u8]) -> &[u8] {
        let size = self.screen.size();
        let out = &mut self.composed;
        out.clear();
        self.order = self.pause.order();
        match (self.order, size) {
            (Order::Draw | Order::Rest, Some(size)) => self.area.erase(size, out),
            _ => self.area.forget(),
        }
        out.extend_from_slice(lines);
        match (self.order, size) {
            (Order::Draw | Order::DrawAnew, Some(size)) => {
                self.area.draw(self.begun.elapsed(), size, out);
                self.gauge.tell(out);
            }
            _ => self.gauge.withdraw(out),
        }
        out
    }

    /// What [`Self::around`] gave has been written.
    pub(super) fn written(&self) {
        self.pause.followed(self.order);
    }

    /// What is to be written in the end.
    pub(super) fn leave(&mut self, last: LastRows) -> &[u8] {
        self.composed.clear();
        let is_in_place = matches!(self.pause.order(), Order::Draw | Order::Rest);
        if let (LastRows::Erased, true, Some(size)) = (last, is_in_place, self.screen.size()) {
            self.area.erase(size, &mut self.composed);
        }
        self.area.forget();
        self.gauge.withdraw(&mut self.composed);
        &self.composed
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        self.pause.close();
    }
}
