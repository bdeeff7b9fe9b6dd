//! Values of flags, read from what was typed; each refusal says what is expected.

use std::time::Duration;

use jiff::Timestamp;
use regex::{Regex, bytes};

use super::arguments::Tail;

/// `NAME` or its beginning, `trainjob/NAME`, `@last`. It becomes a part of a request's path, so nothing else may pass.
pub(in crate::commands) fn parse_job(text: &str) -> Result<String, String> {
    if text == "@last" {
        return Ok(text.to_owned());
    }
    let name = match text.split_once('/') {
        None => text,
        Some((kind, name)) => {
            let kind = kind.to_ascii_lowercase();
            if !matches!(
                kind.as_str(),
                "trainjob" | "trainjobs" | "trainjobs.trainer.kubeflow.org"
            ) {
                return Err(format!(
                    "only TrainJobs have steps; for others: kubectl logs {text}"
                ));
            }
            name
        }
    };
    let known = |character: char| matches!(character, 'a'..='z' | '0'..='9' | '-' | '.');
    let sound = name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.len() <= 253
        && name.chars().all(known);
    if sound {
        return Ok(text.to_owned());
    }
    Err(
        "a name has 1 to 253 of a-z, 0-9, '-' and '.', and begins with a letter or digit"
            .to_owned(),
    )
}

/// As kubectl has it: -1 means all.
pub(super) fn parse_tail(text: &str) -> Result<Tail, String> {
    match text.parse::<i64>() {
        Ok(-1) => Ok(Tail::All),
        Ok(lines) => u32::try_from(lines).map(Tail::Lines).map_err(drop),
        Err(_) => Err(()),
    }
    .map_err(|()| "expected a number of lines, such as 100, or -1 for all".to_owned())
}

/// Like kubectl's, this duration needs a unit: 5 may be seconds, minutes or hours.
pub(super) fn parse_since(text: &str) -> Result<Duration, String> {
    if text.parse::<f64>().is_ok() && text != "0" {
        return Err(format!(
            "expected a unit, such as {text}s, {text}m or {text}h"
        ));
    }
    crate::cli::parse_duration(text)
}

pub(super) fn parse_moment(text: &str) -> Result<Timestamp, String> {
    let moment = text.parse::<Timestamp>();
    moment.map_err(|_| "expected a moment with its zone, such as 2026-11-21T11:55:00Z".to_owned())
}

/// `3`, or `node-3` as lines are prefixed.
pub(super) fn parse_node(text: &str) -> Result<u32, String> {
    let number = text.strip_prefix("node-").unwrap_or(text);
    number.parse().map_err(|_| {
        "expected the number of a node of the job: 0 for node-0; for other steps there is --step"
            .to_owned()
    })
}

pub(super) fn parse_pattern(text: &str) -> Result<Regex, String> {
    Regex::new(text).map_err(|error| regex_words(&error))
}

pub(super) fn parse_bytes_pattern(text: &str) -> Result<bytes::Regex, String> {
    bytes::Regex::new(text).map_err(|error| regex_words(&error))
}

/// The last line of the regex crate's message; those before it draw the place.
fn regex_words(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    let reason = last.strip_prefix("error: ").unwrap_or(last);
    format!(
        "{reason}; to match it as it stands, put \\ before each of . + * ? ( ) | [ ] {{ }} ^ $ \\"
    )
}

/// Bytes; K, M, G with or without B are those of disks, Ki, Mi, Gi those of memory.
pub(super) fn parse_size(text: &str) -> Result<u64, String> {
    let digits = text
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim_start().to_ascii_lowercase();
    let factor: Option<u64> = match unit.strip_suffix('b').unwrap_or(&unit) {
        "" => Some(1),
        "k" => Some(1000),
        "m" => Some(1_000_000),
        "g" => Some(1_000_000_000),
        "ki" => Some(1 << 10),
        "mi" => Some(1 << 20),
        "gi" => Some(1 << 30),
        _ => None,
    };
    let number: Option<u64> = number.parse().ok();
    let size = number
        .zip(factor)
        .and_then(|(number, factor)| number.checked_mul(factor));
    size.ok_or_else(|| "expected a size, such as 512MiB or 2GiB".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units_of_disks_or_of_memory() {
        for (text, bytes) in [
            ("0", 0),
            ("100", 100),
            ("1k", 1000),
            ("64KiB", 65_536),
            ("256MiB", 268_435_456),
            ("2G", 2_000_000_000),
            ("2 gib", 2_147_483_648),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in ["", "x", "1x", "-1", "1.5G", "99999999999GiB", "MiB"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_duration_since_has_a_unit() {
        assert_eq!(parse_since("5m"), Ok(Duration::from_mins(5)));
        assert_eq!(parse_since("0"), Ok(Duration::ZERO));
        assert_eq!(
            parse_since("5"),
            Err("expected a unit, such as 5s, 5m or 5h".to_owned())
        );
        assert!(parse_since("soon").is_err());
    }

    #[test]
    fn a_tail_is_a_number_of_lines_or_all() {
        assert_eq!(parse_tail("10"), Ok(Tail::Lines(10)));
        assert_eq!(parse_tail("-1"), Ok(Tail::All));
        for text in ["-2", "ten", "", "4294967296"] {
            assert!(parse_tail(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_node_is_a_number_or_the_name_of_its_step() {
        assert_eq!(parse_node("3"), Ok(3));
        assert_eq!(parse_node("node-12"), Ok(12));
        assert!(parse_node("worker-7").is_err());
    }

    #[test]
    fn a_job_may_be_named_by_its_beginning_and_never_leaves_its_path() {
        for name in [
            "bert",
            "bert-",
            "trainjob/bert",
            "TrainJobs/bert",
            "@last",
            "1a",
        ] {
            assert_eq!(parse_job(name), Ok(name.to_owned()), "{name}");
        }
        for name in [
            "",
            "-x",
            "..",
            "a/../b",
            "pod/x",
            "A",
            "a b",
            "@first",
            "trainjob/",
            "a?x",
        ] {
            assert!(parse_job(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_pattern_that_cannot_be_read_says_why_on_one_line() {
        let refusal = parse_bytes_pattern("loss(").unwrap_err();
        assert!(refusal.starts_with("unclosed group; "), "{refusal}");
        assert_eq!(refusal.lines().count(), 1);
        assert!(parse_pattern("a{1000000}{1000}").is_err());
    }
}
