//! A job's pods while the watch of them fails: what comes up meanwhile is seen all the same.

use std::time::{Duration, Instant};

use serde_json::json;
use testbed::{ActiveFault, Fault, Matcher, Namespace, Testbed, Times};

use crate::{
    support::wait_until,
    watched::{Watched, apply, in_namespace, torch, watch},
};

/// Ends at once when it is told to.
const STAYS: &str = "trap exit TERM; sleep 600 & wait";

/// Somebody who watches a job of one node that runs.
struct Scene {
    bed: Testbed,
    namespace: Namespace,
    watched: Watched,
}

impl Scene {
    fn begin(hint: &str) -> Option<Self> {
        let bed = Testbed::shared()?;
        let namespace = bed.namespace(hint).unwrap();
        apply(&bed, &namespace, torch("steady", 1, STAYS));
        let mut watched = watch(&bed, &namespace, "steady");
        watched.expect("start node-0 0");
        Some(Self {
            bed,
            namespace,
            watched,
        })
    }

    /// Sets a fault for requests about pods whose path goes on so; the watch's own begin with `?&`, kubectl's do not.
    fn fault(&self, path: &str, fault: Fault, times: u64) -> ActiveFault {
        let namespace = self.namespace.name();
        let pods = Matcher::Request {
            method: None,
            path_prefix: format!("/api/v1/namespaces/{namespace}/pods{path}"),
        };
        let proxy = self.bed.between_client_and_server();
        proxy.set(pods, fault, Times::Next(times)).unwrap()
    }

    /// The pod is deleted, and its Job makes another, which has to be seen.
    #[track_caller]
    fn expect_another_pod(&mut self) {
        let pods = ["delete", "pods", "--all", "--wait=false"];
        in_namespace(&self.bed, &self.namespace, &pods);
        self.watched.expect("start node-0 0");
        assert_eq!(self.watched.saw("start"), 2, "{:#?}", self.watched.seen);
    }
}

#[track_caller]
fn wait_until_used_up(fault: &ActiveFault) {
    wait_until("the fault has happened", || fault.hits().unwrap().is_none());
}

#[test]
fn a_pod_that_comes_while_the_watch_is_cut_and_the_server_has_errors_is_seen() {
    let Some(mut scene) = Scene::begin("watch-cut") else {
        return;
    };
    let errors = scene.fault("?&", Fault::Answer(500), 3);
    let cut = scene.fault("?&", Fault::Cut, 1);
    wait_until_used_up(&cut);
    scene.expect_another_pod();
    drop((cut, errors));
}

#[test]
fn a_watch_whose_place_the_server_has_forgotten_begins_anew() {
    let Some(mut scene) = Scene::begin("watch-gone") else {
        return;
    };
    let gone = scene.fault("?&watch=true", Fault::Answer(410), 4);
    let cut = scene.fault("?&watch=true", Fault::Cut, 1);
    wait_until_used_up(&cut);
    let begun = Instant::now();
    wait_until_used_up(&gone);
    // A server that forgets every place at once is not asked in a loop.
    assert!(begun.elapsed() > Duration::from_millis(500));
    scene.expect_another_pod();
}

#[test]
fn a_job_whose_job_set_cannot_be_read_is_followed_all_the_same() {
    let Some(bed) = Testbed::shared() else { return };
    let namespace = bed.namespace("watch-hidden").unwrap();
    let job_sets = Matcher::Request {
        method: None,
        path_prefix: format!(
            "/apis/jobset.x-k8s.io/v1alpha2/namespaces/{}/jobsets?",
            namespace.name()
        ),
    };
    let proxy = bed.between_client_and_server();
    let broken = proxy.set(job_sets, Fault::Answer(500), Times::Always);
    apply(&bed, &namespace, torch("steady", 1, STAYS));
    let mut watched = watch(&bed, &namespace, "steady");
    watched.expect("start node-0 0");
    drop(broken.unwrap());
}

#[test]
fn a_watch_that_stalls_is_taken_up_again_within_a_minute() {
    let Some(mut scene) = Scene::begin("watch-stall") else {
        return;
    };
    let stall = scene.fault("?&watch=true", Fault::Stall, 1);
    wait_until_used_up(&stall);
    scene.expect_another_pod();
    drop(stall);
}

#[test]
fn a_job_that_ends_while_nobody_can_look_is_over_when_somebody_can() {
    let Some(mut scene) = Scene::begin("watch-end") else {
        return;
    };
    let namespace = scene.namespace.name().to_owned();
    let everything = |path: &str| Matcher::Request {
        method: None,
        path_prefix: format!("{path}/namespaces/{namespace}/"),
    };
    let proxy = scene.bed.between_client_and_server();
    let groups = [
        "/api/v1",
        "/apis/trainer.kubeflow.org/v1alpha1",
        "/apis/jobset.x-k8s.io/v1alpha2",
    ];
    let faults = groups.map(|group| {
        let cut = proxy
            .set(everything(group), Fault::Cut, Times::Next(1))
            .unwrap();
        let busy = proxy
            .set(everything(group), Fault::Answer(503), Times::Always)
            .unwrap();
        (cut, busy)
    });
    scene.watched.expect("stale ");
    let done = json!({"status": {"conditions": [{
        "type": "Complete", "status": "True", "reason": "Done", "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z"
    }]}});
    let patch = [
        "patch",
        "trainjob",
        "steady",
        "--subresource=status",
        "--type=merge",
        "-p",
        &done.to_string(),
    ];
    // kubectl passes the same proxy.
    drop(faults);
    in_namespace(&scene.bed, &scene.namespace, &patch);
    scene.watched.expect("over Complete");
}
