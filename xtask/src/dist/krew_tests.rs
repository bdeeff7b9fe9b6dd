//! The archive in krew's own hands: the program of this build is packed, served on this machine, and installed,
//! upgraded and removed by the real krew through the real kubectl; and the rules of krew's index are passed.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::{fs, thread};

use jiff::Timestamp;
use tempfile::TempDir;
use testbed::is_skipped;

use super::name::PluginName;
use super::platform::PLATFORMS;
use super::*;

/// What an installation is made of: kubectl and krew on the `PATH`, and an empty folder of krew's.
struct Desk {
    folder: TempDir,
    path: String,
    validate_manifest: PathBuf,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("bin");
        fs::create_dir(&bin).unwrap();
        let kubectl = testbed::programs::kubectl(&mut io::stderr()).unwrap();
        let krew = testbed::programs::krew(&mut io::stderr()).unwrap();
        symlink(kubectl, bin.join("kubectl")).unwrap();
        symlink(krew.krew, bin.join("kubectl-krew")).unwrap();
        let installed = folder.path().join("krew/bin");
        let path = format!("{}:{}:/usr/bin:/bin", installed.display(), bin.display());
        Self {
            folder,
            path,
            validate_manifest: krew.validate_manifest,
        }
    }

    fn krew_root(&self) -> PathBuf {
        self.folder.path().join("krew")
    }

    fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command
            .env_clear()
            .env("PATH", &self.path)
            .env("HOME", self.folder.path())
            .env("KREW_ROOT", self.krew_root())
            .env("KREW_NO_UPGRADE_CHECK", "1")
            .env("KREW_DEFAULT_INDEX_URI", self.index())
            .env("GIT_CONFIG_NOSYSTEM", "1");
        command
    }

    /// The output of `kubectl …`, which must succeed.
    fn kubectl(&self, words: &[&str]) -> String {
        let kubectl = self.folder.path().join("bin/kubectl");
        told(self.command(kubectl).args(words))
    }

    /// A git repository as krew takes an index from.
    fn index(&self) -> PathBuf {
        self.folder.path().join("index")
    }

    fn publish(&self, name: &str, manifest: &str) {
        let plugins = self.index().join("plugins");
        fs::create_dir_all(&plugins).unwrap();
        fs::write(plugins.join(format!("{name}.yaml")), manifest).unwrap();
        let git = |words: &[&str]| {
            let mut git = self.command("git");
            git.current_dir(self.index())
                .args(["-c", "user.name=test", "-c", "user.email=test@localhost"])
                .args(words);
            told(&mut git)
        };
        git(&["init", "--quiet"]);
        git(&["add", "."]);
        git(&["commit", "--quiet", "--message", "a release"]);
    }

    /// The names in a folder of krew's.
    fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.krew_root().join(folder)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }
}

/// Both streams of a command that must succeed.
fn told(command: &mut Command) -> String {
    let ended = command.output().unwrap();
    let text = both_streams(&ended);
    assert!(ended.status.success(), "{command:?}: {text}");
    text
}

fn both_streams(ended: &Output) -> String {
    let streams = [&ended.stdout, &ended.stderr];
    streams.map(|bytes| String::from_utf8_lossy(bytes)).concat()
}

/// Serves the files of a folder by their names, whatever folders stand before them in the address.
fn serve(folder: &Path) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let folder = folder.to_owned();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            // A client that goes away asks again or fails its test.
            let _ = answer(client, &folder);
        }
    });
    format!("http://{address}/owner/kubectl-trainer")
}

fn answer(mut client: TcpStream, folder: &Path) -> io::Result<()> {
    let mut lines = BufReader::new(client.try_clone()?).lines();
    let asked = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    while lines
        .next()
        .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
    {}
    let file = asked
        .split(' ')
        .nth(1)
        .and_then(|path| path.rsplit('/').next());
    let (status, body) = match fs::read(folder.join(file.unwrap_or_default())) {
        Ok(body) => ("200 OK", body),
        Err(_) => ("404 Not Found", Vec::new()),
    };
    let length = body.len();
    write!(
        client,
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )?;
    client.write_all(&body)
}

/// The plugin of this build, without what only a debugger reads.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let built = target_folder().join("debug/kubectl-trainer");
        assert!(built.exists(), "build it first: cargo build --workspace");
        let stripped = target_folder().join("tmp/kubectl-trainer-to-pack");
        fs::create_dir_all(target_folder().join("tmp")).unwrap();
        told(Command::new("strip").arg("-o").arg(&stripped).arg(built));
        stripped
    })
}

/// `cargo xtask dist` of this build's program.
fn dist_into(out: &Path, name: &str, repository: &str) {
    let args = DistArgs {
        name: name.to_owned(),
        repository: Some(repository.to_owned()),
        native: false,
        binary: Some(program().to_owned()),
        archives: None,
        release: false,
        out: Some(out.to_owned()),
    };
    dist(&args).unwrap();
}

fn host_archive(program: &str, version: &str) -> String {
    platform::host().unwrap().archive_name(program, version)
}

#[test]
fn krew_installs_the_archive_and_leaves_nothing_when_it_removes_it() {
    if is_skipped() {
        return;
    }
    let desk = Desk::new();
    let out = desk.folder.path().join("dist");
    dist_into(&out, "trainer", "https://host/owner/kubectl-trainer");
    // Without an index krew removes nothing.
    desk.publish(
        "trainer",
        &fs::read_to_string(out.join("trainer.yaml")).unwrap(),
    );
    desk.kubectl(&["krew", "update"]);
    let manifest = out.join("trainer.yaml").display().to_string();
    let archive = out
        .join(host_archive("kubectl-trainer", VERSION))
        .display()
        .to_string();
    let manifest = format!("--manifest={manifest}");
    let archive = format!("--archive={archive}");
    let installed = desk.kubectl(&["krew", "install", &manifest, &archive]);
    assert!(
        installed.contains("For TAB run: kubectl trainer completion install"),
        "{installed}"
    );
    let plugins = desk.kubectl(&["plugin", "list"]);
    assert!(plugins.contains("krew/bin/kubectl-trainer"), "{plugins}");
    assert!(!plugins.contains("warning"), "{plugins}");
    let help = desk.kubectl(&["trainer", "--help"]);
    assert!(help.contains("Usage: kubectl trainer "), "{help}");
    desk.kubectl(&["krew", "uninstall", "trainer"]);
    for folder in ["bin", "store", "receipts"] {
        assert_eq!(desk.names(folder), Vec::<String>::new(), "{folder}");
    }
}

#[test]
fn krew_upgrades_a_plugin_of_another_name_to_the_next_release_of_an_index() {
    if is_skipped() {
        return;
    }
    let desk = Desk::new();
    let out = desk.folder.path().join("dist");
    dist_into(&out, "ml-trainer", &serve(&out));
    let manifest = fs::read_to_string(out.join("ml-trainer.yaml")).unwrap();
    desk.publish("ml-trainer", &manifest);
    desk.kubectl(&["krew", "update"]);
    desk.kubectl(&["krew", "install", "ml-trainer"]);
    assert_eq!(desk.names("store/ml-trainer"), [format!("v{VERSION}")]);
    let archive = |version| host_archive("kubectl-ml_trainer", version);
    fs::copy(out.join(archive(VERSION)), out.join(archive("99.0.0"))).unwrap();
    let next = manifest.replace(&format!("v{VERSION}"), "v99.0.0");
    desk.publish("ml-trainer", &next);
    let upgraded = desk.kubectl(&["krew", "upgrade", "ml-trainer"]);
    assert!(
        upgraded.contains("Upgraded plugin: ml-trainer"),
        "{upgraded}"
    );
    assert_eq!(desk.names("store/ml-trainer"), ["v99.0.0"]);
    let help = desk.kubectl(&["ml-trainer", "logs", "--help"]);
    assert!(help.contains("Usage: kubectl ml-trainer logs "), "{help}");
    assert!(!help.contains("kubectl trainer"), "{help}");
}

#[test]
fn the_rules_of_krews_index_pass_for_every_platform() {
    if is_skipped() {
        return;
    }
    let desk = Desk::new();
    let archives = desk.folder.path().join("archives");
    let out = desk.folder.path().join("dist");
    pack_stand_ins(&archives);
    let args = DistArgs {
        name: "trainer".to_owned(),
        repository: Some(serve(&out)),
        native: false,
        binary: None,
        archives: Some(archives),
        release: true,
        out: Some(out.clone()),
    };
    dist(&args).unwrap();
    let manifest = out.join("trainer.yaml");
    let mut validate = desk.command(&desk.validate_manifest);
    let judged = told(validate.arg("-manifest").arg(manifest));
    assert!(
        judged.contains("all 6 spec.platforms installed fine"),
        "{judged}"
    );
    told(
        desk.command("sha256sum")
            .args(["--check", "SHA256SUMS"])
            .current_dir(out),
    );
}

/// An archive for every platform with all but a real program, which a machine of the platform builds.
fn pack_stand_ins(folder: &Path) {
    fs::create_dir(folder).unwrap();
    let name = PluginName::parse("trainer").unwrap();
    let host = platform::host().unwrap();
    let entries = common_entries(&name, host).unwrap();
    for platform in &PLATFORMS {
        let program = format!("stands for the program on {platform}").into_bytes();
        let content = pack(
            &name,
            platform,
            program,
            entries.clone(),
            Timestamp::UNIX_EPOCH,
        );
        let file = platform.archive_name(&name.program(), VERSION);
        fs::write(folder.join(file), content.unwrap()).unwrap();
    }
}

#[test]
fn a_release_without_an_archive_of_every_platform_names_those_that_lack_one() {
    let folder = tempfile::tempdir().unwrap();
    let args = DistArgs {
        name: "trainer".to_owned(),
        repository: Some("https://host/owner/kubectl-trainer".to_owned()),
        native: false,
        binary: None,
        archives: Some(folder.path().to_owned()),
        release: true,
        out: Some(folder.path().join("out")),
    };
    let error = dist(&args).unwrap_err().to_string();
    let host = platform::host().unwrap();
    for platform in &PLATFORMS {
        assert_eq!(
            error.contains(&platform.to_string()),
            platform != host,
            "{error}"
        );
    }
    assert!(error.ends_with("--archives FOLDER"), "{error}");
}

#[test]
fn the_same_program_is_packed_into_the_same_bytes_with_all_that_belongs_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let [one, other] = ["one", "other"].map(|name| {
        let out = folder.path().join(name);
        dist_into(&out, "trainer", "https://host/owner/kubectl-trainer");
        fs::read(out.join(host_archive("kubectl-trainer", VERSION))).unwrap()
    });
    assert!(one == other, "the archives differ");
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(one.as_slice()));
    let paths: Vec<String> = archive
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().path().unwrap().display().to_string())
        .collect();
    for path in [
        "LICENSE",
        "THIRD-PARTY-NOTICES",
        "completions/_kubectl-trainer",
        "completions/kubectl-trainer.nu",
        "kubectl-trainer",
        "kubectl_complete-trainer",
        "man/kubectl-trainer-verify.1",
    ] {
        assert!(
            paths.iter().any(|found| found == path),
            "{path} in {paths:?}"
        );
    }
}

#[test]
fn another_name_is_in_every_script() {
    let name = PluginName::parse("ml-trainer").unwrap();
    let scripts = completions::scripts(program(), &name).unwrap();
    assert_eq!(scripts.len(), 6);
    for script in scripts {
        let text = String::from_utf8_lossy(&script.content);
        assert!(
            script.path.contains("kubectl-ml_trainer"),
            "{}",
            script.path
        );
        assert!(
            text.contains("kubectl-ml_trainer"),
            "{}: {text}",
            script.path
        );
        // Help may speak of the project.
        let code = text.lines().filter(|line| !line.contains('#'));
        let old: Vec<_> = code
            .filter(|line| line.contains("kubectl-trainer"))
            .collect();
        assert_eq!(old, Vec::<&str>::new(), "{}", script.path);
    }
}

/// What stands beside the packed script, and answers with how it was called.
const BESIDE: &str = "#!/bin/sh\necho \"$0|$*\"\necho trouble >&2\n";

#[test]
fn the_script_for_tab_asks_the_program_beside_it_and_is_silent_without_it() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("a b");
    fs::create_dir(&own).unwrap();
    let host = platform::host().unwrap();
    let (name, text) = (
        "kubectl_complete-trainer",
        host.completion_script("kubectl-trainer"),
    );
    let text = text.unwrap();
    let program = own.join("kubectl-trainer");
    for (path, text) in [(own.join(name), text.as_str()), (program.clone(), BESIDE)] {
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let link = folder.path().join("link");
    symlink(own.join(name), &link).unwrap();
    for script in [own.join(name), link.clone()] {
        let ended = Command::new(script).args(["logs", ""]).output().unwrap();
        let expected = format!("{}|__complete logs \n", program.display());
        assert_eq!(both_streams(&ended), expected);
    }
    fs::remove_file(program).unwrap();
    let ended = Command::new(link).arg("").output().unwrap();
    assert_eq!(both_streams(&ended), "");
    assert!(
        !ended.status.success(),
        "kubectl offers files where nothing is said"
    );
}
