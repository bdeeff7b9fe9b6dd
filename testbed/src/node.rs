//! One real node: its namespaces, its link to the control plane, containerd, kubelet, and the cgroup of its pods.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use serde_json::json;

use crate::cgroup::Cgroup;
use crate::containerd;
use crate::error::Error;
use crate::folder::write_whole;
use crate::kubelet::{self, Place};
use crate::namespaces::{NamespaceSet, Service};
use crate::options::FRAGILE_TAINT;
use crate::site::{CONTROL_PLANE_ADDRESS, Site};

/// Settings that a kubelet would change for the whole machine, and the values that it wants to find.
const SYSCTLS: [(&str, &str); 6] = [
    ("vm/overcommit_memory", "1"),
    ("vm/panic_on_oom", "0"),
    ("kernel/panic", "10"),
    ("kernel/panic_on_oops", "1"),
    ("kernel/keys/root_maxkeys", "1000000"),
    ("kernel/keys/root_maxbytes", "25000000"),
];

/// A node that runs. Dropping it ends everything on it; its folder (images, logs) stays until the bed goes.
pub(crate) struct Node {
    // The order is the order of the end: first the namespaces with all processes, last the cgroup that they were in.
    set: NamespaceSet,
    kubelet: Option<Service>,
    containerd: Option<Service>,
    cgroup: Cgroup,
    identity: Identity,
}

/// Which node it is: the first is number 1.
#[derive(Clone)]
struct Identity {
    number: u8,
    name: String,
    address: String,
    folder: PathBuf,
}

impl Identity {
    fn new(site: &Site, number: u8) -> Self {
        let name = name(number);
        Self {
            number,
            address: format!("10.10.0.{}", 10 + number),
            folder: site.folder.join(&name),
            name,
        }
    }

    /// The addresses of this node's pods.
    fn pod_range(&self) -> String {
        format!("10.244.{}.0/24", self.number)
    }
}

/// `n1`, `n2` and so on.
pub(crate) fn name(number: u8) -> String {
    format!("n{number}")
}

impl Node {
    /// Makes the namespaces and the link. Programs are started by `start`, which may run on any thread.
    pub(crate) fn create(
        site: &Site,
        control_plane: &NamespaceSet,
        number: u8,
    ) -> Result<Self, Error> {
        let identity = Identity::new(site, number);
        let cgroup = Cgroup::create(&site.folder.cgroup(&identity.name))?;
        let setup = prepare_folder(&identity)?;
        let log = site.log(&format!("namespaces@{}", identity.name));
        let set = NamespaceSet::create(&identity.name, &setup, &log, &site.stop)?;
        connect(control_plane, &set, &identity)?;
        Ok(Self {
            set,
            kubelet: None,
            containerd: None,
            cgroup,
            identity,
        })
    }

    /// Starts containerd, loads the images, starts the kubelet.
    pub(crate) fn start(&mut self, site: &Site, archives: &[PathBuf]) -> Result<(), Error> {
        let (name, folder) = (&self.identity.name, &self.identity.folder);
        self.containerd = Some(containerd::start(site, &self.set, name, folder)?);
        containerd::import(site, &self.set, name, archives)?;
        self.start_kubelet(site)
    }

    /// Starts the kubelet, unless it runs.
    pub(crate) fn start_kubelet(&mut self, site: &Site) -> Result<(), Error> {
        if self.kubelet.is_none() {
            let is_fragile = site.options.is_fragile(self.identity.number);
            let place = Place {
                node: &self.identity.name,
                address: &self.identity.address,
                folder: &self.identity.folder,
                cgroup_root: self.cgroup.root(),
                taint: is_fragile.then_some(FRAGILE_TAINT),
            };
            self.kubelet = Some(kubelet::start(site, &self.set, &place)?);
        }
        Ok(())
    }

    /// Kills the kubelet; containers go on.
    pub(crate) fn stop_kubelet(&mut self) {
        self.kubelet = None;
    }

    /// Whether the kubelet was started and has ended by itself.
    pub(crate) fn kubelet_has_ended(&mut self) -> bool {
        self.kubelet.as_mut().is_some_and(Service::has_ended)
    }

    pub(crate) fn name(&self) -> &str {
        &self.identity.name
    }
}

/// Makes the node's own folders and returns the script that puts them over the machine's.
fn prepare_folder(identity: &Identity) -> Result<String, Error> {
    let folder = &identity.folder;
    for name in ["varlib", "log", "cni", "sysctl"] {
        let path = folder.join(name);
        fs::create_dir_all(&path).map_err(Error::file("make", &path))?;
    }
    write_whole(&folder.join("resolv.conf"), b"")?;
    write_whole(
        &folder.join("cni/10-bridge.conflist"),
        network_config(identity).as_bytes(),
    )?;
    let mut script = format!(
        "mount -t tmpfs testbed /run\nmkdir -p /run/containerd /run/netns\nmount --bind {0}/varlib /var/lib\nmount --bind {0}/log /var/log\n",
        folder.display()
    );
    for (sysctl, value) in SYSCTLS {
        let file = folder.join("sysctl").join(sysctl.replace('/', "."));
        write_whole(&file, format!("{value}\n").as_bytes())?;
        // Writing to a String cannot fail.
        let _ = writeln!(script, "mount --bind {} /proc/sys/{sysctl}", file.display());
    }
    Ok(script)
}

/// A veth pair from the node to the control plane's bridge, and routes both ways.
fn connect(
    control_plane: &NamespaceSet,
    set: &NamespaceSet,
    identity: &Identity,
) -> Result<(), Error> {
    let Identity { name, address, .. } = identity;
    // Left over in the control plane when the node was killed a moment ago; the kernel removes it late.
    let _ = control_plane.ip(&format!("link del veth-{name}"));
    control_plane.ip(&format!(
        "link add veth-{name} type veth peer name eth0 netns {}",
        set.init()
    ))?;
    control_plane.ip(&format!("link set veth-{name} master bridge0 up"))?;
    set.ip(&format!("addr add {address}/24 dev eth0"))?;
    set.ip("link set eth0 up")?;
    set.ip(&format!("route add default via {CONTROL_PLANE_ADDRESS}"))?;
    control_plane.ip(&format!(
        "route replace {} via {address}",
        identity.pod_range()
    ))?;
    set.forward_packets()
}

fn network_config(identity: &Identity) -> String {
    json!({
        "cniVersion": "1.0.0",
        "name": "pods",
        "plugins": [{
            "type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": false, "hairpinMode": true,
            "ipam": {
                "type": "host-local",
                "ranges": [[{"subnet": identity.pod_range()}]],
                "routes": [{"dst": "0.0.0.0/0"}],
                "dataDir": "/run/cni-addresses",
            },
        }],
    })
    .to_string()
}
