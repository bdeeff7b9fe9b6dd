//! A way to a bed's API server that nothing terminates: the bed's own door is a proxy with TLS of its own, and these
//! tests are about what the API server itself says to a client's TLS.

use std::{
    fs::{self, File},
    io,
    net::{Shutdown, TcpListener, TcpStream},
    os::fd::AsFd,
    path::{Path, PathBuf},
    thread,
};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Where the API server listens, in its own network.
const API_SERVER: &str = "127.0.0.1:443";

/// Opens a port of this machine that leads to the API server of the bed in `folder`, and gives its URL.
/// It is there until the test's process ends.
pub(crate) fn open(folder: &Path) -> String {
    let network = network_of_api_server(folder);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let network = network.clone();
            thread::spawn(move || carry(client, &network));
        }
    });
    url
}

/// The network namespace of the bed's kube-apiserver, found by its command line, which names the bed's folder.
fn network_of_api_server(folder: &Path) -> PathBuf {
    let folder = folder.to_string_lossy().into_owned();
    let processes = fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .map(|entry| entry.path());
    let is_server = |process: &PathBuf| {
        let command = fs::read(process.join("cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).into_owned();
        let program = command.split('\0').next().unwrap_or_default().to_owned();
        program.ends_with("/kube-apiserver") && command.contains(&folder)
    };
    processes
        .into_iter()
        .find(is_server)
        .unwrap()
        .join("ns/net")
}

/// Only the thread changes its network; the rest of the process stays where it is.
fn carry(client: TcpStream, network: &Path) -> io::Result<()> {
    move_into_link_name_space(
        File::open(network)?.as_fd(),
        Some(LinkNameSpaceType::Network),
    )?;
    let server = TcpStream::connect(API_SERVER)?;
    let there = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || pass_on(there.0, there.1));
    pass_on(server, client)
}

/// Copies until one side has said everything, and tells the other.
pub(crate) fn pass_on(mut from: TcpStream, mut to: TcpStream) -> io::Result<()> {
    let copied = io::copy(&mut from, &mut to);
    to.shutdown(Shutdown::Write)?;
    copied.map(drop)
}
