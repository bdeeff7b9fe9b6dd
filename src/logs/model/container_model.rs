//! A model of one container's life, of a network that breaks at any byte, and of a follower made of the splitter and the
//! aligner; with what came out of it.

use std::collections::{HashMap, HashSet};

use crate::logs::{
    alignment::{Aligner, Delivery, End, Flow, ResumePoint, Settled, Start},
    line::{LineSplitter, Piece},
    model::kubelet_model::{Kubelet, Record},
    stamp::Stamp,
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Printed {
    Line(String),
    Gap(Stamp, Option<Stamp>),
}

/// One container's life.
pub(super) struct World {
    pub(super) longest_piece: usize,
    /// How many of the last lines were wanted.
    pub(super) tail: usize,
    /// The first line that was wanted.
    pub(super) wanted: usize,
    pub(super) kubelet: Kubelet,
    pub(super) aligner: Aligner,
    pub(super) splitter: LineSplitter,
    pub(super) clock: i128,
    pub(super) latest: i128,
    /// All lines, with their stamps; lines of equal text are told apart by their place.
    pub(super) written: Vec<(Stamp, String)>,
    /// Of the file's lines, the places in `written`.
    pub(super) in_file: Vec<usize>,
    /// Rotated away while a stream still had them under way.
    pub(super) under_way: HashSet<usize>,
    /// Rotated away before they were printed, and no stream had them any more.
    pub(super) unreachable: HashSet<usize>,
    /// Ends of lines that a rotation cut: the text, and whose end it is.
    pub(super) cut_ends: HashMap<String, usize>,
    /// With which line a file began. A stream that broke exactly there cannot tell a rotation from a hole.
    pub(super) boundaries: HashSet<usize>,
    pub(super) printer: Printer,
    /// How many of the written lines come up to the last that was printed.
    pub(super) printed_lines: usize,
    /// How much of what was printed is in `printed_lines`.
    pub(super) counted: usize,
}

pub(super) const EPOCH: i128 = 1_795_262_100_000_000_000;

pub(super) fn stamp_at(clock: i128) -> Stamp {
    Stamp {
        seconds: i64::try_from(clock.div_euclid(1_000_000_000)).unwrap(),
        nanoseconds: u32::try_from(clock.rem_euclid(1_000_000_000)).unwrap(),
    }
}

impl World {
    pub(super) fn new(longest_piece: usize, tail: usize) -> Self {
        Self {
            longest_piece,
            tail,
            wanted: 0,
            kubelet: Kubelet::default(),
            aligner: Aligner::new(if tail == usize::MAX {
                Start::Whole
            } else {
                Start::Part
            }),
            splitter: LineSplitter::new(longest_piece),
            clock: EPOCH,
            latest: EPOCH,
            written: Vec::new(),
            in_file: Vec::new(),
            under_way: HashSet::new(),
            unreachable: HashSet::new(),
            cut_ends: HashMap::new(),
            boundaries: HashSet::new(),
            printer: Printer::default(),
            printed_lines: 0,
            counted: 0,
        }
    }

    pub(super) fn write(&mut self, text: &str, records: usize, rotation: Option<usize>) {
        let place = self.written.len();
        self.written.push((stamp_at(self.clock), text.to_owned()));
        self.in_file.push(place);
        let size = text.len().div_ceil(records).max(1);
        let parts: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
        for (number, part) in parts.iter().enumerate() {
            if rotation == Some(number) && number > 0 {
                self.rotate();
                self.in_file.push(place);
                let rest = String::from_utf8(parts[number..].concat()).unwrap();
                self.cut_ends.insert(rest, place);
            }
            let text = String::from_utf8(part.to_vec()).unwrap();
            let ends_line = number + 1 == parts.len();
            self.kubelet.write(Record {
                stamp: stamp_at(self.clock),
                text,
                ends_line,
            });
            self.clock += i128::from(number + 1 < parts.len());
        }
        if parts.is_empty() {
            let record = Record {
                stamp: stamp_at(self.clock),
                text: String::new(),
                ends_line: true,
            };
            self.kubelet.write(record);
        }
        self.latest = self.latest.max(self.clock);
    }

    pub(super) fn rotate(&mut self) {
        self.kubelet.rotate();
        let unprinted: Vec<_> = self
            .in_file
            .drain(..)
            .filter(|place| *place >= self.printed_lines)
            .collect();
        self.boundaries.insert(self.written.len());
        self.under_way.extend(unprinted);
        if self.kubelet.reader.is_none() {
            self.lose_what_was_under_way();
        }
    }

    pub(super) fn lose_what_was_under_way(&mut self) {
        let printed = self.printed_lines;
        let lost = self.under_way.drain().filter(|place| *place >= printed);
        self.unreachable.extend(lost);
    }

    pub(super) fn close(&mut self) {
        self.kubelet.reader = None;
        self.splitter.reset();
        self.lose_what_was_under_way();
    }

    pub(super) fn open(&mut self) {
        self.close();
        match self.aligner.resume() {
            ResumePoint::Start => {
                self.wanted = self.written.len().saturating_sub(self.tail);
                self.kubelet.open(None, self.tail);
            }
            ResumePoint::Beginning => self.kubelet.open(None, usize::MAX),
            ResumePoint::Since(second) => self.kubelet.open(Some(second), usize::MAX),
        }
    }

    /// Hands bytes to the follower, which opens streams anew when it wants them.
    pub(super) fn receive(&mut self, count: usize) {
        let Some(reader) = &mut self.kubelet.reader else {
            return self.open();
        };
        let count = count.min(reader.outgoing.len());
        let bytes: Vec<u8> = reader.outgoing.drain(..count).collect();
        match self.take(&bytes) {
            Flow::Continue => {}
            Flow::Reopen => self.open(),
            Flow::Lost => {
                self.aligner.give_up_place();
                self.open();
            }
        }
    }

    pub(super) fn take(&mut self, bytes: &[u8]) -> Flow {
        let Self {
            aligner,
            splitter,
            printer,
            ..
        } = self;
        let answer = splitter.push(bytes, |piece| {
            match aligner.accept(&piece, &mut |one| printer.print(one)) {
                Flow::Continue => Ok(()),
                other => Err(other),
            }
        });
        self.count_printed();
        answer.err().unwrap_or(Flow::Continue)
    }

    /// Lines are printed in order, so the last printed one tells how far the follower is.
    pub(super) fn count_printed(&mut self) {
        for one in &self.printer.printed[self.counted..] {
            if let Some(place) = one
                .line()
                .and_then(|text| self.place_of(text, self.printed_lines))
            {
                self.printed_lines = place + 1;
            }
        }
        self.counted = self.printer.printed.len();
    }

    pub(super) fn place_of(&self, text: &str, from: usize) -> Option<usize> {
        let distance = self.written[from..]
            .iter()
            .position(|(_, written)| written == text);
        let cut = self
            .cut_ends
            .get(text)
            .copied()
            .filter(|place| *place >= from);
        distance.map(|distance| from + distance).or(cut)
    }

    pub(super) fn receive_all(&mut self) {
        while self
            .kubelet
            .reader
            .as_ref()
            .is_some_and(|reader| !reader.outgoing.is_empty())
        {
            self.receive(usize::MAX);
        }
    }

    /// The stream is quiet for long: whatever waits to be decided is.
    pub(super) fn settle(&mut self) {
        if self.kubelet.reader.is_none() {
            return;
        }
        self.receive_all();
        let Self {
            aligner, printer, ..
        } = self;
        let settled = aligner.settle(&mut |one| printer.print(one));
        self.count_printed();
        if settled == Settled::Undecided {
            self.probe();
        }
    }

    /// Compares with the last line of the file, as the watchdog does, and looks again if there is more.
    pub(super) fn probe(&mut self) {
        self.receive_all();
        let Some(line) = self.kubelet.last_line() else {
            return;
        };
        let mut end = End::Reached;
        let mut splitter = LineSplitter::default();
        let aligner = &mut self.aligner;
        let _: Result<(), ()> = splitter.push(line.as_bytes(), |piece| {
            end = aligner.check_end(&piece);
            Ok(())
        });
        if end == End::Ahead {
            self.open();
            self.receive_all();
            let Self {
                aligner, printer, ..
            } = self;
            let settled = aligner.settle(&mut |one| printer.print(one));
            self.count_printed();
            if settled == Settled::Undecided {
                // The last record was the end of a longer line, which never comes alone.
                self.aligner.give_up_place();
                self.open();
                self.receive_all();
            }
        }
    }

    /// The container ends: drained until nothing more comes.
    pub(super) fn end(&mut self) {
        self.open();
        self.settle();
        self.probe();
        if self
            .unreachable
            .iter()
            .any(|place| *place >= self.printed_lines)
        {
            // Rotated at the very end: nothing is behind the hole.
            let Self {
                aligner, printer, ..
            } = self;
            aligner.mark_end(&mut |one| printer.print(one));
        }
    }
}

impl Printed {
    pub(super) fn line(&self) -> Option<&str> {
        match self {
            Self::Line(text) => Some(text),
            Self::Gap(..) => None,
        }
    }
}

#[derive(Default)]
pub(super) struct Printer {
    pub(super) printed: Vec<Printed>,
    /// A line that comes in chunks.
    pub(super) unfinished: String,
}

impl Printer {
    pub(super) fn print(&mut self, delivery: Delivery<'_>) {
        match delivery {
            Delivery::Piece(piece) => self.print_piece(&piece),
            Delivery::Gap(gap) => {
                self.unfinished.clear();
                self.printed.push(Printed::Gap(gap.after, gap.before));
            }
            Delivery::Message(text) => panic!("nobody spoke: {}", String::from_utf8_lossy(text)),
        }
    }

    pub(super) fn print_piece(&mut self, piece: &Piece<'_>) {
        assert_eq!(piece.part.begins_line(), self.unfinished.is_empty());
        self.unfinished
            .push_str(std::str::from_utf8(piece.text()).unwrap());
        if piece.part.ends_line() {
            self.printed
                .push(Printed::Line(std::mem::take(&mut self.unfinished)));
        } else if self.unfinished.is_empty() {
            panic!("a chunk without text");
        }
    }
}
