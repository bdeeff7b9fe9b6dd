//! The krew manifest: the template in `krew/` with what is known of this release.

use std::fs;

use super::error::DistError;
use super::name::PluginName;
use super::platform::Platform;
use crate::process::{StepError, workspace};

const TEMPLATE: &str = "krew/plugin.yaml";
const EACH: &str = "# for each platform\n";
const END: &str = "# end of each platform\n";

/// Where releases are: `https://host/owner/name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Repository(String);

impl Repository {
    pub(super) fn parse(text: &str) -> Result<Self, DistError> {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "-._~/:[]".contains(letter);
        let address = text.trim_end_matches('/');
        let rest = ["https://", "http://"]
            .iter()
            .find_map(|scheme| address.strip_prefix(scheme));
        match rest {
            Some(rest) if rest.contains('/') && rest.chars().all(plain) => {
                Ok(Self(address.to_owned()))
            }
            _ => Err(DistError::Repository(text.to_owned())),
        }
    }

    /// Where the hosting site puts a file of a release.
    fn asset(&self, version: &str, file: &str) -> String {
        format!("{}/releases/download/v{version}/{file}", self.0)
    }
}

/// An archive as the manifest tells of it.
#[derive(Clone, Debug)]
pub(super) struct Packed {
    pub(super) platform: &'static Platform,
    /// The file's name.
    pub(super) file: String,
    /// SHA-256, in small hex digits.
    pub(super) checksum: String,
}

/// What all platforms of a release have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Release<'a> {
    pub(super) name: &'a PluginName,
    pub(super) version: &'a str,
    pub(super) repository: &'a Repository,
}

/// The manifest of these archives.
pub(super) fn render(release: Release<'_>, archives: &[Packed]) -> Result<String, StepError> {
    let path = workspace().join(TEMPLATE);
    let template =
        fs::read_to_string(&path).map_err(|error| StepError::io(path.display(), error))?;
    Ok(fill_template(&template, release, archives)?)
}

fn fill_template(
    template: &str,
    release: Release<'_>,
    archives: &[Packed],
) -> Result<String, DistError> {
    let lost = |mark: &str| DistError::Template(format!("has no line `{}`", mark.trim_end()));
    let (head, rest) = template.split_once(EACH).ok_or_else(|| lost(EACH))?;
    let (each, tail) = rest.split_once(END).ok_or_else(|| lost(END))?;
    let mut text = head.to_owned();
    for packed in archives {
        text += &fill_platform(each, release, packed);
    }
    text += tail;
    let text = fill(&text, &common(release));
    let text: String = text
        .split_inclusive('\n')
        .filter(|line| !line.starts_with('#'))
        .collect();
    match text.find(['{', '}']) {
        None => Ok(text),
        Some(place) => {
            let line = text[..place].lines().count();
            Err(DistError::Template(format!(
                "asks for something unknown in line {line} of what it gives"
            )))
        }
    }
}

fn common(release: Release<'_>) -> [(&'static str, String); 4] {
    [
        ("name", release.name.as_str().to_owned()),
        ("version", release.version.to_owned()),
        ("repository", release.repository.0.clone()),
        ("command", release.name.command()),
    ]
}

fn fill_platform(each: &str, release: Release<'_>, packed: &Packed) -> String {
    let platform = packed.platform;
    let values = [
        ("system", platform.system_name().to_owned()),
        ("processor", platform.processor.to_owned()),
        (
            "uri",
            release.repository.asset(release.version, &packed.file),
        ),
        ("checksum", packed.checksum.clone()),
        ("program", platform.program(&release.name.program())),
    ];
    fill(each, &values)
}

fn fill(text: &str, values: &[(&str, String)]) -> String {
    let filled =
        |text: String, (key, value): &(&str, String)| text.replace(&format!("{{{key}}}"), value);
    values.iter().fold(text.to_owned(), filled)
}

#[cfg(test)]
mod tests {
    use super::super::platform::PLATFORMS;
    use super::*;

    fn packed(index: usize) -> Packed {
        let platform = &PLATFORMS[index];
        Packed {
            platform,
            file: platform.archive_name("kubectl-ml_trainer", "1.2.3"),
            checksum: format!("{index}").repeat(64),
        }
    }

    #[test]
    fn the_manifest_has_every_platform_with_an_archive_under_the_plugins_name() {
        let name = PluginName::parse("ml-trainer").unwrap();
        let repository = Repository::parse("https://host/owner/plugin/").unwrap();
        let release = Release {
            name: &name,
            version: "1.2.3",
            repository: &repository,
        };
        let text = render(release, &[packed(0), packed(5)]).unwrap();
        let platforms = text.matches("selector:").count();
        assert_eq!(platforms, 2, "{text}");
        for part in [
            "  name: ml-trainer\n",
            "  version: v1.2.3\n",
            "  homepage: https://host/owner/plugin\n",
            "    For TAB run: kubectl ml-trainer completion install\n",
            "uri: https://host/owner/plugin/releases/download/v1.2.3/kubectl-ml_trainer_v1.2.3_linux_amd64.tar.gz\n",
            "uri: https://host/owner/plugin/releases/download/v1.2.3/kubectl-ml_trainer_v1.2.3_windows_arm64.zip\n",
            "      bin: kubectl-ml_trainer\n",
            "      bin: kubectl-ml_trainer.exe\n",
            &format!("sha256: {}\n", "5".repeat(64)),
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn a_template_that_asks_for_what_nobody_knows_is_refused() {
        let name = PluginName::parse("trainer").unwrap();
        let repository = Repository::parse("https://host/owner/plugin").unwrap();
        let release = Release {
            name: &name,
            version: "1.2.3",
            repository: &repository,
        };
        let refused = |template: &str| {
            fill_template(template, release, &[])
                .unwrap_err()
                .to_string()
        };
        let template = format!("a: {{name}}\nb: {{nobody}}\n{EACH}{END}");
        assert_eq!(
            refused(&template),
            "krew/plugin.yaml asks for something unknown in line 2 of what it gives"
        );
        assert_eq!(
            refused("a: b\n"),
            "krew/plugin.yaml has no line `# for each platform`"
        );
    }

    #[test]
    fn only_the_address_of_a_repository_is_one() {
        for text in [
            "",
            "host/owner/name",
            "https://host",
            "https://host/a b",
            "https://host/a\"b",
            "file:///a/b",
        ] {
            assert!(Repository::parse(text).is_err(), "{text}");
        }
        assert!(Repository::parse("http://127.0.0.1:8080/owner/name").is_ok());
    }
}
