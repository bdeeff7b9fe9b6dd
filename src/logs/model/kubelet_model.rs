//! A model of how a kubelet serves the file of one container, after `ReadLogs` of cri-client: records one by one, each
//! kept or left out by its own stamp.

use std::collections::VecDeque;

use crate::logs::stamp::Stamp;

/// One record of a file in the container runtime's format.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) stamp: Stamp,
    pub(crate) text: String,
    /// Tag `F`; else the next record of the file goes on with the line.
    pub(crate) ends_line: bool,
}

/// Where a kubelet reads for a stream.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) since: Option<i64>,
    /// As in `ReadLogs`: shared by all records, also by those that the filter leaves out.
    pub(crate) is_new_line: bool,
    pub(crate) outgoing: VecDeque<u8>,
}

#[derive(Debug, Default)]
pub(crate) struct Kubelet {
    pub(crate) file: Vec<Record>,
    pub(crate) reader: Option<Reader>,
}

impl Reader {
    pub(crate) fn read(&mut self, record: &Record) {
        if self.since.is_none_or(|since| record.stamp.seconds >= since) {
            if self.is_new_line {
                self.outgoing.extend(format!("{} ", record.stamp).bytes());
            }
            self.outgoing.extend(record.text.bytes());
            self.outgoing.extend(record.ends_line.then_some(b'\n'));
        }
        self.is_new_line = record.ends_line;
    }
}

impl Kubelet {
    pub(crate) fn open(&mut self, since: Option<i64>, tail: usize) {
        let mut reader = Reader {
            since,
            is_new_line: true,
            outgoing: VecDeque::new(),
        };
        let skipped = self.file.len().saturating_sub(tail);
        self.file[skipped..]
            .iter()
            .for_each(|record| reader.read(record));
        self.reader = Some(reader);
    }

    /// A follower that keeps up has read everything before a rotation.
    pub(crate) fn write(&mut self, record: Record) {
        if let Some(reader) = &mut self.reader {
            reader.read(&record);
        }
        self.file.push(record);
    }

    pub(crate) fn rotate(&mut self) {
        self.file.clear();
    }

    /// An old notice of a rotation makes the kubelet read the current file again.
    pub(crate) fn serve_again(&mut self) {
        if let Some(reader) = &mut self.reader {
            reader.is_new_line = true;
            self.file.iter().for_each(|record| reader.read(record));
        }
    }

    pub(crate) fn last_line(&self) -> Option<String> {
        let record = self.file.last()?;
        Some(format!("{} {}\n", record.stamp, record.text))
    }
}
