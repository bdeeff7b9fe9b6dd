//! The keeper: the process that owns a bed, and with which the bed ends.
//!
//! It ends on a request, on a signal, and when the process that launched it ends without having said `detach`.

use std::fs;
use std::io::{BufRead, sink, stdin, stdout};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use crate::bed::Bed;
use crate::bundle::ReleaseManifests;
use crate::error::Error;
use crate::folder::BedFolder;
use crate::kubeconfig::{self, Credential};
use crate::options::Options;
use crate::pki::{PKI_FOLDER, Pki};
use crate::process::Stop;
use crate::programs::{Programs, base_catalogue};
use crate::protocol::{Answer, DETACH, Event, NodeAction, Record, Request, receive, send};
use crate::site::Site;
use crate::{sweep, trainer};

/// A request is one short line, sent at once.
const REQUEST_LIMIT: Duration = Duration::from_secs(5);

/// What reaches the thread that owns the bed.
enum Message {
    Stop,
    RestartApiServer(UnixStream),
    Node(NodeAction, String, UnixStream),
}

/// Puts a bed up, keeps it until it shall end, and takes it down. The calling thread must be the main one.
pub fn keep(options: &str) -> Result<(), Error> {
    let options: Options =
        serde_json::from_str(options).map_err(Error::command("reading the options of a bed"))?;
    // A session of its own keeps the terminal's Ctrl-C away; what it means for the bed, the launcher's end tells.
    let _ = rustix::process::setsid();
    let folder = BedFolder::new(&options.name)?;
    let lock = folder.create_and_lock().inspect_err(report_failure)?;
    log_panics(&folder);
    let kept = keep_locked(&folder, options);
    let swept = sweep::clear(&folder);
    drop(lock);
    // Said last, so that who hears of the failure finds nothing left.
    kept.and(swept).inspect_err(report_failure)
}

fn keep_locked(folder: &BedFolder, options: Options) -> Result<(), Error> {
    let manifests = trainer::manifests(&options, &mut sink())?;
    let site = site(folder, options, manifests.as_ref())?;
    let (sender, messages) = channel();
    watch_launcher(site.stop.clone(), sender.clone());
    watch_signals(site.stop.clone(), sender.clone())?;
    listen(folder, site.stop.clone(), sender)?;
    let mut say = |step: &str| emit(&Event::Step(step.to_owned()));
    let mut bed = Bed::start(&site, manifests.as_ref(), &mut say)?;
    let record = Record {
        options: site.options.clone(),
        url: bed.url(),
        kubectl: site.programs.path("kubectl"),
        keeper: std::process::id(),
        control_plane: bed.control_plane(),
    };
    let admin = folder.join("admin.kubeconfig");
    kubeconfig::write(
        &admin,
        "testbed",
        &record.url,
        &site.pki,
        &Credential::Certificate("admin"),
    )?;
    record.write(folder)?;
    emit(&Event::Ready);
    serve(&mut bed, &messages);
    Ok(())
}

fn site(
    folder: &BedFolder,
    options: Options,
    manifests: Option<&ReleaseManifests>,
) -> Result<Site, Error> {
    let mut catalogue = base_catalogue();
    catalogue.extend(manifests.into_iter().flat_map(trainer::programs));
    Ok(Site {
        folder: folder.clone(),
        programs: Programs::locate(&catalogue)?,
        pki: Pki::at(folder.join(PKI_FOLDER)),
        stop: Stop::default(),
        options,
    })
}

/// Answers requests one after the other until the bed shall end.
fn serve(bed: &mut Bed, messages: &Receiver<Message>) {
    while let Ok(message) = messages.recv() {
        let (done, mut stream) = match message {
            Message::Stop => return,
            Message::RestartApiServer(stream) => (bed.restart_api_server(), stream),
            Message::Node(action, node, stream) => (act_on_node(bed, action, &node), stream),
        };
        answer(&mut stream, &done.map_err(|error| error.to_string()));
    }
}

fn act_on_node(bed: &mut Bed, action: NodeAction, node: &str) -> Result<(), Error> {
    match action {
        NodeAction::StopKubelet => bed.stop_kubelet(node),
        NodeAction::StartKubelet => bed.start_kubelet(node),
        NodeAction::Kill => bed.kill_node(node),
        NodeAction::Start => bed.start_node(node),
    }
}

fn answer(stream: &mut UnixStream, answer: &Answer) {
    // Who asked may have gone; the request is carried out all the same.
    let _ = send(stream, answer);
}

/// Ends the bed when the launcher's end of stdin closes, unless it said `detach` before.
fn watch_launcher(stop: Stop, sender: Sender<Message>) {
    thread::spawn(move || {
        let detached = stdin()
            .lock()
            .lines()
            .map_while(Result::ok)
            .any(|line| line == DETACH);
        if !detached {
            end(&stop, &sender);
        }
    });
}

fn watch_signals(stop: Stop, sender: Sender<Message>) -> Result<(), Error> {
    let runtime = signal_runtime()?;
    thread::spawn(move || {
        runtime.block_on(wait_signal());
        end(&stop, &sender);
    });
    Ok(())
}

/// What `wait_signal` runs on.
pub(crate) fn signal_runtime() -> Result<tokio::runtime::Runtime, Error> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::command("listening for signals"))
}

/// Waits for a signal that asks this process to end.
pub(crate) async fn wait_signal() {
    let kinds = [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ];
    let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = kinds.map(signal) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
}

fn end(stop: &Stop, sender: &Sender<Message>) {
    stop.trip();
    // Nobody receives any more when the bed is already on its way down.
    let _ = sender.send(Message::Stop);
}

/// From the start on, so that a bed that is still starting can be taken down.
fn listen(folder: &BedFolder, stop: Stop, sender: Sender<Message>) -> Result<(), Error> {
    let path = folder.control_socket();
    let listener = UnixListener::bind(&path).map_err(Error::file("make", &path))?;
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // One that stays silent must not keep the others waiting.
            let _ = stream.set_read_timeout(Some(REQUEST_LIMIT));
            match receive(&stream) {
                Some(Request::Down) => {
                    answer(&mut stream, &Ok(()));
                    end(&stop, &sender);
                }
                Some(Request::RestartApiServer) => {
                    let _ = sender.send(Message::RestartApiServer(stream));
                }
                Some(Request::Node(action, node)) => {
                    let _ = sender.send(Message::Node(action, node, stream));
                }
                None => {}
            }
        }
    });
    Ok(())
}

/// The keeper has no stderr; what breaks down says so in `keeper.log`, and to the launcher while there is one.
fn log_panics(folder: &BedFolder) {
    let log = folder.log("keeper");
    std::panic::set_hook(Box::new(move |panic| {
        let _ = fs::write(&log, panic.to_string());
        emit(&Event::Failed(panic.to_string()));
    }));
}

fn report_failure(error: &Error) {
    emit(&Event::Failed(error.to_string()));
}

fn emit(event: &Event) {
    // After `detach` nobody listens any more.
    let _ = send(&mut stdout().lock(), event);
}
