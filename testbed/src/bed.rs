//! A whole bed: its parts, put up side by side where they do not wait for each other, and taken down together.

use std::path::PathBuf;
use std::thread;

use crate::bundle::ReleaseManifests;
use crate::control_plane::ControlPlane;
use crate::door::Door;
use crate::error::Error;
use crate::fake_nodes;
use crate::image::Recipe;
use crate::node::{self, Node};
use crate::process::log_tail;
use crate::programs::PAUSE;
use crate::site::Site;
use crate::trainer::{self, Installer};

/// Pods of the namespace `default` are refused until this has been made.
const POD_ACCOUNT: [&str; 4] = [
    "wait",
    "--for=create",
    "serviceaccount/default",
    "--timeout=60s",
];

/// A running bed. Dropping it takes it down; only its folder is left then.
pub(crate) struct Bed {
    site: Site,
    archives: Vec<PathBuf>,
    door: Door,
    nodes: Vec<Node>,
    control_plane: ControlPlane,
}

impl Bed {
    /// Puts a bed up. Must be called on a thread that lives as long as the bed. `say` hears of each step.
    pub(crate) fn start(
        site: &Site,
        manifests: Option<&ReleaseManifests>,
        say: &mut dyn FnMut(&str),
    ) -> Result<Self, Error> {
        let archives = archives(site, manifests)?;
        let control_plane = ControlPlane::create(site)?;
        let door = Door::open(site, &control_plane.set)?;
        let nodes = (1..=site.options.nodes)
            .map(|number| Node::create(site, &control_plane.set, number))
            .collect::<Result<Vec<_>, Error>>()?;
        let mut bed = Self {
            site: site.clone(),
            archives,
            door,
            nodes,
            control_plane,
        };
        say("namespaces, networks and certificates made");
        bed.start_programs(manifests, say)?;
        bed.wait_nodes_ready()?;
        bed.control_plane.kubectl(site, &POD_ACCOUNT)?;
        say(&format!("{} real nodes ready", bed.nodes.len()));
        if let Some(manifests) = manifests {
            bed.wait_trainer(manifests, say)?;
        }
        Ok(bed)
    }

    /// Nodes load their images while the control plane starts and takes Trainer's manifests.
    fn start_programs(
        &mut self,
        manifests: Option<&ReleaseManifests>,
        say: &mut dyn FnMut(&str),
    ) -> Result<(), Error> {
        let Self {
            site,
            archives,
            nodes,
            control_plane,
            ..
        } = self;
        let (site, archives) = (&*site, &*archives);
        thread::scope(|scope| {
            let starts: Vec<_> = nodes
                .iter_mut()
                .map(|node| scope.spawn(move || node.start(site, archives)))
                .collect();
            let started = start_control_plane(site, control_plane, manifests, say);
            if started.is_err() {
                // Whatever the nodes still wait for will not come.
                site.stop.trip();
            }
            let joined = starts.into_iter().try_for_each(|start| {
                start
                    .join()
                    .map_err(|_| Error::Keeper("a node's thread broke down".to_owned()))?
            });
            started.and(joined)
        })
    }

    fn wait_nodes_ready(&mut self) -> Result<(), Error> {
        (1..=self.site.options.nodes)
            .try_for_each(|number| self.wait_node_ready(&node::name(number)))
    }

    /// A kubelet that ends instead is an error at once; its log tells why.
    fn wait_node_ready(&mut self, name: &str) -> Result<(), Error> {
        let Self {
            site,
            nodes,
            control_plane,
            ..
        } = self;
        let node = format!("node/{name}");
        let created = ["wait", "--for=create", &node, "--timeout=5s"];
        let ready = ["wait", "--for=condition=Ready", &node, "--timeout=5s"];
        let is_met = |arguments: &[&str]| control_plane.kubectl(site, arguments).is_ok();
        let component = format!("kubelet@{name}");
        let mut ended = false;
        site.wait(&format!("{name} is ready"), &component, || {
            ended = nodes
                .iter_mut()
                .any(|node| node.name() == name && node.kubelet_has_ended());
            ended || (is_met(&created) && is_met(&ready))
        })?;
        if ended {
            return Err(Error::Command {
                what: format!("starting the kubelet of {name}"),
                output: log_tail(&site.log(&component)),
            });
        }
        Ok(())
    }

    fn wait_trainer(
        &self,
        manifests: &ReleaseManifests,
        say: &mut dyn FnMut(&str),
    ) -> Result<(), Error> {
        let kubectl = || self.site.kubectl(&self.control_plane.set);
        let installer = installer(&kubectl, manifests);
        installer.wait_available()?;
        say("Trainer and JobSet available");
        installer.apply_runtimes()?;
        self.site
            .wait("the webhooks answer", "kube-apiserver", || {
                installer.probe_webhooks().is_ok()
            })?;
        say("runtimes applied, webhooks answer");
        if self.site.options.fake_nodes > 0 {
            fake_nodes::apply_runtime(&self.site, &self.control_plane.set)?;
        }
        Ok(())
    }

    /// For kubeconfigs: `https://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> String {
        self.door.url()
    }

    /// The first process of the control plane's namespaces, as this machine sees it.
    pub(crate) fn control_plane(&self) -> u32 {
        self.control_plane.set.init()
    }

    /// Kills a node's kubelet; its containers go on.
    pub(crate) fn stop_kubelet(&mut self, name: &str) -> Result<(), Error> {
        self.node(name)?.stop_kubelet();
        Ok(())
    }

    /// Starts a stopped kubelet and waits until it answers and its node is ready.
    pub(crate) fn start_kubelet(&mut self, name: &str) -> Result<(), Error> {
        let site = self.site.clone();
        self.node(name)?.start_kubelet(&site)?;
        // The node may not have been missed yet, so being ready alone proves nothing.
        let health = format!("/api/v1/nodes/{name}/proxy/healthz");
        site.wait(
            &format!("the kubelet of {name} answers"),
            &format!("kubelet@{name}"),
            || {
                self.control_plane
                    .kubectl(&site, &["get", "--raw", &health])
                    .is_ok()
            },
        )?;
        self.wait_node_ready(name)
    }

    /// Kills the API server and starts it again until it is ready.
    pub(crate) fn restart_api_server(&mut self) -> Result<(), Error> {
        let site = self.site.clone();
        self.control_plane.start_api_server(&site)
    }

    /// Ends everything on a node at once, as a power cut does.
    pub(crate) fn kill_node(&mut self, name: &str) -> Result<(), Error> {
        self.node(name)?;
        self.nodes.retain(|node| node.name() != name);
        Ok(())
    }

    /// Brings a killed node back, with its images and without its containers, or one whose kubelet was stopped.
    pub(crate) fn start_node(&mut self, name: &str) -> Result<(), Error> {
        let number = (1..=self.site.options.nodes).find(|number| node::name(*number) == name);
        let number = number.ok_or_else(|| no_such_node(name))?;
        if self.node(name).is_err() {
            let mut node = Node::create(&self.site, &self.control_plane.set, number)?;
            node.start(&self.site, &self.archives)?;
            self.nodes.push(node);
        }
        self.start_kubelet(name)
    }

    fn node(&mut self, name: &str) -> Result<&mut Node, Error> {
        let found = self.nodes.iter_mut().find(|node| node.name() == name);
        found.ok_or_else(|| no_such_node(name))
    }
}

impl Drop for Bed {
    /// Everything dies at once here; the parts that are dropped next only wait for it.
    fn drop(&mut self) {
        self.site.stop.trip();
    }
}

fn start_control_plane(
    site: &Site,
    control_plane: &mut ControlPlane,
    manifests: Option<&ReleaseManifests>,
    say: &mut dyn FnMut(&str),
) -> Result<(), Error> {
    control_plane.start(site)?;
    say("API server ready");
    if let Some(manifests) = manifests {
        installer(&|| site.kubectl(&control_plane.set), manifests).apply_manager()?;
        say(&format!(
            "manifests of Trainer {} applied",
            manifests.version
        ));
    }
    Ok(())
}

fn installer<'a>(
    kubectl: &'a dyn Fn() -> std::process::Command,
    manifests: &'a ReleaseManifests,
) -> Installer<'a> {
    Installer { kubectl, manifests }
}

fn no_such_node(name: &str) -> Error {
    Error::Command {
        what: format!("finding the node {name}"),
        output: "no such node runs; see: kubectl get nodes".to_owned(),
    }
}

fn archives(site: &Site, manifests: Option<&ReleaseManifests>) -> Result<Vec<PathBuf>, Error> {
    let mut archives = vec![
        Recipe::pause(site.programs.path(PAUSE)).archive()?,
        Recipe::busybox()?.archive()?,
    ];
    if let Some(manifests) = manifests {
        archives.extend(trainer::archives(manifests, &site.programs)?);
    }
    let images = site.options.images.iter();
    archives.extend(images.map(|image| image.contents().path()));
    Ok(archives)
}
