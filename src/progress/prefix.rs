//! What launchers and loggers put before a line, and the rank that stands in it.

use crate::progress::scan::Scan;

/// A line without what stands before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bare<'a> {
    /// The process of the pod, where the launcher names it.
    pub(crate) rank: Option<u32>,
    pub(crate) text: &'a str,
}

/// Prefixes stand one before the other: `[rank0]:[titan] 2025-03-12 … - INFO - `. More than these are no prefixes.
const MOST: usize = 6;

/// Takes off what launchers and loggers write.
pub(crate) fn strip(line: &str) -> Bare<'_> {
    let mut bare = Bare {
        rank: None,
        text: line.trim(),
    };
    for _ in 0..MOST {
        let Some((rank, text)) = launcher(bare.text).or_else(|| Some((None, logger(bare.text)?)))
        else {
            break;
        };
        bare.rank = bare.rank.or(rank);
        bare.text = text.trim_start();
    }
    bare.text = last_update(bare.text);
    bare
}

/// Some collectors write a carriage return as `#015` and a backspace as `#010`.
fn last_update(text: &str) -> &str {
    if !text.contains("#01") {
        return text;
    }
    let updates = text.split("#015").flat_map(|update| update.split("#010"));
    let updates = updates.filter(|update| !update.trim().is_empty());
    updates.last().unwrap_or_default().trim()
}

/// `[rank0]:`, `[default0]:`, `[node-0]: `, `[1,mpirank:0,algo-1]<stdout>:`, `(pretraining, pid=4112) `, `worker-0: `, `0: `.
fn launcher(text: &str) -> Option<(Option<u32>, &str)> {
    for start in ["[rank", "[default", "[RANK ", "[node-"] {
        if let Some(rest) = text.strip_prefix(start) {
            let mut scan = Scan::new(rest);
            let rank = scan.count()?;
            scan.literal("]")?;
            let rank = (start != "[node-")
                .then(|| u32::try_from(rank).ok())
                .flatten();
            return Some((rank, after_colon(scan.rest())));
        }
    }
    named(text)
        .or_else(|| mpi(text))
        .or_else(|| ray(text))
        .or_else(|| numbered(text))
}

/// `[trainer-node]: ` of the SDK's older releases.
fn named(text: &str) -> Option<(Option<u32>, &str)> {
    let (name, rest) = text.strip_prefix('[')?.split_once("]: ")?;
    let is_name = name.contains('-')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && name.starts_with(|character: char| character.is_ascii_lowercase());
    is_name.then_some((None, rest))
}

/// Open MPI with `--tag-output`; the rank is the second number, or stands behind `mpirank:`.
fn mpi(text: &str) -> Option<(Option<u32>, &str)> {
    let (tag, rest) = text.strip_prefix('[')?.split_once(">:")?;
    let (place, stream) = tag.split_once("]<")?;
    if !matches!(stream, "stdout" | "stderr" | "stddiag") {
        return None;
    }
    let (_, rank) = place.split_once(',')?;
    let rank = Scan::new(rank.trim_start_matches("mpirank:")).count();
    Some((rank.and_then(|rank| u32::try_from(rank).ok()), rest))
}

fn ray(text: &str) -> Option<(Option<u32>, &str)> {
    let (tag, rest) = text.strip_prefix('(')?.split_once(") ")?;
    tag.contains("pid=").then_some((None, rest))
}

/// `worker-0: ` of pdsh and `0: ` of srun.
fn numbered(text: &str) -> Option<(Option<u32>, &str)> {
    let mut scan = Scan::new(text);
    let _ = scan.literal("worker-");
    let number = scan.count()?;
    scan.literal(": ")?;
    Some((u32::try_from(number).ok(), scan.rest()))
}

fn after_colon(text: &str) -> &str {
    text.strip_prefix(':').unwrap_or(text)
}

/// A logger's own words: moment, level, name.
fn logger(text: &str) -> Option<&str> {
    bracketed(text)
        .or_else(|| absl(text))
        .or_else(|| moment(text))
        .or_else(|| level(text))
}

/// `[2022-03-11 02:06:58,985] `, `[01:33:27.164930] `, `[INFO] `, `[logging.py:69:log_dist] `, `[titan] `,
/// `[11/01 11:23:38 d2.utils.events]: `.
fn bracketed(text: &str) -> Option<&str> {
    const LONGEST: usize = 120;
    let (inside, rest) = text.strip_prefix('[')?.split_once(']')?;
    let is_logger = inside.len() <= LONGEST
        && (inside.starts_with("20") && inside.contains(':')
            || inside.contains(".py:")
            || inside.contains("RabitTracker")
            || inside.contains("|trainer")
            || is_short_moment(inside)
            || is_time(inside)
            || matches!(inside, "titan" | "LightGBM" | "Info")
            || LEVELS.contains(&inside));
    is_logger.then(|| {
        let rest = after_colon(rest);
        // HF's logger goes on with its moment and `>>`.
        rest.split_once(">> ").map_or(rest, |(_, rest)| rest)
    })
}

/// `11/01 11:23:38 d2.utils.events`, `07/22/2019 17:10:29.853`.
fn is_short_moment(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() > 8
        && bytes[0].is_ascii_digit()
        && bytes.get(2) == Some(&b'/')
        && text.matches(':').count() >= 2
}

/// `01:33:27.164930`.
fn is_time(text: &str) -> bool {
    let mut scan = Scan::new(text);
    let part_of_day = text.get(..8).is_some_and(|time| {
        time.bytes()
            .enumerate()
            .all(|(place, byte)| matches!(place, 2 | 5) == (byte == b':'))
    });
    part_of_day && scan.clock().is_some() && !scan.rest().contains(' ')
}

const LEVELS: [&str; 6] = ["INFO", "WARNING", "ERROR", "DEBUG", "Info", "info"];

/// `I1002 21:38:13.425730 139917864867392 logging_writer.py:35] `.
fn absl(text: &str) -> Option<&str> {
    let mut scan = Scan::new(text.strip_prefix(['I', 'W'])?);
    let day = scan.rest().get(..5)?;
    if !day.bytes().take(4).all(|byte| byte.is_ascii_digit()) || !day.ends_with(' ') {
        return None;
    }
    scan.count()?;
    scan.blanks().clock()?;
    scan.rest()
        .split_once(".py:")?
        .1
        .split_once("] ")
        .map(|(_, rest)| rest)
}

/// `2025-03-12 11:10:21,511 - root - INFO - `, `2024-04-19T19:00:29Z INFO `, `2023-03-22 09:30:39 `, `2021/08/16 14:12:09 | `.
fn moment(text: &str) -> Option<&str> {
    let date = text.get(..10)?.as_bytes();
    let shaped = |separators: [usize; 2]| {
        date.iter().enumerate().all(|(place, byte)| {
            if separators.contains(&place) {
                matches!(byte, b'-' | b'/')
            } else {
                byte.is_ascii_digit()
            }
        })
    };
    if !shaped([4, 7]) && !shaped([2, 5]) {
        return None;
    }
    let mut scan = Scan::new(text.get(11..)?);
    scan.clock()?;
    let rest = scan.rest();
    let rest = rest.trim_start_matches(|character: char| {
        character.is_ascii_digit() || matches!(character, ',' | '.' | 'Z')
    });
    let rest = rest
        .trim_start()
        .trim_start_matches(['-', '|', '>'])
        .trim_start();
    // `root - INFO - `, `mmdet - INFO - `, `INFO - `.
    let named = rest.split_once(" - ").and_then(|(name, rest)| {
        let level = rest.split_once(" - ");
        if LEVELS.contains(&name) {
            // `INFO - __main__ - `.
            return Some(level.map_or(rest, |(_, rest)| rest));
        }
        level
            .filter(|(level, _)| LEVELS.contains(level))
            .map(|(_, rest)| rest)
    });
    Some(named.unwrap_or(rest))
}

/// `INFO:absl:`, `INFO:tensorflow:`, `INFO `, `INFO: `.
fn level(text: &str) -> Option<&str> {
    let rest = LEVELS.iter().find_map(|level| text.strip_prefix(level))?;
    if let Some(named) = rest.strip_prefix(':') {
        let end = named.find(|character: char| !character.is_alphanumeric() && character != '_')?;
        return match named.get(end..)?.strip_prefix(':') {
            Some(rest) if end > 0 => Some(rest),
            _ => Some(named),
        };
    }
    rest.starts_with(' ').then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn launchers_and_loggers_are_taken_off_and_the_rank_is_kept() {
        for (line, rank, text) in [
            (
                "[rank1]:[titan] 2025-03-12 11:10:21,511 - root - INFO - step: 22",
                Some(1),
                "step: 22",
            ),
            (
                "[1,mpirank:0,algo-1]<stdout>:#015Epoch 0:  50%",
                Some(0),
                "Epoch 0:  50%",
            ),
            ("[1,3]<stderr>:x", Some(3), "x"),
            (
                "#0151/4 [=>..] - ETA: 0s#010#010",
                None,
                "1/4 [=>..] - ETA: 0s",
            ),
            (
                "[2022-03-11 02:06:58,985] [INFO] [logging.py:69:log_dist] [Rank 0] step=40",
                None,
                "[Rank 0] step=40",
            ),
            (
                "I1002 21:38:13.425730 139917864867392 logging_writer.py:35] [400] a=1",
                None,
                "[400] a=1",
            ),
            ("INFO:absl:train epoch: 1", None, "train epoch: 1"),
            (
                "2024-04-19T19:00:29Z INFO     Train Epoch: 1",
                None,
                "Train Epoch: 1",
            ),
            ("0: {'loss': 1.0}", Some(0), "{'loss': 1.0}"),
            (
                "(pretraining, pid=4112) Training epoch 1",
                None,
                "Training epoch 1",
            ),
            ("[node-0]: {'loss'", None, "{'loss'"),
            ("[10]\ttrain-rmse:1", None, "[10]\ttrain-rmse:1"),
            ("[01:33:27.164930] Epoch: [0]", None, "Epoch: [0]"),
            (
                "[INFO|trainer.py:1145] 2021-05-25 06:38:26,285 >>   Num Epochs = 1",
                None,
                "Num Epochs = 1",
            ),
            (
                "10/10/2022 22:57:22 - INFO - __main__ -   Num examples = 2318",
                None,
                "Num examples = 2318",
            ),
        ] {
            assert_eq!(strip(line), Bare { rank, text }, "{line}");
        }
    }
}
