//! The metrics of a line: names with numbers, whatever stands between the two and between the pairs.

use crate::progress::{reading::Metric, scan::Scan};

/// More than that is no list of metrics for a person. The API allows 256 of 64 bytes; a bar shows some five.
pub(crate) const MOST: usize = 48;
const LONGEST_NAME: usize = 64;

/// `loss=0.5, lr=1e-5` and `loss: 0.5 - acc: 0.9`, cut at `between`; a part without a number is left out.
pub(crate) fn metrics(text: &str, between: &str) -> Vec<Metric> {
    text.split(between).filter_map(metric).take(MOST).collect()
}

/// `loss=0.5`, `Acc@1: 3.1 (2.9)`, `throughput=1.2k`: the last `=` or `:` that a number follows.
pub(crate) fn metric(text: &str) -> Option<Metric> {
    let text = text.trim();
    let digit = |at: Option<usize>| {
        at.and_then(|at| text.as_bytes().get(at))
            .is_some_and(u8::is_ascii_digit)
    };
    let is_clock =
        |at: usize, sign: &str| sign == ":" && digit(at.checked_sub(1)) && digit(Some(at + 1));
    let ends = text.rmatch_indices(['=', ':']);
    let (name, value) = ends
        .filter(|(at, sign)| !is_clock(*at, sign))
        .filter_map(|(at, _)| Some((text.get(..at)?, text.get(at + 1..)?)))
        .find_map(|(name, value)| Some((name, leading_number(value)?)))?;
    named(name, value)
}

/// `loss:  6.2250  memory:  1.41GiB  tps: 193,831`: the names have no blanks and end with a colon, the numbers follow them.
pub(crate) fn column_metrics(text: &str) -> Vec<Metric> {
    let mut metrics = Vec::new();
    let mut name = None;
    for word in text.split_whitespace() {
        if let Some(word) = word.strip_suffix(':') {
            name = Some(word);
        } else if let Some(name) = name.take() {
            let value = leading_number(word);
            metrics.extend(value.and_then(|value| named(name, value)));
        }
    }
    metrics.truncate(MOST);
    metrics
}

/// Those that the line says.
pub(crate) fn known<const N: usize>(values: [(&str, Option<f64>); N]) -> Vec<Metric> {
    let values = values.into_iter();
    values
        .filter_map(|(name, value)| named(name, value?))
        .collect()
}

/// `Train loss 2.745`: the number stands last, behind a blank.
pub(crate) fn spoken_metric(text: &str) -> Option<Metric> {
    let (name, value) = text.trim().rsplit_once(' ')?;
    named(name, leading_number(value)?)
}

/// Takes a metric out that is no news by itself, such as the time of a step, and gives its value.
pub(crate) fn take(metrics: &mut Vec<Metric>, name: &str) -> Option<f64> {
    let at = metrics.iter().position(|metric| metric.name == name)?;
    Some(metrics.remove(at).value)
}

/// Leaves out what is no news, by its names.
pub(crate) fn without(mut metrics: Vec<Metric>, names: &[&str]) -> Vec<Metric> {
    metrics.retain(|metric| !names.contains(&metric.name.as_str()));
    metrics
}

/// A metric, where the name is one.
pub(crate) fn named(name: &str, value: f64) -> Option<Metric> {
    let name = name.trim_matches(|character: char| {
        character.is_whitespace() || matches!(character, '\'' | '"' | ',' | '|' | '-' | '.')
    });
    let fits = (1..=LONGEST_NAME).contains(&name.len());
    let is_name = name.chars().any(char::is_alphabetic) && !name.contains(char::is_control);
    (fits && is_name).then(|| Metric {
        name: name.to_owned(),
        value,
    })
}

/// A number, and behind it nothing that makes it something else, such as a clock or a date.
pub(crate) fn leading_number(text: &str) -> Option<f64> {
    let mut scan = Scan::new(text.trim_start().trim_start_matches(['\'', '"', '[']));
    let number = thousands(&mut scan).or_else(|| scan.number())?;
    let behind = scan.rest();
    let word = behind.split(|character: char| !character.is_ascii_alphanumeric());
    // `35a4` is a name; `1.41GiB` has a unit.
    let is_name = word
        .into_iter()
        .next()?
        .bytes()
        .any(|byte| byte.is_ascii_digit());
    match behind.bytes().next() {
        Some(b':' | b'-' | b'/' | b'_' | b'.') => None,
        _ if is_name => None,
        _ => Some(number),
    }
}

/// `193,831`.
fn thousands(scan: &mut Scan<'_>) -> Option<f64> {
    let mut ahead = *scan;
    let text = ahead.rest();
    let count = ahead.count()?;
    let taken = text.get(..text.len() - ahead.rest().len())?;
    let grouped = taken.contains(',')
        && taken
            .rsplit(',')
            .next()
            .is_some_and(|group| group.len() == 3);
    if !grouped || ahead.rest().starts_with('.') {
        return None;
    }
    *scan = ahead;
    #[expect(
        clippy::cast_precision_loss,
        reason = "a metric is shown with few digits"
    )]
    let number = count as f64;
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, between: &str) -> Vec<(String, f64)> {
        let pairs = metrics(text, between).into_iter();
        pairs.map(|metric| (metric.name, metric.value)).collect()
    }

    #[test]
    fn pairs_are_read_and_what_is_none_is_left_out() {
        assert_eq!(
            read("loss=0.5, v_num=N-35, lr=1.00e-04, ...", ", "),
            [("loss".to_owned(), 0.5), ("lr".to_owned(), 1e-4)]
        );
        assert_eq!(
            read("ETA: 1:41 - acc: 0.7", " - "),
            [("acc".to_owned(), 0.7)]
        );
        assert_eq!(read("tps: 193,831", " | "), [("tps".to_owned(), 193_831.0)]);
    }

    #[test]
    fn what_is_not_a_number_is_no_metric() {
        for text in ["", "=", "a=", "=1", "at 12:30", "date=2021-03-04", "12=3"] {
            assert_eq!(metric(text), None, "{text}");
        }
        assert!(metric("loss: nan").is_some_and(|metric| metric.value.is_nan()));
    }
}
