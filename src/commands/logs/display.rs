//! What is shown, on its way to the sheet: brought into order first, long lines in one piece.

use std::time::Duration;

use super::{sheet::Sheet, showing::Trouble};
use crate::logs::{
    order::{Merge, WholeLines},
    record::Entry,
    spool::SpoolError,
    tally::Tally,
};

pub(super) struct Display {
    merge: Option<Merge>,
    whole_lines: WholeLines,
    pub(super) sheet: Sheet,
}

impl Display {
    pub(super) fn new(sheet: Sheet, merge: Option<Merge>) -> Self {
        Self {
            merge,
            whole_lines: WholeLines::default(),
            sheet,
        }
    }

    #[inline]
    pub(super) fn push(&mut self, now: Duration, entry: &Entry<'_>) -> Result<(), Trouble> {
        self.hand_on(now, |merge, show| match merge {
            None => show(entry),
            Some(merge) => merge.push(now, entry, &mut |entry| show(entry)),
        })?;
        Ok(self.sheet.outcome()?)
    }

    /// Shows what was kept back for long enough.
    pub(super) fn settle(&mut self, now: Duration, tally: &Tally) -> Result<(), Trouble> {
        self.hand_on(now, |merge, show| match merge {
            None => Ok(()),
            Some(merge) => merge.pass_time(now, &mut |entry| show(entry)),
        })?;
        let sheet = &mut self.sheet;
        self.whole_lines
            .pass_time(now, &mut |entry| sheet.show(now, entry))?;
        Ok(sheet.settle(now, tally)?)
    }

    /// Shows all that was kept back.
    pub(super) fn finish(&mut self, now: Duration, tally: &Tally) -> Result<(), Trouble> {
        self.hand_on(now, |merge, show| match merge {
            None => Ok(()),
            Some(merge) => merge.finish(&mut |entry| show(entry)),
        })?;
        let sheet = &mut self.sheet;
        self.whole_lines
            .finish(&mut |entry| sheet.show(now, entry))?;
        Ok(sheet.finish(now, tally)?)
    }

    /// What comes out of the merge goes on to the sheet.
    #[inline]
    fn hand_on(
        &mut self,
        now: Duration,
        act: impl FnOnce(
            Option<&mut Merge>,
            &mut dyn FnMut(&Entry<'_>) -> Result<(), SpoolError>,
        ) -> Result<(), SpoolError>,
    ) -> Result<(), SpoolError> {
        let Self {
            merge,
            whole_lines,
            sheet,
        } = self;
        act(merge.as_mut(), &mut |entry| {
            whole_lines.push(now, entry, &mut |entry| sheet.show(now, entry))
        })
    }
}
