//! The platforms of a release: everything in which one differs from another, and nothing else knows any of it.

use std::env::consts;
use std::fmt;

use super::error::DistError;

/// The oldest glibc on which a released program runs.
pub(super) const GLIBC_FLOOR: GlibcVersion = GlibcVersion(2, 17);

/// A version of the GNU C library: major, minor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct GlibcVersion(pub(super) u32, pub(super) u32);

impl fmt::Display for GlibcVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.0, self.1)
    }
}

/// An operating system, under the names of Go, which are krew's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum System {
    Linux,
    Darwin,
    Windows,
}

/// How the files of a platform come in one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ArchiveFormat {
    TarGz,
    Zip,
}

/// One platform of a release.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Platform {
    pub(super) system: System,
    /// As Go names it.
    pub(super) processor: &'static str,
    /// As Rust names both.
    pub(super) target: &'static str,
    /// The machine on which the release workflow builds it, in the words of the hosting site.
    pub(super) runner: &'static str,
}

/// Every platform of a release, in the order of the manifest.
pub(super) const PLATFORMS: [Platform; 6] = [
    Platform {
        system: System::Linux,
        processor: "amd64",
        target: "x86_64-unknown-linux-gnu",
        runner: "ubuntu-24.04",
    },
    Platform {
        system: System::Linux,
        processor: "arm64",
        target: "aarch64-unknown-linux-gnu",
        runner: "ubuntu-24.04-arm",
    },
    Platform {
        system: System::Darwin,
        processor: "amd64",
        target: "x86_64-apple-darwin",
        runner: "macos-15-intel",
    },
    Platform {
        system: System::Darwin,
        processor: "arm64",
        target: "aarch64-apple-darwin",
        runner: "macos-15",
    },
    Platform {
        system: System::Windows,
        processor: "amd64",
        target: "x86_64-pc-windows-msvc",
        runner: "windows-2025",
    },
    Platform {
        system: System::Windows,
        processor: "arm64",
        target: "aarch64-pc-windows-msvc",
        runner: "windows-11-arm",
    },
];

/// The platform of this machine.
pub(super) fn host() -> Result<&'static Platform, DistError> {
    let found = PLATFORMS
        .iter()
        .find(|platform| platform.is(consts::OS, consts::ARCH));
    found.ok_or(DistError::Host {
        system: consts::OS,
        processor: consts::ARCH,
    })
}

impl Platform {
    /// Whether this is what Rust calls these.
    fn is(&self, system: &str, processor: &str) -> bool {
        let own_system = match self.system {
            System::Linux => "linux",
            System::Darwin => "macos",
            System::Windows => "windows",
        };
        system == own_system && self.target.starts_with(&format!("{processor}-"))
    }

    /// As Go and krew name the system.
    pub(super) fn system_name(&self) -> &'static str {
        match self.system {
            System::Linux => "linux",
            System::Darwin => "darwin",
            System::Windows => "windows",
        }
    }

    pub(super) fn format(&self) -> ArchiveFormat {
        match self.system {
            System::Linux | System::Darwin => ArchiveFormat::TarGz,
            System::Windows => ArchiveFormat::Zip,
        }
    }

    /// `kubectl-trainer_v0.1.0_linux_amd64.tar.gz`, of the program's name and version.
    pub(super) fn archive_name(&self, stem: &str, version: &str) -> String {
        let ending = match self.format() {
            ArchiveFormat::TarGz => "tar.gz",
            ArchiveFormat::Zip => "zip",
        };
        let system = self.system_name();
        format!("{stem}_v{version}_{system}_{}.{ending}", self.processor)
    }

    /// The file's name of a program.
    pub(super) fn program(&self, stem: &str) -> String {
        match self.system {
            System::Linux | System::Darwin => stem.to_owned(),
            System::Windows => format!("{stem}.exe"),
        }
    }

    /// The text of the file that kubectl runs at TAB. It is no link to the program, because krew takes no archive with
    /// links. It prints nothing but answers, also when the program beside it is gone. On Windows there is none: a batch
    /// file would run what its arguments hold.
    pub(super) fn completion_script(&self, program: &str) -> Option<String> {
        match self.system {
            System::Linux | System::Darwin => Some(shell_script(program)),
            System::Windows => None,
        }
    }

    /// What a build on the platform's own machine is told besides.
    pub(super) fn build_flags(&self) -> &'static [&'static str] {
        match self.system {
            System::Linux | System::Darwin => &[],
            // Without Microsoft's runtime library, which not every machine has.
            System::Windows => &["-Ctarget-feature=+crt-static"],
        }
    }

    /// Variables for the linker and the C compiler.
    pub(super) fn build_environment(&self) -> &'static [(&'static str, &'static str)] {
        match self.system {
            System::Darwin => &[("MACOSX_DEPLOYMENT_TARGET", "11.0")],
            // See build.rs.
            System::Linux => &[("KUBECTL_TRAINER_WITHOUT_UNWIND_TABLES", "1")],
            System::Windows => &[],
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.system_name(), self.processor)
    }
}

/// The folder is that of the script itself, also when it was called by a link.
fn shell_script(program: &str) -> String {
    format!(
        "#!/bin/sh\n\
         exec 2>/dev/null; script=$(readlink -f -- \"$0\") || script=$0\n\
         exec \"${{script%/*}}/{program}\" __complete \"$@\"\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_one_of_the_platforms() {
        let host = host().unwrap();
        assert_eq!(host.system, System::Linux);
        assert!(host.target.starts_with(consts::ARCH));
    }

    #[test]
    fn names_of_files_follow_the_platform() {
        let names: Vec<_> = PLATFORMS
            .iter()
            .map(|platform| platform.archive_name("kubectl-trainer", "0.1.0"))
            .collect();
        assert_eq!(names[0], "kubectl-trainer_v0.1.0_linux_amd64.tar.gz");
        assert_eq!(names[5], "kubectl-trainer_v0.1.0_windows_arm64.zip");
        assert_eq!(PLATFORMS[3].program("kubectl-a"), "kubectl-a");
        assert_eq!(PLATFORMS[4].program("kubectl-a"), "kubectl-a.exe");
    }

    #[test]
    fn the_release_workflow_builds_on_the_machine_of_every_platform() {
        let path = crate::process::workspace().join(".github/workflows/release.yml");
        let workflow = std::fs::read_to_string(path).unwrap();
        let values = |key: &str| -> Vec<String> {
            let lines = workflow
                .lines()
                .map(|line| line.trim_start_matches([' ', '-']));
            let values = lines.filter_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
            values.map(str::to_owned).collect()
        };
        let names: Vec<_> = PLATFORMS.iter().map(ToString::to_string).collect();
        let runners = PLATFORMS.map(|platform| platform.runner.to_owned());
        assert_eq!(values("platform"), names);
        assert_eq!(values("runner"), runners);
    }
}
