//! Archives of the same bytes whoever packs the same files: in the order of their names, with one time, nobody's
//! account, and no other permissions than those of programs and of files.

use std::io::{self, Cursor, Write as _};

use flate2::{Compression, GzBuilder};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, System, ZipWriter};

use super::platform::ArchiveFormat;

/// Who may run a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Program,
    Text,
}

impl Kind {
    fn permissions(self) -> u32 {
        match self {
            Kind::Program => 0o755,
            Kind::Text => 0o644,
        }
    }
}

/// One file of an archive.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// With `/` between folders.
    pub(super) path: String,
    pub(super) kind: Kind,
    pub(super) content: Vec<u8>,
}

impl Entry {
    pub(super) fn program(path: impl Into<String>, content: Vec<u8>) -> Self {
        let path = path.into();
        let kind = Kind::Program;
        Self {
            path,
            kind,
            content,
        }
    }

    pub(super) fn text(path: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        let (path, content) = (path.into(), content.into());
        let kind = Kind::Text;
        Self {
            path,
            kind,
            content,
        }
    }
}

/// The bytes of an archive; every file has the same time.
pub(super) fn pack(
    format: ArchiveFormat,
    mut entries: Vec<Entry>,
    time: Timestamp,
) -> io::Result<Vec<u8>> {
    entries.sort_by(|one, other| one.path.cmp(&other.path));
    match format {
        ArchiveFormat::TarGz => pack_tar_gz(&entries, time),
        ArchiveFormat::Zip => pack_zip(&entries, time),
    }
}

fn pack_tar_gz(entries: &[Entry], time: Timestamp) -> io::Result<Vec<u8>> {
    // Neither a name nor a time goes into the head of the file.
    let gzip = GzBuilder::new().write(Vec::new(), Compression::default());
    let mut archive = tar::Builder::new(gzip);
    for entry in entries {
        let mut header = tar::Header::new_ustar();
        header.set_mode(entry.kind.permissions());
        header.set_mtime(time.as_second().unsigned_abs());
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(entry.content.len() as u64);
        archive.append_data(&mut header, &entry.path, entry.content.as_slice())?;
    }
    archive.into_inner()?.finish()
}

fn pack_zip(entries: &[Entry], time: Timestamp) -> io::Result<Vec<u8>> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .system(System::Unix)
        .last_modified_time(zip_time(time));
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for entry in entries {
        let options = options.unix_permissions(entry.kind.permissions());
        archive.start_file(&entry.path, options)?;
        archive.write_all(&entry.content)?;
    }
    Ok(archive.finish()?.into_inner())
}

/// What a zip file can say of a time: without a zone, and not before 1980.
fn zip_time(time: Timestamp) -> DateTime {
    let time = time.to_zoned(TimeZone::UTC);
    let number = |value: i8| u8::try_from(value).unwrap_or_default();
    let year = u16::try_from(time.year()).unwrap_or_default();
    let (month, day) = (number(time.month()), number(time.day()));
    let (hour, minute, second) = (
        number(time.hour()),
        number(time.minute()),
        number(time.second()),
    );
    DateTime::from_date_and_time(year, month, day, hour, minute, second).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn entries() -> Vec<Entry> {
        vec![
            Entry::text("man/a.1", "page"),
            Entry::program("kubectl-a", b"\x7fELF".to_vec()),
            Entry::text("LICENSE", "words"),
        ]
    }

    fn time() -> Timestamp {
        "2026-11-22T12:34:56Z".parse().unwrap()
    }

    #[test]
    fn the_same_files_give_the_same_bytes_in_any_order() {
        for format in [ArchiveFormat::TarGz, ArchiveFormat::Zip] {
            let mut turned = entries();
            turned.reverse();
            let one = pack(format, entries(), time()).unwrap();
            assert_eq!(one, pack(format, turned, time()).unwrap());
            let later = time()
                .checked_add(jiff::SignedDuration::from_mins(1))
                .unwrap();
            assert_ne!(one, pack(format, entries(), later).unwrap());
        }
    }

    #[test]
    fn a_tar_file_has_only_files_of_nobody() {
        let packed = pack(ArchiveFormat::TarGz, entries(), time()).unwrap();
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(packed.as_slice()));
        let rows: Vec<_> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let mut entry = entry.unwrap();
                let mut content = String::new();
                entry.read_to_string(&mut content).unwrap();
                let header = entry.header();
                assert_eq!(header.entry_type(), tar::EntryType::Regular);
                let owners = (header.uid().unwrap(), header.gid().unwrap());
                assert_eq!(owners, (0, 0));
                assert_eq!(header.mtime().unwrap(), 1_795_350_896);
                let mode = header.mode().unwrap();
                let path = entry.path().unwrap().display().to_string();
                format!("{mode:o} {path} {content:?}")
            })
            .collect();
        assert_eq!(
            rows,
            [
                "644 LICENSE \"words\"",
                "755 kubectl-a \"\\u{7f}ELF\"",
                "644 man/a.1 \"page\""
            ]
        );
    }

    #[test]
    fn a_zip_file_keeps_permissions_and_time() {
        let packed = pack(ArchiveFormat::Zip, entries(), time()).unwrap();
        let mut archive = zip::ZipArchive::new(Cursor::new(packed)).unwrap();
        let rows: Vec<_> = (0..archive.len())
            .map(|index| {
                let file = archive.by_index(index).unwrap();
                let mode = file.unix_mode().unwrap();
                let time = file.last_modified().unwrap();
                format!("{mode:o} {} {time}", file.name().unwrap())
            })
            .collect();
        assert_eq!(
            rows,
            [
                "100644 LICENSE 2026-11-22 12:34:56",
                "100755 kubectl-a 2026-11-22 12:34:56",
                "100644 man/a.1 2026-11-22 12:34:56"
            ]
        );
    }
}
