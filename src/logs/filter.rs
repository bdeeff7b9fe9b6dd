//! Which lines are shown, and what in them stands out: `--include`, `--exclude` and `--highlight`. Pure.

use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use thiserror::Error;

use super::{line::Part, record::SourceId};

/// More than a thousand long patterns need; a pattern that needs more is a slip, such as `(a{500}){500}`.
const LARGEST_PROGRAM: usize = 32 << 20;

/// Patterns that make sense one by one, but not together.
#[derive(Debug, Error)]
pub enum PatternsError {
    #[error("the patterns are too large together")]
    TooLarge,
    #[error("the patterns make no sense together: {0}")]
    Senseless(regex::Error),
}

impl From<regex::Error> for PatternsError {
    fn from(error: regex::Error) -> Self {
        match error {
            regex::Error::CompiledTooBig(_) => Self::TooLarge,
            other => Self::Senseless(other),
        }
    }
}

/// What a user wants to see. Each pattern is a regular expression that may match anywhere in a line.
#[derive(Clone, Debug, Default)]
pub struct Patterns {
    /// One of them has to match, where there are any.
    pub include: Vec<Regex>,
    /// None of them may match.
    pub exclude: Vec<Regex>,
    /// Shown in another way, beside what `include` matches.
    pub highlight: Vec<Regex>,
}

/// [`Patterns`], ready for use. A line that comes in pieces is judged by its first.
#[derive(Debug, Default)]
pub struct Filter {
    include: Option<RegexSet>,
    exclude: Option<RegexSet>,
    highlight: Option<Regex>,
    /// The sources in the middle of a long line that is not shown.
    within_hidden: Vec<SourceId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Shown,
    Hidden,
}

impl Filter {
    pub fn new(patterns: &Patterns) -> Result<Self, PatternsError> {
        let marked = patterns.include.iter().chain(&patterns.highlight);
        let marked: Vec<_> = marked.map(|pattern| grouped(pattern.as_str())).collect();
        let highlight = match marked.as_slice() {
            [] => None,
            several => Some(
                RegexBuilder::new(&several.join("|"))
                    .size_limit(LARGEST_PROGRAM)
                    .build()?,
            ),
        };
        Ok(Self {
            include: set_of(&patterns.include)?,
            exclude: set_of(&patterns.exclude)?,
            highlight,
            within_hidden: Vec::new(),
        })
    }

    /// Whether any line may be left out.
    pub const fn leaves_out(&self) -> bool {
        self.include.is_some() || self.exclude.is_some()
    }

    /// What stands out in a line that is shown.
    pub const fn highlight(&self) -> Option<&Regex> {
        self.highlight.as_ref()
    }

    pub fn judge(&mut self, source: SourceId, part: Part, text: &[u8]) -> Verdict {
        if self.include.is_none() && self.exclude.is_none() {
            return Verdict::Shown;
        }
        let verdict = if part.begins_line() {
            self.judge_line(text)
        } else if self.within_hidden.contains(&source) {
            Verdict::Hidden
        } else {
            Verdict::Shown
        };
        match part {
            Part::First if verdict == Verdict::Hidden => self.within_hidden.push(source),
            Part::Last => self.within_hidden.retain(|hidden| *hidden != source),
            _ => {}
        }
        verdict
    }

    fn judge_line(&self, text: &[u8]) -> Verdict {
        let matches = |set: &RegexSet| set.is_match(text);
        let wanted = self.include.as_ref().is_none_or(matches);
        if wanted && !self.exclude.as_ref().is_some_and(matches) {
            Verdict::Shown
        } else {
            Verdict::Hidden
        }
    }
}

/// The pattern as a part of a larger one. After `(?x)` it may end with a comment, which only a new line ends.
fn grouped(pattern: &str) -> String {
    let whole = format!("(?:{pattern})");
    match RegexBuilder::new(&whole)
        .size_limit(LARGEST_PROGRAM)
        .build()
    {
        Err(regex::Error::Syntax(_)) => format!("(?:{pattern}\n)"),
        _ => whole,
    }
}

fn set_of(patterns: &[Regex]) -> Result<Option<RegexSet>, PatternsError> {
    if patterns.is_empty() {
        return Ok(None);
    }
    let set = RegexSetBuilder::new(patterns.iter().map(Regex::as_str))
        .size_limit(LARGEST_PROGRAM)
        .build();
    Ok(Some(set?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(texts: &[&str]) -> Vec<Regex> {
        texts.iter().map(|text| Regex::new(text).unwrap()).collect()
    }

    fn shown<'a>(include: &[&str], exclude: &[&str], lines: &[&'a str]) -> Vec<&'a str> {
        let patterns = Patterns {
            include: patterns(include),
            exclude: patterns(exclude),
            highlight: Vec::new(),
        };
        let mut filter = Filter::new(&patterns).unwrap();
        let lines = lines.iter().copied();
        lines
            .filter(|line| {
                filter.judge(SourceId(0), Part::Whole, line.as_bytes()) == Verdict::Shown
            })
            .collect()
    }

    #[test]
    fn one_of_several_includes_is_enough_and_one_exclude_too_much() {
        let lines = ["loss=1", "lr=2", "loss=nan", "eval"];
        assert_eq!(shown(&[], &[], &lines), lines);
        assert_eq!(shown(&["loss", "lr"], &[], &lines), &lines[..3]);
        assert_eq!(
            shown(&["loss", "lr"], &["nan$"], &lines),
            ["loss=1", "lr=2"]
        );
        assert_eq!(shown(&[], &["l"], &lines), Vec::<&str>::new());
    }

    #[test]
    fn a_pattern_may_end_with_a_comment_of_its_own() {
        let include = ["(?x)a # b", "c"];
        assert_eq!(shown(&include, &[], &["a", "b", "c"]), ["a", "c"]);
        let patterns = Patterns {
            include: patterns(&include),
            ..Patterns::default()
        };
        let filter = Filter::new(&patterns).unwrap();
        let highlight = filter.highlight().unwrap();
        assert!(highlight.is_match(b"xa") && highlight.is_match(b"xc"));
        assert!(!highlight.is_match(b"# b"));
    }

    #[test]
    fn a_long_line_is_shown_or_hidden_as_a_whole() {
        let patterns = Patterns {
            include: patterns(&["^begin"]),
            ..Patterns::default()
        };
        let mut filter = Filter::new(&patterns).unwrap();
        let (one, two) = (SourceId(1), SourceId(2));
        let mut judge = |source, part, text: &str| filter.judge(source, part, text.as_bytes());
        assert_eq!(judge(one, Part::First, "other"), Verdict::Hidden);
        assert_eq!(judge(two, Part::First, "begin"), Verdict::Shown);
        assert_eq!(judge(one, Part::Middle, "begin"), Verdict::Hidden);
        assert_eq!(judge(two, Part::Last, "other"), Verdict::Shown);
        assert_eq!(judge(one, Part::Last, "begin"), Verdict::Hidden);
        assert_eq!(judge(one, Part::Whole, "begin"), Verdict::Shown);
    }

    #[test]
    fn lines_that_are_no_text_can_be_matched_too() {
        let patterns = Patterns {
            include: patterns(&["b+"]),
            ..Patterns::default()
        };
        let mut filter = Filter::new(&patterns).unwrap();
        assert_eq!(
            filter.judge(SourceId(0), Part::Whole, b"\xff\xfebb"),
            Verdict::Shown
        );
        let found = filter.highlight().and_then(|regex| regex.find(b"\xffbb"));
        assert_eq!(found.map(|found| found.range()), Some(1..3));
    }
}
