//! The corpus: real lines from public places, each with what it is read as. A file a format under `corpus/`:
//! `@ ` names the source and begins a new log, `| ` is a line (`\t`, `\r`, `\xNN`, `\\` are escapes), `= ` its reading.
//! `SNAPSHOTS=overwrite cargo test every_line_of` writes the readings anew; the difference is read line by line.

use std::{fmt::Write as _, fs, path::PathBuf};

use crate::progress::{
    format::{FORMATS, Readers},
    segment::PieceEnd,
};

/// The lines that the project promises at least.
const LEAST: usize = 600;

struct CorpusFile {
    path: PathBuf,
    text: String,
}

fn files() -> Vec<CorpusFile> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/progress/corpus");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let file = |path: PathBuf| CorpusFile {
        text: fs::read_to_string(&path).unwrap(),
        path,
    };
    paths.into_iter().map(file).collect()
}

/// The text again, with the readings that the readers give now.
fn read_again(text: &str) -> String {
    let mut readers = Readers::new();
    let mut out = String::new();
    for line in text.lines() {
        if line.starts_with("= ") {
            continue;
        }
        out.push_str(line);
        out.push('\n');
        if line.starts_with("@ ") {
            readers = Readers::new();
        } else if let Some(logged) = line.strip_prefix("| ") {
            let read = readers.read(&unescaped(logged), PieceEnd::Line);
            if read.is_empty() {
                out.push_str("= nothing\n");
            }
            for reading in read {
                let rank = reading.rank.map(|rank| format!(" rank {rank}"));
                let rank = rank.unwrap_or_default();
                writeln!(out, "= {}:{rank} {}", reading.format, reading.progress).unwrap();
            }
        }
    }
    out
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            bytes.extend(character.to_string().bytes());
            continue;
        }
        match characters.next() {
            Some('t') => bytes.push(b'\t'),
            Some('r') => bytes.push(b'\r'),
            Some('\\') => bytes.push(b'\\'),
            Some('x') => {
                let digits: String = characters.by_ref().take(2).collect();
                bytes.push(u8::from_str_radix(&digits, 16).unwrap());
            }
            other => panic!("unknown escape: {other:?} in {text}"),
        }
    }
    bytes
}

#[test]
fn every_line_of_the_corpus_is_read_as_it_says() {
    for file in files() {
        let says = snapbox::Data::read_from(&file.path, None).raw();
        let assert = snapbox::Assert::new().action_env(snapbox::assert::DEFAULT_ACTION_ENV);
        assert.eq(read_again(&file.text), says);
    }
}

#[test]
fn every_line_has_a_source_and_there_are_enough_of_them() {
    let mut lines = 0;
    for file in files() {
        let mut source = None;
        for line in file.text.lines() {
            match line.split_once(' ') {
                Some(("@", address)) => {
                    assert!(address.starts_with("https://"), "{address}");
                    source = Some(address);
                }
                Some(("|", _)) => {
                    assert!(source.is_some(), "no source: {line}");
                    lines += 1;
                }
                _ => assert!(
                    line.is_empty() || line.starts_with("= ") || line.starts_with("# "),
                    "{line}"
                ),
            }
        }
    }
    assert!(lines >= LEAST, "{lines} lines");
}

#[test]
fn every_format_reads_real_lines() {
    let texts: String = files().into_iter().map(|file| file.text).collect();
    for format in FORMATS {
        let read = texts.matches(&format!("\n= {}:", format.name)).count();
        assert!(
            read >= 3,
            "{} reads {read} lines of the corpus",
            format.name
        );
    }
}

/// Every line of the corpus, as its bytes.
pub(crate) fn all_lines() -> Vec<Vec<u8>> {
    let texts = files().into_iter().map(|file| file.text);
    texts
        .flat_map(|text| {
            let lines = text.lines().filter_map(|line| line.strip_prefix("| "));
            lines.map(unescaped).collect::<Vec<_>>()
        })
        .collect()
}
