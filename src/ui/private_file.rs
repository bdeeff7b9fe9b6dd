//! Files that only their owner may read, written whole or not at all.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    process,
};

/// What becomes of a file that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    Kept,
    Replaced,
}

/// Writes a file that others cannot read (0600). Readers see the old content or the new one, never a part.
pub fn write_private(path: &Path, text: &str, existing: Existing) -> io::Result<()> {
    let staged = staging_place(path);
    let written = write_new(&staged, text).and_then(|()| match existing {
        Existing::Replaced => fs::rename(&staged, path),
        // Unlike renaming, a link never takes another file's place.
        Existing::Kept => fs::hard_link(&staged, path).and_then(|()| fs::remove_file(&staged)),
    });
    if written.is_err() {
        let _ = fs::remove_file(&staged);
    }
    written
}

/// In the same folder, because files move whole only within a disk.
fn staging_place(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}", process::id()))
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    #[test]
    fn only_the_owner_may_read_the_file_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        write_private(&path, "sesame", Existing::Kept).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(
            (fs::read_to_string(&path).unwrap().as_str(), mode),
            ("sesame", 0o600)
        );
        assert_eq!(names(folder.path()), ["config"]);
    }

    #[test]
    fn a_file_that_is_there_is_kept_unless_it_may_be_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        fs::write(&path, "mine").unwrap();
        let refused = write_private(&path, "new", Existing::Kept).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
        write_private(&path, "new", Existing::Replaced).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(
            (fs::read_to_string(&path).unwrap().as_str(), mode),
            ("new", 0o600)
        );
        assert_eq!(names(folder.path()), ["config"]);
    }

    #[test]
    fn a_folder_that_is_not_there_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gone/config");
        let error = write_private(&path, "x", Existing::Replaced).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
