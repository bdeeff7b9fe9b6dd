//! `cargo xtask dist`: the archive of a release for this machine's platform, the checksums of all archives, and the
//! krew manifest that names them.

mod archive;
mod completions;
mod error;
mod floor;
#[cfg(test)]
mod krew_tests;
mod manifest;
mod manual;
mod name;
mod notices;
mod platform;
mod program;
mod zig;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

pub(crate) use error::DistError;

use crate::process::{StepError, command, output, say, target_folder, workspace};
use archive::Entry;
use manifest::{Packed, Release, Repository};
use name::PluginName;
use platform::{PLATFORMS, Platform};
use program::Linker;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What to pack, and where from.
#[derive(clap::Args)]
pub(crate) struct DistArgs {
    /// The plugin's name in krew's index; another one changes the names of files and of commands
    #[arg(long, default_value = "trainer")]
    name: String,
    /// Where releases are published, such as `https://host/owner/name`; by default that of the running workflow.
    /// Without one there is no krew manifest
    #[arg(long, value_name = "URL")]
    repository: Option<String>,
    /// Link with this machine's own glibc, and say which one the archive then needs
    #[arg(long, conflicts_with = "binary")]
    native: bool,
    /// Pack this program of this machine's platform, and build none
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Take over the archives in this folder; a platform that has one there is not built
    #[arg(long, value_name = "FOLDER")]
    archives: Option<PathBuf>,
    /// Fail where a platform has no archive, or a tag is not this version
    #[arg(long)]
    release: bool,
    /// Where to put what is made [default: dist in the build folder]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

/// What is packed, once the arguments make sense.
struct Plan {
    name: PluginName,
    repository: Option<Repository>,
    host: &'static Platform,
    out: PathBuf,
    /// The archives that are there already, by their place in the table of platforms.
    found: BTreeMap<usize, PathBuf>,
}

/// Packs what is missing, and tells of all archives.
pub(crate) fn dist(args: &DistArgs) -> Result<(), StepError> {
    let plan = Plan::new(args)?;
    if args.release {
        plan.judge_release()?;
    }
    fs::create_dir_all(&plan.out).map_err(|error| StepError::io(plan.out.display(), error))?;
    let mut archives = Vec::new();
    for (place, platform) in PLATFORMS.iter().enumerate() {
        let content = match plan.found.get(&place) {
            Some(path) => program::read(path)?,
            None if platform == plan.host => pack_host(args, &plan)?,
            None => continue,
        };
        archives.push(write_archive(&plan, platform, &content)?);
    }
    write_checksums(&plan, &archives)?;
    write_manifest(&plan, &archives)
}

impl Plan {
    fn new(args: &DistArgs) -> Result<Self, DistError> {
        let name = PluginName::parse(&args.name)?;
        let repository = args.repository.clone().or_else(workflow_repository);
        let repository = repository
            .map(|text| Repository::parse(&text))
            .transpose()?;
        let folder = args.archives.as_deref();
        let found = folder.map(|folder| find_archives(folder, &name));
        let out = args.out.clone();
        Ok(Self {
            host: platform::host()?,
            out: out.unwrap_or_else(|| target_folder().join("dist")),
            found: found.unwrap_or_default(),
            name,
            repository,
        })
    }

    /// Fails before anything is built.
    fn judge_release(&self) -> Result<(), DistError> {
        if self.repository.is_none() {
            return Err(DistError::NoRepository);
        }
        if let Some(tag) = workflow_tag()
            && tag != format!("v{VERSION}")
        {
            let version = VERSION;
            return Err(DistError::Tag { tag, version });
        }
        let missing: Vec<_> = PLATFORMS
            .iter()
            .enumerate()
            .filter(|(place, platform)| !self.found.contains_key(place) && *platform != self.host)
            .map(|(_, platform)| platform.to_string())
            .collect();
        if missing.is_empty() {
            Ok(())
        } else {
            Err(DistError::MissingArchives(missing.join(", ")))
        }
    }
}

/// The repository of the workflow that runs this.
fn workflow_repository() -> Option<String> {
    let server = env::var("GITHUB_SERVER_URL").ok()?;
    let repository = env::var("GITHUB_REPOSITORY").ok()?;
    Some(format!("{server}/{repository}"))
}

/// The tag for which a workflow runs this.
fn workflow_tag() -> Option<String> {
    let kind = env::var("GITHUB_REF_TYPE").ok()?;
    env::var("GITHUB_REF_NAME").ok().filter(|_| kind == "tag")
}

fn find_archives(folder: &Path, name: &PluginName) -> BTreeMap<usize, PathBuf> {
    let paths = PLATFORMS.iter().enumerate().map(|(place, platform)| {
        let file = platform.archive_name(&name.program(), VERSION);
        (place, folder.join(file))
    });
    paths.filter(|(_, path)| path.is_file()).collect()
}

fn pack_host(args: &DistArgs, plan: &Plan) -> Result<Vec<u8>, StepError> {
    let time = commit_time()?;
    let program = match (&args.binary, args.native) {
        (Some(path), _) => {
            let path =
                fs::canonicalize(path).map_err(|error| StepError::io(path.display(), error))?;
            program::say_floor(plan.host, &path)?;
            path
        }
        (None, true) => program::build(plan.host, Linker::Machine)?,
        (None, false) => program::build(plan.host, Linker::Zig)?,
    };
    let mut entries = common_entries(&plan.name, plan.host)?;
    entries.extend(completions::scripts(&program, &plan.name)?);
    let content = program::read(&program)?;
    pack(&plan.name, plan.host, content, entries, time)
}

/// The time of every file: that of the commit, or what `SOURCE_DATE_EPOCH` says.
fn commit_time() -> Result<Timestamp, StepError> {
    let mut log = command("git");
    log.args(["log", "-1", "--format=%ct"]);
    let seconds = match env::var("SOURCE_DATE_EPOCH") {
        Ok(seconds) => seconds,
        Err(_) => String::from_utf8_lossy(&output(&mut log)?.stdout).into_owned(),
    };
    let seconds = seconds.trim().parse().ok();
    let time = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
    Ok(time.ok_or(DistError::NoTime)?)
}

/// What needs no program to be run.
fn common_entries(name: &PluginName, platform: &Platform) -> Result<Vec<Entry>, StepError> {
    let licence = program::read(&workspace().join("LICENSE"))?;
    let notices = notices::notices(platform.target)?;
    let manual = manual::pages(name).map_err(|error| StepError::io("the manual", error))?;
    let mut entries = vec![
        Entry::text("LICENSE", licence),
        Entry::text("THIRD-PARTY-NOTICES", notices),
    ];
    entries.extend(manual);
    Ok(entries)
}

/// The bytes of a platform's archive: the program, what kubectl asks at TAB, and `entries`.
fn pack(
    name: &PluginName,
    platform: &Platform,
    program: Vec<u8>,
    mut entries: Vec<Entry>,
    time: Timestamp,
) -> Result<Vec<u8>, StepError> {
    let script = platform.completion_script(&name.program());
    entries.push(Entry::program(platform.program(&name.program()), program));
    entries.extend(script.map(|script| Entry::program(name.completer(), script.into_bytes())));
    archive::pack(platform.format(), entries, time)
        .map_err(|error| StepError::io(format!("the archive for {platform}"), error))
}

fn write_archive(
    plan: &Plan,
    platform: &'static Platform,
    content: &[u8],
) -> Result<Packed, StepError> {
    let file = platform.archive_name(&plan.name.program(), VERSION);
    write(&plan.out.join(&file), content)?;
    let checksum = checksum(content);
    Ok(Packed {
        platform,
        file,
        checksum,
    })
}

fn checksum(content: &[u8]) -> String {
    let digest = Sha256::digest(content);
    digest.iter().fold(String::new(), |mut digits, byte| {
        // Writing to a String cannot fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

/// As `sha256sum` writes and checks it.
fn write_checksums(plan: &Plan, archives: &[Packed]) -> Result<(), StepError> {
    let lines = archives
        .iter()
        .map(|packed| format!("{}  {}\n", packed.checksum, packed.file));
    let text: String = lines.collect();
    write(&plan.out.join("SHA256SUMS"), text.as_bytes())
}

fn write_manifest(plan: &Plan, archives: &[Packed]) -> Result<(), StepError> {
    let Some(repository) = &plan.repository else {
        say(
            "no krew manifest: where releases are published is not known; give it with: --repository URL",
        );
        return Ok(());
    };
    let release = Release {
        name: &plan.name,
        version: VERSION,
        repository,
    };
    let text = manifest::render(release, archives)?;
    let path = plan.out.join(format!("{}.yaml", plan.name.as_str()));
    write(&path, text.as_bytes())
}

fn write(path: &Path, content: &[u8]) -> Result<(), StepError> {
    fs::write(path, content).map_err(|error| StepError::io(path.display(), error))?;
    say(format_args!(
        "wrote {}, {} bytes",
        path.display(),
        content.len()
    ));
    Ok(())
}
