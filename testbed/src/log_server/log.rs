//! The log that all fake containers share: the file is read once, by whoever looks first, and followed by one poll.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::mem::take;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::segment::{Begins, Segment};

/// How often the file is looked at while somebody follows it. One look serves all followers, however many they are.
const PERIOD: Duration = Duration::from_millis(10);

/// The file's records so far. A file that was replaced, or cut off, begins a new generation.
#[derive(Clone, Debug, Default)]
pub(super) struct Written {
    pub(super) generation: u64,
    pub(super) segments: Arc<Vec<Arc<Segment>>>,
}

/// A log file, and who waits for it to grow.
pub(super) struct Log {
    path: PathBuf,
    reader: Mutex<Reader>,
    written: watch::Sender<Written>,
}

/// How far the file has been read.
struct Reader {
    inode: u64,
    offset: u64,
    /// The beginning of a line that has not ended yet.
    rest: Vec<u8>,
    begins: Begins,
}

impl Log {
    pub(super) fn new(path: PathBuf) -> Log {
        let reader = Reader {
            inode: 0,
            offset: 0,
            rest: Vec::new(),
            begins: Begins::Line,
        };
        Log {
            path,
            reader: Mutex::new(reader),
            written: watch::Sender::default(),
        }
    }

    /// What is written up to now. A file that is not there is empty.
    pub(super) fn look(&self) -> Written {
        self.read_on();
        self.written.borrow().clone()
    }

    /// Reads what was written since the last time; those who follow hear of it.
    pub(super) fn read_on(&self) {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(Some(news)) = reader.read(&self.path) {
            self.written.send_modify(|written| written.add(news));
        }
    }

    /// Hears of everything that is written later.
    pub(super) fn follow(&self) -> watch::Receiver<Written> {
        self.written.subscribe()
    }

    /// Looks at the file again and again while there are followers.
    pub(super) async fn poll(&self) {
        loop {
            tokio::time::sleep(PERIOD).await;
            if self.written.receiver_count() > 0 {
                self.read_on();
            }
        }
    }
}

/// What one look found.
enum News {
    More(Segment),
    Anew(Segment),
}

impl Written {
    fn add(&mut self, news: News) {
        let segment = match news {
            News::More(segment) => segment,
            News::Anew(segment) => {
                self.generation += 1;
                self.segments = Arc::default();
                segment
            }
        };
        if segment.len() > 0 {
            Arc::make_mut(&mut self.segments).push(Arc::new(segment));
        }
    }
}

impl Reader {
    fn read(&mut self, path: &Path) -> io::Result<Option<News>> {
        let status = path.metadata()?;
        let is_same = status.ino() == self.inode && status.len() >= self.offset;
        if is_same && status.len() == self.offset {
            return Ok(None);
        }
        if !is_same {
            *self = Reader {
                inode: status.ino(),
                offset: 0,
                rest: Vec::new(),
                begins: Begins::Line,
            };
        }
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(self.offset))?;
        let mut text = take(&mut self.rest);
        self.offset += file.read_to_end(&mut text)? as u64;
        let whole = text
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        self.rest = text.split_off(whole);
        let (segment, begins) = Segment::parse(&text, self.begins);
        self.begins = begins;
        Ok(Some(if is_same {
            News::More(segment)
        } else {
            News::Anew(segment)
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;

    use super::Log;
    use crate::log_server::segment::{Form, Wanted};

    const STAMP: &str = "2026-01-31T12:00:00.000000000Z stdout F ";
    const PLAIN: Wanted<'_> = Wanted {
        since: None,
        form: Form::Plain,
    };

    fn text(log: &Log) -> (u64, String) {
        let written = log.look();
        let pieces = written
            .segments
            .iter()
            .flat_map(|segment| segment.pieces(0, PLAIN));
        let bytes = pieces.collect::<Vec<_>>().concat();
        (written.generation, String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn a_line_is_seen_once_it_has_ended_and_a_replaced_file_from_its_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let log = Log::new(path.clone());
        assert_eq!(text(&log), (0, String::new()));
        let mut file = fs::File::create(&path).unwrap();
        write!(file, "{STAMP}a\n{STAMP}").unwrap();
        assert_eq!(text(&log), (1, "a\n".to_owned()));
        writeln!(file, "b").unwrap();
        assert_eq!(text(&log), (1, "a\nb\n".to_owned()));
        let other = folder.path().join("other");
        fs::write(&other, format!("{STAMP}the new file's only line\n")).unwrap();
        fs::rename(&other, &path).unwrap();
        assert_eq!(text(&log), (2, "the new file's only line\n".to_owned()));
    }
}
