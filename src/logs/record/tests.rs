//! Entries as records of the spool, and back.

use super::*;

fn all_kinds() -> Vec<Entry<'static>> {
    let source = SourceId(7);
    let stamp = Stamp {
        seconds: 1_763_723_741,
        nanoseconds: 5,
    };
    let described = LogSource {
        step: "node-0".to_owned(),
        pod: "job-node-0-0-abcde".to_owned(),
        pod_uid: "u".to_owned(),
        container: "node".to_owned(),
        node: None,
        attempt: 2,
        round: 0,
    };
    let mut kinds = vec![
        Entry::Opened { source, described },
        Entry::Gap {
            source,
            after: None,
            before: Some(stamp),
            reason: GapReason::BufferFull,
        },
        Entry::Message {
            source,
            text: b"\xff no such file",
        },
        Entry::Skipped {
            source,
            attempts: 3,
        },
        Entry::Readable { source },
        Entry::Reopened { source },
        Entry::Wait {
            text: Some("TrainJob a: suspended"),
        },
        Entry::Wait { text: None },
        Entry::Ended {
            source,
            end: SourceEnd {
                outcome: Outcome::Incomplete,
                reconnects: 4,
            },
        },
        Entry::Notice { text: "suspended" },
        Entry::Unfinished {
            source,
            stamp,
            text: b"\r 10%\r 2",
        },
    ];
    for part in [Part::Whole, Part::First, Part::Middle, Part::Last] {
        for end in [LineEnd::Newline, LineEnd::Missing] {
            kinds.push(Entry::Piece {
                source,
                stamp,
                part,
                end,
                text: b"a\rb\x00",
            });
        }
    }
    kinds
}

#[test]
fn every_kind_of_entry_comes_back_as_it_went() {
    let mut text = Vec::new();
    for entry in all_kinds() {
        let record = entry.to_record(&mut text);
        assert_eq!(Entry::of_record(&record).unwrap(), entry);
    }
}

#[test]
fn a_record_of_an_unknown_kind_is_refused() {
    let record = Record {
        source: 0,
        stamp: None,
        tag: 99,
        text: b"",
    };
    assert!(Entry::of_record(&record).is_err());
}

#[test]
fn what_is_no_line_is_refused_where_it_is_cut_or_longer() {
    let mut text = Vec::new();
    for entry in all_kinds() {
        let record = entry.to_record(&mut text);
        if !matches!(record.tag, OPENED | GAP | SKIPPED | ENDED) {
            continue;
        }
        let longer = [record.text, &[0]].concat();
        let cut = (0..record.text.len()).map(|length| &record.text[..length]);
        for text in cut.chain([longer.as_slice()]) {
            assert!(
                Entry::of_record(&Record { text, ..record }).is_err(),
                "{entry:?}"
            );
        }
    }
}
