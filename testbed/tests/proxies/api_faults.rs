//! Every fault between a client and the API server.

use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use testbed::faults::{ActiveFault, COMPLETE, Fault, Matcher, Times};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::client::{BOTH, Client, Protocol};
use crate::server::{LINE, LINES, Site, runtime, until};

fn path(prefix: &str) -> Matcher {
    Matcher::Request {
        method: Some("GET".to_owned()),
        path_prefix: prefix.to_owned(),
    }
}

fn set(site: &Site, prefix: &str, fault: Fault) -> ActiveFault {
    site.control
        .set(path(prefix), fault, Times::Always)
        .unwrap()
}

#[test]
fn without_a_fault_everything_passes_whole() {
    let site = Site::start();
    for protocol in BOTH {
        let got = Client::new(&site, None)
            .get(protocol, "/lines", &[])
            .unwrap();
        assert!(got.is_whole && got.body == LINE.repeat(LINES));
    }
    let counters = site.control.counters().unwrap();
    assert_eq!(
        (
            counters.connections,
            counters.faulted,
            counters.requests["GET /lines"]
        ),
        (2, 0, 2)
    );
}

#[test]
fn what_a_client_was_served_is_kept_with_its_request_and_nothing_else() {
    let site = Site::start();
    let folder = site.authority.folder.path().join("served");
    let recording = site.control.record("/lines", &folder).unwrap();
    let fault = set(&site, "/lines", Fault::CutAfter(1000));
    let agent = [("user-agent", "reader/1")];
    for protocol in BOTH {
        let client = Client::new(&site, None);
        let got = client.get(protocol, "/lines?a=b", &agent).unwrap();
        assert_eq!(got.body.len(), 1000);
        assert!(client.get(protocol, "/who", &agent).unwrap().is_whole);
    }
    drop((recording, fault));
    Client::new(&site, None)
        .get(Protocol::Http2, "/lines", &agent)
        .unwrap();
    let records: Vec<String> = files(&folder)
        .iter()
        .map(|record| std::fs::read_to_string(record).unwrap())
        .collect();
    assert_eq!(records.len(), 2, "none of /who, none after the end");
    for record in &records {
        let (head, body) = record.split_once('\n').unwrap();
        assert!(
            head.starts_with("GET ") && head.ends_with("/lines?a=b reader/1"),
            "{head}"
        );
        assert_eq!(body, &LINE.repeat(LINES)[..1000]);
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn a_record_tells_whether_the_server_itself_ended_the_answer() {
    let site = Site::start();
    let recorded = |protocol, name: String| {
        let folder = site.authority.folder.path().join(name);
        let recording = site.control.record("/lines", &folder).unwrap();
        let client = Client::new(&site, None);
        let got = client.get(protocol, "/lines", &[]).unwrap();
        drop(recording);
        let extensions = files(&folder)
            .iter()
            .map(|file| file.extension().map(ToOwned::to_owned))
            .collect::<Vec<_>>();
        (got.is_whole, extensions)
    };
    for protocol in BOTH {
        let fault = set(&site, "/lines", Fault::BreakMidLine(1000));
        let broken = recorded(protocol, format!("broken {protocol:?}"));
        assert_eq!(broken, (false, vec![None]));
        drop(fault);
        let whole = recorded(protocol, format!("whole {protocol:?}"));
        assert_eq!(whole, (true, vec![None, Some(COMPLETE.into())]));
    }
}

#[test]
fn a_cut_breaks_the_connection_before_any_answer_and_only_where_it_was_set() {
    let site = Site::start();
    let _fault = set(&site, "/lines", Fault::Cut);
    for protocol in BOTH {
        let client = Client::new(&site, None);
        client.get(protocol, "/lines", &[]).unwrap_err();
        assert!(client.get(protocol, "/who", &[]).unwrap().is_whole);
    }
}

#[test]
fn a_cut_after_n_bytes_delivers_exactly_these() {
    let site = Site::start();
    for bytes in [0, 1, 1000, 40_000] {
        let _fault = set(&site, "/lines", Fault::CutAfter(bytes));
        for protocol in BOTH {
            let got = Client::new(&site, None)
                .get(protocol, "/lines", &[])
                .unwrap();
            assert_eq!(
                (got.body.len() as u64, got.is_whole),
                (bytes, false),
                "{protocol:?}"
            );
        }
    }
}

#[test]
fn a_break_mid_line_leaves_a_line_without_its_end() {
    let site = Site::start();
    let _fault = set(&site, "/lines", Fault::BreakMidLine(100));
    for protocol in BOTH {
        let got = Client::new(&site, None)
            .get(protocol, "/lines", &[])
            .unwrap();
        assert_eq!(got.body, format!("{}01234567", LINE.repeat(7)));
        assert!(!got.is_whole);
    }
}

#[test]
fn a_delay_comes_before_the_answer() {
    let site = Site::start();
    let _fault = set(&site, "/who", Fault::Delay(Duration::from_millis(120)));
    for protocol in BOTH {
        let start = Instant::now();
        assert!(
            Client::new(&site, None)
                .get(protocol, "/who", &[])
                .unwrap()
                .is_whole
        );
        assert!(start.elapsed() >= Duration::from_millis(120));
    }
}

#[test]
fn a_refusal_is_one_of_the_port_and_ends_when_it_is_cleared() {
    let site = Site::start();
    let client = Client::new(&site, None);
    let fault = site
        .control
        .set(Matcher::Any, Fault::Refuse, Times::Always)
        .unwrap();
    until(|| client.get(Protocol::Http1, "/who", &[]).is_err());
    let error = client.get(Protocol::Http1, "/who", &[]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    drop(fault);
    until(|| client.get(Protocol::Http2, "/who", &[]).is_ok());
}

#[test]
fn a_stall_lasts_until_it_is_cleared() {
    let site = Site::start();
    for protocol in BOTH {
        let client = Client::new(&site, None);
        let fault = set(&site, "/who", Fault::Stall);
        assert!(client.hangs(protocol, "/who"));
        let asking = thread::scope(|scope| {
            let asking = scope.spawn(|| client.get(protocol, "/who", &[]).unwrap());
            until(|| fault.hits().unwrap() == Some(2));
            drop(fault);
            asking.join().unwrap()
        });
        assert!(asking.is_whole);
    }
}

#[test]
fn a_stalled_answer_goes_on_with_the_next_byte() {
    let site = Site::start();
    for protocol in BOTH {
        let fault = set(&site, "/lines", Fault::StallAfter(5000));
        let clear = || drop(fault);
        let (bytes, is_whole) = Client::new(&site, None)
            .get_meanwhile(protocol, "/lines", 5000, clear)
            .unwrap();
        assert!(is_whole && bytes == LINE.repeat(LINES).into_bytes());
    }
}

#[test]
fn an_answer_in_the_servers_place_is_a_status_object_and_comes_as_often_as_it_was_set_for() {
    let site = Site::start();
    for protocol in BOTH {
        for (code, reason) in [
            (401, "Unauthorized"),
            (410, "Expired"),
            (429, "TooManyRequests"),
            (500, "InternalError"),
            (503, "ServiceUnavailable"),
        ] {
            let _fault = site
                .control
                .set(path("/who"), Fault::Answer(code), Times::Next(1))
                .unwrap();
            let client = Client::new(&site, None);
            let got = client.get(protocol, "/who", &[]).unwrap();
            let status: Value = serde_json::from_str(&got.body).unwrap();
            assert_eq!(
                (got.status.as_u16(), &status["reason"], &status["code"]),
                (code, &json!(reason), &json!(code))
            );
            assert_eq!(got.headers.contains_key("retry-after"), code == 429);
            assert_eq!(client.get(protocol, "/who", &[]).unwrap().status, 200);
        }
    }
}

#[test]
fn a_fault_meets_an_answer_that_is_flowing_already() {
    let site = Site::start();
    for protocol in BOTH {
        let client = Client::new(&site, None);
        let mut fault = None;
        let cut = || fault = Some(set(&site, "/endless", Fault::Cut));
        let (bytes, is_whole) = client
            .get_meanwhile(protocol, "/endless", 100, cut)
            .unwrap();
        assert!(bytes.len() >= 100 && !is_whole);
        drop(fault);

        let mut fault = None;
        let break_off = || fault = Some(set(&site, "/endless", Fault::BreakMidLine(50)));
        let (bytes, is_whole) = client
            .get_meanwhile(protocol, "/endless", 100, break_off)
            .unwrap();
        assert!(!is_whole && bytes.len() % LINE.len() == LINE.len() / 2);
        drop(fault);
    }
}

#[test]
fn an_upgraded_connection_carries_both_ways_and_can_be_cut() {
    let site = Site::start();
    let client = Client::new(&site, None);
    let talk = || {
        runtime().block_on(async {
            let headers = [("connection", "Upgrade"), ("upgrade", "echo")];
            let answer = client
                .ask(Protocol::Http1, "/echo", &headers)
                .await
                .unwrap();
            assert_eq!(answer.status(), 101);
            let mut stream = TokioIo::new(hyper::upgrade::on(answer).await.unwrap());
            stream.write_all(b"hello").await.unwrap();
            let mut heard = vec![0; 5];
            let mut length = 0;
            while length < heard.len() {
                match stream.read(&mut heard[length..]).await {
                    Ok(0) | Err(_) => break,
                    Ok(read) => length += read,
                }
            }
            heard.truncate(length);
            heard
        })
    };
    assert_eq!(talk(), b"hello");
    let _fault = set(&site, "/echo", Fault::CutAfter(3));
    assert_eq!(talk(), b"hel");
}

#[test]
fn a_hundred_answers_flow_on_one_connection_and_one_that_nobody_reads_stops_none() {
    let site = Site::start();
    let bodies = runtime().block_on(async {
        Client::new(&site, None)
            .ask_many("/lines", 99, "/endless")
            .await
    });
    assert!(bodies.iter().all(|body| *body == LINE.repeat(LINES)));
}
