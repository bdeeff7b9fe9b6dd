//! containerd on one node, and the images that are put into it.

use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::folder::write_whole;
use crate::image::PAUSE_IMAGE;
use crate::namespaces::{NamespaceSet, Service};
use crate::process::run;
use crate::requirements::{network_plugins, require};
use crate::site::Site;

/// In every node; its /run is a file system of its own.
pub(crate) const SOCKET: &str = "/run/containerd/containerd.sock";

/// Starts containerd, which brings `networks` (a folder of CNI configurations) to its pods.
pub(crate) fn start(
    site: &Site,
    set: &NamespaceSet,
    node: &str,
    folder: &Path,
) -> Result<Service, Error> {
    let config = folder.join("containerd.toml");
    write_whole(&config, config_text(&folder.join("cni"))?.as_bytes())?;
    let mut command = set.command("env");
    command
        .arg(search_path(site))
        .arg(site.programs.path("containerd"))
        .arg("--config")
        .arg(config);
    Service::start(&mut command, &site.log(&format!("containerd@{node}")))
}

/// Waits until containerd answers, then loads the archives.
pub(crate) fn import(
    site: &Site,
    set: &NamespaceSet,
    node: &str,
    archives: &[PathBuf],
) -> Result<(), Error> {
    let client = || {
        let mut command = set.command(site.programs.path("ctr"));
        command.args(["--address", SOCKET, "--namespace", "k8s.io"]);
        command
    };
    let component = format!("containerd@{node}");
    site.wait(&format!("containerd answers on {node}"), &component, || {
        run("ctr version", client().arg("version")).is_ok()
    })?;
    for archive in archives {
        let what = format!("loading {} on {node}", archive.display());
        run(&what, client().args(["images", "import"]).arg(archive))?;
    }
    Ok(())
}

/// `PATH=…` with the folder of containerd's shim first.
pub(crate) fn search_path(site: &Site) -> String {
    format!(
        "PATH={}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        site.programs.folder("containerd-shim-runc-v2").display()
    )
}

/// A process without `CAP_SYS_RESOURCE` cannot lower out-of-memory scores, which `restrict_oom_score_adj` allows for.
fn config_text(networks: &Path) -> Result<String, Error> {
    Ok(format!(
        r#"version = 3
root = "/var/lib/containerd"
state = "/run/containerd"
[grpc]
  address = "{SOCKET}"
[plugins.'io.containerd.internal.v1.opt']
  path = "/run/containerd/opt"
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "{PAUSE_IMAGE}"
[plugins.'io.containerd.cri.v1.runtime']
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
      BinaryName = "{runc}"
      SystemdCgroup = false
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ["{plugins}"]
    conf_dir = "{networks}"
"#,
        runc = require("runc")?.display(),
        plugins = network_plugins()?.display(),
        networks = networks.display(),
    ))
}
