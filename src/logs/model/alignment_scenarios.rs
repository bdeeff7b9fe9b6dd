//! The aligner in the situations that it is made for, one by one.

use crate::logs::{
    alignment::{Aligner, Delivery, End, Flow, ResumePoint, Settled, Start},
    line::LineSplitter,
};

/// A stream's text from short lines: `12.5 text` is a line stamped 12.5 s after the minute, others come as they are.
fn stream(lines: &[&str]) -> String {
    lines.iter().map(|line| stamped(line)).collect()
}

fn stamped(line: &str) -> String {
    let moment = line
        .split_once(' ')
        .filter(|(moment, _)| moment.parse::<f64>().is_ok());
    match moment {
        Some((moment, text)) => {
            let (second, fraction) = moment.split_once('.').unwrap();
            format!("2026-11-21T11:55:{second:0>2}.{fraction:0<9}Z {text}\n")
        }
        None => format!("{line}\n"),
    }
}

/// Reads a stream; what came out, and whether the stream is still wanted.
fn read(aligner: &mut Aligner, lines: &[&str]) -> (Vec<String>, Flow) {
    let mut splitter = LineSplitter::default();
    let mut out = Vec::new();
    let answer = splitter.push(stream(lines).as_bytes(), |piece| {
        match aligner.accept(&piece, &mut |one| out.push(shown(one))) {
            Flow::Continue => Ok(()),
            other => Err(other),
        }
    });
    (out, answer.err().unwrap_or(Flow::Continue))
}

fn shown(delivery: Delivery<'_>) -> String {
    match delivery {
        Delivery::Piece(piece) => String::from_utf8(piece.text().to_vec()).unwrap(),
        Delivery::Gap(gap) => {
            let before = gap
                .before
                .map_or("the end".to_owned(), |stamp| stamp.to_string());
            format!("--- {} to {before}", gap.after)
        }
        Delivery::Message(text) => {
            format!("message: {}", String::from_utf8(text.to_vec()).unwrap())
        }
    }
}

/// An aligner that has read a first stream.
fn after(lines: &[&str]) -> Aligner {
    let mut aligner = Aligner::new(Start::Whole);
    assert_eq!(aligner.resume(), ResumePoint::Start);
    assert_eq!(read(&mut aligner, lines).1, Flow::Continue);
    aligner
}

fn since(second: i64) -> ResumePoint {
    ResumePoint::Since(1_795_262_100 + second)
}

#[test]
fn the_point_to_resume_from_is_rounded_down_and_reaches_back_from_the_last_line() {
    let mut aligner = after(&["30.999999999 a"]);
    assert_eq!(aligner.resume(), since(28));
    let mut aligner = after(&["31.0 a", "30.9 b"]);
    assert_eq!(aligner.resume(), since(28), "not from the latest");
}

#[test]
fn what_was_delivered_is_not_delivered_again() {
    let mut aligner = after(&["10.1 a", "10.2 b"]);
    aligner.resume();
    assert_eq!(read(&mut aligner, &["10.1 a", "10.2 b", "10.3 c"]).0, ["c"]);
}

#[test]
fn a_resume_that_breaks_in_the_replay_changes_nothing() {
    let mut aligner = after(&["10.1 a", "10.2 b", "10.3 c"]);
    aligner.resume();
    assert_eq!(read(&mut aligner, &["10.1 a"]).0, [""; 0]);
    aligner.resume();
    assert_eq!(
        read(&mut aligner, &["10.1 a", "10.2 b", "10.3 c", "10.4 d"]).0,
        ["d"]
    );
}

#[test]
fn equal_lines_of_the_same_nanosecond_keep_their_number() {
    let mut aligner = after(&["10.0 w", "10.1 x", "10.1 x"]);
    aligner.resume();
    let again = ["10.0 w", "10.1 x", "10.1 x", "10.1 x", "10.2 y"];
    assert_eq!(read(&mut aligner, &again).0, ["x", "y"]);
}

#[test]
fn a_look_at_the_whole_file_that_breaks_before_anything_new_is_made_again() {
    let mut aligner = after(&["40.1 a"]);
    aligner.resume();
    assert_eq!(read(&mut aligner, &["40.1 a", "38.0 d"]).1, Flow::Reopen);
    for _ in 0..2 {
        assert_eq!(aligner.resume(), ResumePoint::Beginning);
        assert_eq!(read(&mut aligner, &["40.1 a"]), (vec![], Flow::Continue));
    }
}

#[test]
fn what_could_have_been_old_is_delivered_once_it_is_not() {
    let mut aligner = after(&["10.1 a", "10.1 b", "10.1 a", "10.1 b"]);
    aligner.resume();
    assert_eq!(
        read(&mut aligner, &["10.1 a", "10.1 b", "10.1 a"]).0,
        [""; 0]
    );
    assert_eq!(read(&mut aligner, &["10.1 c"]).0, ["a", "c"]);
    aligner.resume();
    read(&mut aligner, &["10.1 a", "10.1 b", "10.1 a", "10.1 c"]);
    assert_eq!(aligner.settle(&mut |_| {}), Settled::Aligned);
}

#[test]
fn after_a_rotation_that_took_a_part_of_what_was_delivered_nothing_is_missing() {
    let mut aligner = after(&["10.1 a", "10.2 b", "10.3 c"]);
    aligner.resume();
    assert_eq!(read(&mut aligner, &["10.3 c", "10.4 d"]).0, ["d"]);
}

#[test]
fn where_the_place_is_gone_a_marker_comes_with_the_next_stream() {
    let mut aligner = after(&["10.1 a"]);
    aligner.resume();
    assert_eq!(read(&mut aligner, &["17.0 x"]), (vec![], Flow::Lost));
    aligner.give_up_place();
    assert_eq!(aligner.resume(), ResumePoint::Beginning);
    let marker = "--- 2026-11-21T11:55:10.100000000Z to 2026-11-21T11:55:16.500000000Z";
    assert_eq!(
        read(&mut aligner, &["16.5 w", "17.0 x"]).0,
        [marker, "w", "x"]
    );
    aligner.resume();
    assert_eq!(
        read(&mut aligner, &["16.5 w", "17.0 x", "18.0 y"]).0,
        ["y"],
        "and only once"
    );
}

#[test]
fn a_place_given_up_with_nothing_after_it_is_not_aligned() {
    let mut aligner = after(&["10.1 a"]);
    aligner.resume();
    assert_eq!(read(&mut aligner, &["17.0 x"]).1, Flow::Lost);
    aligner.give_up_place();
    aligner.resume();
    assert_eq!(aligner.settle(&mut |_| {}), Settled::Empty);
}

#[test]
fn a_lost_place_that_was_another_containers_file_leaves_the_aligner_as_it_was() {
    let mut aligner = after(&["10.1 a"]);
    aligner.resume();
    assert_eq!(read(&mut aligner, &["17.0 of another"]).1, Flow::Lost);
    assert_eq!(aligner.resume(), since(8));
    assert_eq!(read(&mut aligner, &["10.1 a", "10.2 b"]).0, ["b"]);
}

#[test]
fn text_without_a_stamp_at_the_start_of_a_resumed_stream_is_the_rest_of_a_record() {
    let mut aligner = after(&["10.1 a"]);
    aligner.resume();
    assert_eq!(
        read(&mut aligner, &["rest of a long line", "10.1 a", "10.2 b"]).0,
        ["b"]
    );
}

#[test]
fn text_without_a_stamp_in_a_whole_file_is_a_message() {
    let mut aligner = Aligner::new(Start::Whole);
    aligner.resume();
    assert_eq!(
        read(&mut aligner, &["10.1 a", "failed to open"]).0,
        ["a", "message: failed to open"]
    );
}

#[test]
fn text_without_a_stamp_later_in_a_resumed_stream_makes_the_whole_file_read() {
    let mut aligner = after(&["10.1 a"]);
    aligner.resume();
    assert_eq!(
        read(&mut aligner, &["10.1 a", "end of a hidden line"]),
        (vec![], Flow::Reopen)
    );
    assert_eq!(aligner.resume(), ResumePoint::Beginning);
    assert_eq!(
        read(&mut aligner, &["10.1 a", "5.0 beginning and end of it"]).0,
        ["beginning and end of it"]
    );
}

#[test]
fn lines_that_a_filter_hid_after_the_clock_stepped_back_are_found() {
    let mut aligner = after(&["40.1 a"]);
    assert_eq!(aligner.resume(), since(38));
    assert_eq!(
        read(&mut aligner, &["40.1 a", "38.0 d"]),
        (vec![], Flow::Reopen)
    );
    assert_eq!(aligner.resume(), ResumePoint::Beginning);
    assert_eq!(
        read(&mut aligner, &["40.1 a", "36.0 b", "37.0 c", "38.0 d"]).0,
        ["b", "c", "d"]
    );
}

#[test]
fn a_file_that_the_kubelet_serves_twice_in_one_stream_is_printed_once() {
    let mut aligner = after(&["10.1 a", "10.2 b", "10.3 c"]);
    assert_eq!(
        read(&mut aligner, &["10.1 a", "10.2 b"]),
        (vec![], Flow::Reopen)
    );
    aligner.resume();
    assert_eq!(
        read(&mut aligner, &["10.1 a", "10.2 b", "10.3 c", "10.4 d"]).0,
        ["d"]
    );
}

#[test]
fn a_little_disorder_of_stdout_and_stderr_is_no_reason_to_look() {
    let mut aligner = after(&["10.1 a", "10.2 out", "10.19 error", "10.3 b"]);
    aligner.resume();
    let again = ["10.1 a", "10.2 out", "10.19 error", "10.3 b", "10.29 c"];
    assert_eq!(
        read(&mut aligner, &again),
        (vec!["c".to_owned()], Flow::Continue)
    );
}

#[test]
fn a_clock_that_never_settles_is_believed_after_some_looks() {
    let mut aligner = after(&["50.0 a"]);
    let mut file = vec!["50.0 a".to_owned()];
    let mut looks = 0;
    for number in 0..40 {
        let second = if number % 2 == 0 { 20 } else { 50 };
        file.push(format!("{second}.{:09} {number}", number + 1));
        let last = file.last().unwrap().clone();
        if read(&mut aligner, &[&last]).1 == Flow::Reopen {
            looks += 1;
            aligner.resume();
            let lines: Vec<&str> = file.iter().map(String::as_str).collect();
            assert_eq!(read(&mut aligner, &lines).0, [number.to_string()]);
        }
    }
    assert_eq!(looks, 8);
}

#[test]
fn a_line_cut_by_a_rotation_is_recognised_by_its_end() {
    let long = "x".repeat(20_000);
    let mut aligner = after(&[&format!("10.1 {long}1234")]);
    aligner.resume();
    assert_eq!(read(&mut aligner, &["10.2 x1234", "10.3 b"]).0, ["b"]);
}

#[test]
fn an_empty_line_is_not_taken_for_the_end_of_a_cut_one() {
    let mut aligner = after(&[&format!("10.1 {}", "x".repeat(20_000))]);
    aligner.resume();
    assert_eq!(read(&mut aligner, &["10.2 ", "10.3 b"]).1, Flow::Lost);
}

#[test]
fn the_first_of_the_last_lines_is_found_behind_those_that_were_not_wanted() {
    let mut aligner = Aligner::new(Start::Part);
    aligner.resume();
    assert_eq!(read(&mut aligner, &["10.3 c"]).0, ["c"]);
    aligner.resume();
    assert_eq!(
        read(&mut aligner, &["10.1 a", "10.2 b", "10.3 c", "10.4 d"]).0,
        ["d"]
    );
}

#[test]
fn a_drain_tells_whether_it_found_its_place() {
    for (lines, settled) in [
        (&["10.1 a"][..], Settled::Aligned),
        (&[], Settled::Empty),
        (&["9.5 unknown"], Settled::Undecided),
    ] {
        let mut aligner = after(&["10.1 a"]);
        aligner.resume();
        read(&mut aligner, lines);
        assert_eq!(aligner.settle(&mut |_| {}), settled, "{lines:?}");
    }
}

#[test]
fn an_end_of_file_that_was_not_delivered_makes_the_whole_file_read() {
    let mut aligner = after(&["10.1 a"]);
    for (line, end, point) in [
        ("10.1 a", End::Reached, since(8)),
        ("5.0 hidden", End::Ahead, ResumePoint::Beginning),
    ] {
        let mut found = None;
        let _: Result<(), ()> = LineSplitter::default().push(stamped(line).as_bytes(), |piece| {
            found = Some(aligner.check_end(&piece));
            Ok(())
        });
        assert_eq!((found, aligner.resume()), (Some(end), point));
    }
}

#[test]
fn a_place_that_does_not_come_before_the_end_of_the_file_is_lost() {
    let mut aligner = after(&["40.1 a"]);
    aligner.resume();
    assert_eq!(
        read(&mut aligner, &["38.0 b"]),
        (vec![], Flow::Continue),
        "it could be older"
    );
    assert_eq!(aligner.settle(&mut |_| {}), Settled::Undecided);
    let _: Result<(), ()> = LineSplitter::default().push(stamped("39.0 c").as_bytes(), |piece| {
        assert_eq!(aligner.check_end(&piece), End::Ahead);
        Ok(())
    });
    assert_eq!(aligner.resume(), ResumePoint::Beginning);
    assert_eq!(read(&mut aligner, &["38.0 b", "39.0 c"]).1, Flow::Lost);
}

#[test]
fn last_words_without_a_line_end_are_delivered_and_a_servers_are_not() {
    for (rest, expected) in [
        ("2026-11-21T11:55:10.200000000Z last", vec!["last"]),
        ("failed to open", vec![]),
    ] {
        let mut aligner = after(&["10.1 a"]);
        let mut splitter = LineSplitter::default();
        let _: Result<(), ()> = splitter.push(rest.as_bytes(), |_| Ok(()));
        let mut out = Vec::new();
        splitter
            .finish(|piece| aligner.accept_rest(&piece.unwrap(), &mut |one| out.push(shown(one))));
        assert_eq!(out, expected);
    }
}

#[test]
#[ignore = "a figure, not a test"]
fn throughput() {
    let text: String = (0..500_000)
        .map(|n| stamped(&format!("{}.{n:09} {}", n / 10_000, "x".repeat(90))))
        .collect();
    let chunks: Vec<&[u8]> = text.as_bytes().chunks(16 << 10).collect();
    let start = std::time::Instant::now();
    let mut lines = 0u32;
    for _ in 0..4 {
        let mut aligner = Aligner::new(Start::Whole);
        let mut splitter = LineSplitter::default();
        aligner.resume();
        for chunk in &chunks {
            let _: Result<(), ()> = splitter.push(chunk, |piece| {
                aligner.accept(&piece, &mut |_| lines += 1);
                Ok(())
            });
        }
    }
    let millions = f64::from(lines) / start.elapsed().as_secs_f64() / 1e6;
    println!("split and aligned: {millions:.1} million lines/s, {lines} lines");
}
