//! Whole lines of a log in the format of container runtimes, made once into the two forms in which they are served.

use std::ops::Range;

use hyper::body::Bytes;

use super::request::STAMP_LENGTH;

/// Lines that were found in the log at one look, in their order.
#[derive(Debug, Default)]
pub(super) struct Segment {
    records: Vec<Record>,
    /// Every text with its stamp before it, where a line begins.
    stamped: Bytes,
    /// The texts alone.
    plain: Bytes,
}

/// One line of the file: `2026-01-31T12:00:00.000000000Z stdout F text`.
#[derive(Debug)]
struct Record {
    stamp: [u8; STAMP_LENGTH],
    /// Where it begins in the two forms.
    stamped_at: usize,
    plain_at: usize,
    begins: Begins,
}

/// Whether a record begins a line of the container, or goes on with one that was too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begins {
    Line,
    Middle,
}

/// In which form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Form {
    Stamped,
    #[default]
    Plain,
}

/// Which records, in which form.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    /// The first stamp that is wanted; all without it.
    pub(super) since: Option<&'a str>,
    pub(super) form: Form,
}

impl Segment {
    /// Reads whole lines; `begins` is how the first one begins. What is no record is passed over, as a kubelet does.
    /// Returns how the next segment begins.
    pub(super) fn parse(text: &[u8], mut begins: Begins) -> (Segment, Begins) {
        let (mut records, mut stamped, mut plain) = (Vec::new(), Vec::new(), Vec::new());
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            let Some((stamp, ends, content)) = parts(line) else {
                continue;
            };
            records.push(Record {
                stamp,
                stamped_at: stamped.len(),
                plain_at: plain.len(),
                begins,
            });
            if begins == Begins::Line {
                stamped.extend_from_slice(&stamp);
                stamped.push(b' ');
            }
            stamped.extend_from_slice(content);
            plain.extend_from_slice(content);
            begins = ends;
        }
        let segment = Segment {
            records,
            stamped: stamped.into(),
            plain: plain.into(),
        };
        (segment, begins)
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// The bytes of all records from `first` on that are wanted, in as few pieces as possible.
    pub(super) fn pieces(&self, first: usize, wanted: Wanted<'_>) -> Vec<Bytes> {
        let mut index = first.min(self.len());
        if wanted.since.is_none() && index < self.len() {
            // Looking at each would keep all other logs waiting meanwhile.
            return vec![self.slice(index..self.len(), wanted.form)];
        }
        let mut pieces = Vec::new();
        while index < self.len() {
            let rest = &self.records[index..];
            let start = index + rest.iter().take_while(|record| !wanted.has(record)).count();
            let rest = &self.records[start..];
            let end = start + rest.iter().take_while(|record| wanted.has(record)).count();
            if start < end {
                pieces.push(self.slice(start..end, wanted.form));
            }
            index = end;
        }
        pieces
    }

    /// The stamp that a kubelet writes before the first record that it reads, also when that one goes on with a line.
    pub(super) fn opening(&self, first: usize, wanted: Wanted<'_>) -> Option<Bytes> {
        let record = self.records.get(first)?;
        let lacks = record.begins == Begins::Middle && wanted.form == Form::Stamped;
        let stamp = [&record.stamp[..], b" "].concat();
        (lacks && wanted.has(record)).then(|| Bytes::from(stamp))
    }

    fn slice(&self, records: Range<usize>, form: Form) -> Bytes {
        let whole = match form {
            Form::Stamped => &self.stamped,
            Form::Plain => &self.plain,
        };
        let at = |index: usize| match self.records.get(index) {
            Some(record) if form == Form::Stamped => record.stamped_at,
            Some(record) => record.plain_at,
            None => whole.len(),
        };
        whole.slice(at(records.start)..at(records.end))
    }
}

impl Wanted<'_> {
    fn has(self, record: &Record) -> bool {
        let since = self.since.map(str::as_bytes);
        since.is_none_or(|since| &record.stamp[..] >= since)
    }
}

/// The stamp, how the next record begins, and the text with its newline where it ends a line.
fn parts(line: &[u8]) -> Option<([u8; STAMP_LENGTH], Begins, &[u8])> {
    let (stamp, rest) = line.split_at_checked(STAMP_LENGTH)?;
    let stamp: [u8; STAMP_LENGTH] = stamp.try_into().ok()?;
    let rest = rest.strip_prefix(b" ")?;
    let rest = rest
        .strip_prefix(b"stdout ")
        .or_else(|| rest.strip_prefix(b"stderr "))?;
    if let Some(text) = rest.strip_prefix(b"P ") {
        return Some((stamp, Begins::Middle, text.strip_suffix(b"\n")?));
    }
    let text = rest.strip_prefix(b"F ")?;
    stamp.ends_with(b"Z").then_some((stamp, Begins::Line, text))
}

#[cfg(test)]
mod tests {
    use super::{Begins, Form, Segment, Wanted};

    const LOG: &[u8] = b"2026-01-31T12:00:00.000000001Z stdout F one\n\
        2026-01-31T12:00:03.000000000Z stderr P two, \n\
        no record\n\
        2026-01-31T12:00:02.000000000Z stderr F and its end\n\
        2026-01-31T12:00:03.000000001Z stdout F \n";

    fn text(pieces: &[hyper::body::Bytes]) -> String {
        String::from_utf8(pieces.concat()).unwrap()
    }

    fn wanted(since: Option<&str>, form: Form) -> Wanted<'_> {
        Wanted { since, form }
    }

    #[test]
    fn a_line_of_several_records_has_the_first_stamp_and_is_one_line() {
        let (segment, next) = Segment::parse(LOG, Begins::Line);
        assert_eq!(next, Begins::Line);
        let stamped = segment.pieces(0, wanted(None, Form::Stamped));
        assert_eq!(
            text(&stamped),
            "2026-01-31T12:00:00.000000001Z one\n2026-01-31T12:00:03.000000000Z two, and its end\n\
             2026-01-31T12:00:03.000000001Z \n"
        );
        let plain = segment.pieces(1, wanted(None, Form::Plain));
        assert_eq!(text(&plain), "two, and its end\n\n");
    }

    #[test]
    fn since_is_inclusive_and_looks_at_every_record_alone() {
        let (segment, _) = Segment::parse(LOG, Begins::Line);
        let since = wanted(Some("2026-01-31T12:00:03.000000000Z"), Form::Plain);
        let pieces = segment.pieces(0, since);
        assert_eq!((text(&pieces), pieces.len()), ("two, \n".to_owned(), 2));
    }

    #[test]
    fn what_begins_within_a_line_is_opened_by_a_stamp() {
        let (segment, _) = Segment::parse(LOG, Begins::Line);
        let stamped = wanted(None, Form::Stamped);
        let opening = segment.opening(2, stamped).unwrap();
        assert_eq!(opening, &b"2026-01-31T12:00:02.000000000Z "[..]);
        assert_eq!(segment.opening(1, stamped), None);
        assert_eq!(segment.opening(2, wanted(None, Form::Plain)), None);
    }
}
