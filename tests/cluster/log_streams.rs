//! Streams of logs on the way from a real kubelet: how many connections they take, what refuses or breaks them, and a
//! credential that stops being accepted while they are read.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::future::join_all;
use kubectl_trainer::cluster::{
    Attempt, Cluster, ConnectionOptions, FailureKind, Follow, LogPool, LogRange, LogRefusal,
    LogStream, LogStreamRequest, RequestLog, RequestObserver, RequestRecord,
};
use serde_json::{Value, json};
use testbed::{Fault, Matcher, Namespace, Testbed, Times, User};
use tokio::time::timeout;

use crate::support::{PlainServer, kubectl, run, wait_until};

const POD: &str = "speaker";
/// Says one line and then nothing; what a follower that is connected has seen.
const SPEAKER: &str = "echo first; sleep 600";
const LIMIT: Duration = Duration::from_mins(2);

/// Remembers every request.
#[derive(Default)]
struct Requests(Mutex<Vec<RequestRecord>>);

impl RequestObserver for Requests {
    fn on_request(&self, record: &RequestRecord) {
        self.0.lock().unwrap().push(record.clone());
    }
}

impl Requests {
    fn count(&self, path: &str) -> usize {
        let records = self.0.lock().unwrap();
        let same = records
            .iter()
            .filter(|record| record.path.starts_with(path));
        same.count()
    }

    fn protocols(&self) -> Vec<String> {
        let records = self.0.lock().unwrap();
        let answered = records
            .iter()
            .filter_map(|record| record.outcome.clone().ok());
        answered.map(|(_, protocol)| protocol).collect()
    }
}

/// A pod that speaks, in a namespace of the test's own, and a pool that reads it.
struct Scene {
    bed: Testbed,
    namespace: Namespace,
    requests: Arc<Requests>,
}

impl Scene {
    fn new(bed: &Testbed, hint: &str) -> Self {
        let namespace = bed.namespace(hint).unwrap();
        namespace.run_pod(POD, SPEAKER).unwrap();
        namespace.wait_phase(POD, "Running", 60).unwrap();
        // A container that runs need not have written yet.
        let logs = ["logs", POD, "--namespace", namespace.name()];
        wait_until("the pod has spoken", || kubectl(bed, &logs) == "first\n");
        Self {
            bed: bed.clone(),
            namespace,
            requests: Arc::default(),
        }
    }

    fn options(&self, kubeconfig: &Path) -> ConnectionOptions {
        ConnectionOptions {
            kubeconfig: Some(kubeconfig.to_owned()),
            request_log: RequestLog::lines(Arc::clone(&self.requests) as Arc<dyn RequestObserver>),
            ..ConnectionOptions::default()
        }
    }

    async fn cluster(&self) -> Cluster {
        let kubeconfig = self.bed.kubeconfig(&User::Admin).unwrap();
        Cluster::connect(&self.options(&kubeconfig)).await.unwrap()
    }

    fn request(&self, follow: Follow) -> LogStreamRequest {
        LogStreamRequest {
            namespace: self.namespace.name().into(),
            pod: POD.into(),
            container: "main".into(),
            range: LogRange::Whole,
            follow,
            attempt: Attempt::Current,
        }
    }

    /// Requests for the log of the pod.
    fn matcher(&self) -> Matcher {
        let namespace = self.namespace.name();
        Matcher::Request {
            method: None,
            path_prefix: format!("/api/v1/namespaces/{namespace}/pods/{POD}/log"),
        }
    }
}

/// The text of the first line of a stream, without its stamp.
async fn first_line(stream: &mut LogStream) -> String {
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        let chunk = timeout(LIMIT, stream.chunk()).await.unwrap().unwrap();
        line.extend_from_slice(&chunk.unwrap());
    }
    let line = String::from_utf8(line).unwrap();
    line.split_once(' ').unwrap().1.to_owned()
}

#[track_caller]
fn assert_busy(refusal: LogRefusal, expected: &str) -> Option<Duration> {
    let LogRefusal::Busy { wait, message } = refusal else {
        panic!("not busy: {refusal:?}");
    };
    assert!(message.contains(expected), "{message}");
    wait
}

#[test]
fn two_hundred_streams_share_three_connections() {
    let Some(bed) = Testbed::shared() else { return };
    let scene = Scene::new(&bed, "log-many");
    run(async {
        let pool = LogPool::new(&scene.cluster().await);
        // A stream has its place for as long as it is held. One that follows would also hold one of the few inotify
        // instances of the machine.
        let request = scene.request(Follow::No);
        let opened = join_all((0..200).map(|_| pool.open(&request))).await;
        let mut streams: Vec<_> = opened.into_iter().map(Result::unwrap).collect();
        for stream in &mut streams {
            assert_eq!(first_line(stream).await, "first\n");
        }
        assert_eq!(scene.requests.count("/version"), 3);
        // What is given back can be taken again.
        drop(streams);
        let again = join_all((0..200).map(|_| pool.open(&request))).await;
        assert!(again.iter().all(Result::is_ok));
        assert_eq!(scene.requests.count("/version"), 3);
    });
}

#[test]
fn a_log_is_read_to_its_end_from_any_place() {
    let Some(bed) = Testbed::shared() else { return };
    let scene = Scene::new(&bed, "log-ranges");
    run(async {
        let pool = LogPool::new(&scene.cluster().await);
        let mut request = scene.request(Follow::Yes);
        let mut followed = pool.open(&request).await.unwrap();
        assert_eq!(first_line(&mut followed).await, "first\n");
        request.follow = Follow::No;
        let mut whole = pool.open(&request).await.unwrap();
        assert_eq!(first_line(&mut whole).await, "first\n");
        assert!(whole.chunk().await.unwrap().is_none());
        let turn = pool.wait_for_last_line().await;
        let last = pool
            .fetch_last_line(&turn, &request)
            .await
            .unwrap()
            .unwrap();
        assert!(last.ends_with(b" first\n"));
        request.range = LogRange::Tail(0);
        let mut nothing = pool.open(&request).await.unwrap();
        assert!(nothing.chunk().await.unwrap().is_none());
        // Far in the future there is no line yet.
        request.range = LogRange::Since(4_000_000_000);
        let mut nothing = pool.open(&request).await.unwrap();
        assert!(nothing.chunk().await.unwrap().is_none());
    });
}

#[test]
fn what_is_not_there_is_told_in_the_servers_words() {
    let Some(bed) = Testbed::shared() else { return };
    let scene = Scene::new(&bed, "log-absent");
    run(async {
        let pool = LogPool::new(&scene.cluster().await);
        let mut previous = scene.request(Follow::Yes);
        previous.attempt = Attempt::Previous;
        let mut container = scene.request(Follow::Yes);
        container.container = "other".into();
        let mut pod = scene.request(Follow::Yes);
        pod.pod = "gone".into();
        for (request, expected) in [
            (previous, "previous terminated container \"main\""),
            (container, "container other is not valid"),
            (pod, "pods \"gone\" not found"),
        ] {
            match pool.open(&request).await {
                Err(LogRefusal::NotThere { message }) => {
                    assert!(message.contains(expected), "{message}");
                }
                other => panic!("{expected}: {:?}", other.err()),
            }
        }
    });
}

#[test]
fn who_may_not_read_logs_learns_the_rule() {
    let Some(bed) = Testbed::shared() else { return };
    let scene = Scene::new(&bed, "log-forbidden");
    let user = User::Certificate {
        name: "ann",
        groups: &[],
    };
    let kubeconfig = bed.kubeconfig(&user).unwrap();
    run(async {
        let cluster = Cluster::connect(&scene.options(&kubeconfig)).await.unwrap();
        let refused = LogPool::new(&cluster)
            .open(&scene.request(Follow::Yes))
            .await;
        let Err(LogRefusal::Forbidden(failure)) = refused else {
            panic!("not forbidden: {:?}", refused.err());
        };
        let namespace = scene.namespace.name();
        assert_eq!(
            failure.to_string(),
            format!("forbidden: user \"ann\" may not get pods/log {POD} in namespace {namespace}")
        );
    });
}

#[test]
fn a_server_that_answers_with_an_error_is_busy() {
    let Some(bed) = Testbed::shared() else { return };
    let scene = Scene::new(&bed, "log-busy");
    let proxy = bed.between_client_and_server();
    run(async {
        let pool = LogPool::new(&scene.cluster().await);
        for code in [429, 500, 503] {
            let answer = Fault::Answer(code);
            let _fault = proxy.set(scene.matcher(), answer, Times::Always).unwrap();
            let refused = pool.open(&scene.request(Follow::Yes)).await;
            let wait = assert_busy(refused.err().unwrap(), &format!("answered HTTP {code}"));
            assert_eq!(wait.is_some(), code == 429, "{code}");
        }
        let mut stream = pool.open(&scene.request(Follow::Yes)).await.unwrap();
        assert_eq!(first_line(&mut stream).await, "first\n");
    });
}

#[test]
fn a_stream_that_is_cut_is_told_from_one_that_ends() {
    let Some(bed) = Testbed::shared() else { return };
    let scene = Scene::new(&bed, "log-cut");
    let proxy = bed.between_client_and_server();
    run(async {
        let pool = LogPool::new(&scene.cluster().await);
        for fault in [Fault::Cut, Fault::CutAfter(0)] {
            let mut stream = pool.open(&scene.request(Follow::Yes)).await.unwrap();
            assert_eq!(first_line(&mut stream).await, "first\n");
            let cut = proxy.set(scene.matcher(), fault, Times::Always).unwrap();
            let broken = timeout(LIMIT, stream.chunk()).await.unwrap();
            assert!(broken.is_err(), "{fault:?}: {broken:?}");
            drop(cut);
            let mut next = pool.open(&scene.request(Follow::Yes)).await.unwrap();
            assert_eq!(first_line(&mut next).await, "first\n");
        }
    });
}

#[test]
fn streams_come_back_after_the_api_server_was_restarted() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    let scene = Scene::new(&bed, "log-restart");
    run(async {
        let pool = LogPool::new(&scene.cluster().await);
        let request = scene.request(Follow::Yes);
        let opened = join_all((0..20).map(|_| pool.open(&request))).await;
        let mut streams: Vec<_> = opened.into_iter().map(Result::unwrap).collect();
        first_line(&mut streams[0]).await;
        bed.restart_api_server().unwrap();
        for stream in &mut streams {
            let end = async { while let Ok(Some(_)) = stream.chunk().await {} };
            timeout(LIMIT, end).await.unwrap();
        }
        let again = join_all((0..20).map(|_| pool.open(&request))).await;
        assert!(again.iter().all(Result::is_ok));
    });
}

#[test]
fn those_who_wait_for_a_connection_share_the_reason_why_there_is_none() {
    let Some(bed) = Testbed::exclusive() else {
        return;
    };
    let scene = Scene::new(&bed, "log-refused");
    run(async {
        let pool = LogPool::new(&scene.cluster().await);
        let request = scene.request(Follow::Yes);
        let proxy = bed.between_client_and_server();
        let _fault = proxy
            .set(Matcher::Any, Fault::Refuse, Times::Always)
            .unwrap();
        let words = "nothing listens at";
        let is_closed = async {
            while !matches!(
                pool.open(&request).await,
                Err(LogRefusal::Busy { message, .. }) if message.contains(words)
            ) {}
        };
        // The proxy closes its port a moment after it was told to.
        timeout(LIMIT, is_closed).await.unwrap();
        let refused = join_all((0..90).map(|_| pool.open(&request))).await;
        for refusal in refused {
            assert_busy(refusal.err().unwrap(), words);
        }
    });
}

/// A kubeconfig whose user has this entry.
fn kubeconfig_of(scene: &Scene, folder: &Path, user: &Value) -> std::path::PathBuf {
    let admin = fs::read_to_string(scene.bed.kubeconfig(&User::Admin).unwrap()).unwrap();
    let mut config: Value = serde_saphyr::from_str(&admin).unwrap();
    config["users"][0]["user"] = user.clone();
    let path = folder.join("kubeconfig");
    fs::write(&path, config.to_string()).unwrap();
    path
}

/// A service account that may read logs.
fn reader(scene: &Scene) {
    let name = scene.namespace.name();
    let role = format!("--serviceaccount={name}:reader");
    kubectl(
        &scene.bed,
        &["-n", name, "create", "serviceaccount", "reader"],
    );
    let grant = [
        "-n",
        name,
        "create",
        "rolebinding",
        "reader",
        "--clusterrole=view",
    ];
    kubectl(&scene.bed, &[&grant[..], &[role.as_str()]].concat());
}

/// A token that is good for as long as this Secret is there.
fn token(scene: &Scene, secret: &str) -> String {
    let name = scene.namespace.name();
    kubectl(
        &scene.bed,
        &["-n", name, "create", "secret", "generic", secret],
    );
    let bound = format!("--bound-object-name={secret}");
    let create = [
        "-n",
        name,
        "create",
        "token",
        "reader",
        "--bound-object-kind=Secret",
    ];
    let token = kubectl(&scene.bed, &[&create[..], &[bound.as_str()]].concat());
    token.trim().to_owned()
}

#[test]
fn a_rotated_token_file_is_read_again() {
    let Some(bed) = Testbed::shared() else { return };
    let scene = Scene::new(&bed, "log-rotated");
    reader(&scene);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let old = token(&scene, "old");
    fs::write(&file, &old).unwrap();
    let kubeconfig = kubeconfig_of(&scene, folder.path(), &json!({ "tokenFile": file }));
    run(async {
        let cluster = Cluster::connect(&scene.options(&kubeconfig)).await.unwrap();
        let pool = LogPool::new(&cluster);
        let request = scene.request(Follow::Yes);
        let mut stream = pool.open(&request).await.unwrap();
        first_line(&mut stream).await;
        fs::write(&file, token(&scene, "new")).unwrap();
        let name = scene.namespace.name();
        kubectl(&bed, &["-n", name, "delete", "secret", "old"]);
        wait_until("the old token is refused", || {
            let flag = format!("--token={old}");
            let kubeconfig = kubeconfig_of(&scene, folder.path(), &json!({}));
            let mut ask = std::process::Command::new(bed.kubectl_path());
            ask.args(["auth", "whoami", &flag, "--kubeconfig"])
                .arg(kubeconfig);
            !ask.output().unwrap().status.success()
        });
        kubeconfig_of(&scene, folder.path(), &json!({ "tokenFile": file }));
        let opened = join_all((0..5).map(|_| pool.open(&request))).await;
        for stream in opened {
            assert_eq!(first_line(&mut stream.unwrap()).await, "first\n");
        }
        // What was opened with the old token goes on, and other requests have the new one too.
        assert!(
            timeout(Duration::from_millis(100), stream.chunk())
                .await
                .is_err()
        );
        cluster.fetch_version().await.unwrap();
    });
}

#[test]
fn a_credential_plugin_runs_once_for_all_connections_and_once_more_for_all_that_were_refused() {
    let Some(bed) = Testbed::shared() else { return };
    let scene = Scene::new(&bed, "log-plugin");
    reader(&scene);
    let folder = tempfile::tempdir().unwrap();
    let (runs, plugin) = (folder.path().join("runs"), folder.path().join("plugin"));
    let credential = json!({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
        "status": {"token": token(&scene, "plugin")}});
    let script = format!(
        "#!/bin/sh\necho run >>{}\necho '{credential}'\n",
        runs.display()
    );
    fs::write(&plugin, script).unwrap();
    fs::set_permissions(&plugin, fs::Permissions::from_mode(0o700)).unwrap();
    let user = json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": plugin,
        "interactiveMode": "Never"}});
    let kubeconfig = kubeconfig_of(&scene, folder.path(), &user);
    let runs = || fs::read_to_string(&runs).unwrap().lines().count();
    run(async {
        let cluster = Cluster::connect(&scene.options(&kubeconfig)).await.unwrap();
        let pool = LogPool::new(&cluster);
        let request = scene.request(Follow::No);
        let opened = join_all((0..100).map(|_| pool.open(&request))).await;
        assert!(opened.iter().all(Result::is_ok));
        assert_eq!((scene.requests.count("/version"), runs()), (2, 1));
        let proxy = bed.between_client_and_server();
        let refuse = Fault::Answer(401);
        let fault = proxy.set(scene.matcher(), refuse, Times::Next(5)).unwrap();
        let opened = join_all((0..5).map(|_| pool.open(&request))).await;
        assert!(
            opened.iter().all(Result::is_ok),
            "{opened:?}",
            opened = errors(&opened)
        );
        assert_eq!(runs(), 2);
        drop(fault);
        // A credential that is refused as soon as it was read is not read again and again.
        let _fault = proxy.set(scene.matcher(), refuse, Times::Always).unwrap();
        let refused = pool.open(&request).await.err().unwrap();
        let LogRefusal::Forbidden(failure) = refused else {
            panic!("not forbidden: {refused:?}");
        };
        assert!(matches!(failure.kind, FailureKind::Unauthorized { .. }));
        assert_eq!(runs(), 3);
    });
}

fn errors(opened: &[Result<LogStream, LogRefusal>]) -> Vec<&LogRefusal> {
    opened.iter().filter_map(|one| one.as_ref().err()).collect()
}

#[test]
fn where_there_is_no_http2_each_stream_has_a_connection_of_its_own() {
    let Some(bed) = Testbed::shared() else { return };
    let scene = Scene::new(&bed, "log-plain");
    let server = PlainServer::start(&bed);
    let kubeconfig = bed.kubeconfig(&User::Admin).unwrap();
    run(async {
        let mut options = scene.options(&kubeconfig);
        options.server = Some(server.url.clone());
        let pool = LogPool::new(&Cluster::connect(&options).await.unwrap());
        let request = scene.request(Follow::Yes);
        let opened = join_all((0..5).map(|_| pool.open(&request))).await;
        for stream in opened {
            assert_eq!(first_line(&mut stream.unwrap()).await, "first\n");
        }
        assert_eq!(scene.requests.protocols(), vec!["HTTP/1.1"; 5]);
        let mut whole = pool.open(&scene.request(Follow::No)).await.unwrap();
        assert_eq!(first_line(&mut whole).await, "first\n");
        assert!(whole.chunk().await.unwrap().is_none());
    });
}
