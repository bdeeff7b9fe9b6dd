//! Which glibc a program needs: the highest version that its table of needed versions names.

use std::path::Path;

use object::Endianness;
use object::elf::FileHeader64;
use object::read::elf::FileHeader as _;

use super::error::DistError;
use super::platform::{GLIBC_FLOOR, GlibcVersion};

/// The glibc that the program at `path` needs; none where it needs none.
pub(super) fn needed_glibc(path: &Path, program: &[u8]) -> Result<Option<GlibcVersion>, DistError> {
    let names = needed_versions(program).map_err(|error| DistError::Unreadable {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    Ok(names.iter().filter_map(|name| parse_version(name)).max())
}

/// Refuses a program that needs more than the floor.
pub(super) fn judge(path: &Path, needed: Option<GlibcVersion>) -> Result<(), DistError> {
    match needed {
        Some(found) if found > GLIBC_FLOOR => Err(DistError::Floor {
            path: path.to_owned(),
            found,
        }),
        _ => Ok(()),
    }
}

fn needed_versions(program: &[u8]) -> object::Result<Vec<String>> {
    let header = FileHeader64::<Endianness>::parse(program)?;
    let endian = header.endian()?;
    let sections = header.sections(endian, program)?;
    let Some((mut libraries, strings)) = sections.gnu_verneed(endian, program)? else {
        return Ok(Vec::new());
    };
    let strings = sections.strings(endian, program, strings)?;
    let mut names = Vec::new();
    while let Some((_, mut versions)) = libraries.next()? {
        while let Some(version) = versions.next()? {
            let name = version.name(endian, strings)?;
            names.push(String::from_utf8_lossy(name).into_owned());
        }
    }
    Ok(names)
}

/// `GLIBC_2.3.4` is 2.3; other libraries have other prefixes.
fn parse_version(name: &str) -> Option<GlibcVersion> {
    let mut numbers = name.strip_prefix("GLIBC_")?.split('.');
    let major = numbers.next()?.parse().ok()?;
    let minor = numbers.next()?.parse().ok()?;
    Some(GlibcVersion(major, minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        let names = ["GLIBC_2.2.5", "GLIBC_2.17", "GCC_4.2.0", "GLIBC_PRIVATE"];
        let highest = names.iter().filter_map(|name| parse_version(name)).max();
        assert_eq!(highest, Some(GlibcVersion(2, 17)));
    }

    #[test]
    fn a_program_of_this_machine_tells_which_glibc_it_needs() {
        let path = std::env::current_exe().unwrap();
        let program = std::fs::read(&path).unwrap();
        let needed = needed_glibc(&path, &program).unwrap().unwrap();
        assert!(needed > GlibcVersion(2, 1), "{needed}");
        assert_eq!(needed.0, 2);
    }

    #[test]
    fn more_than_the_floor_is_refused_and_no_program_is_told() {
        let path = Path::new("kubectl-trainer");
        assert!(judge(path, Some(GLIBC_FLOOR)).is_ok());
        assert!(judge(path, None).is_ok());
        let GlibcVersion(major, minor) = GLIBC_FLOOR;
        let error = judge(path, Some(GlibcVersion(major, minor + 1))).unwrap_err();
        assert_eq!(
            error.to_string(),
            "kubectl-trainer needs glibc 2.18, more than 2.17; was it linked by zig?"
        );
        let error = needed_glibc(path, b"#!/bin/sh").unwrap_err().to_string();
        assert!(
            error.starts_with("kubectl-trainer is no program for a 64-bit Linux"),
            "{error}"
        );
    }
}
