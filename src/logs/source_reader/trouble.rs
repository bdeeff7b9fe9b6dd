//! What a person is told where a log cannot be had for a while: after some seconds, once, and when it is back. What many
//! sources suffer from alike, one of them tells. Pure.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// What passes by itself before that is told to nobody.
pub(super) const UNTOLD: Duration = Duration::from_secs(10);
const BACK: &str = "its log can be read again";

/// What is told now, by any source.
#[derive(Debug, Default)]
pub(in crate::logs) struct Told(Mutex<HashSet<String>>);

/// What one source suffers from.
#[derive(Debug, Default)]
pub(super) enum Trouble {
    #[default]
    None,
    Since {
        begun: Duration,
        words: String,
    },
    /// Told by this source.
    Told(String),
    /// Told by another.
    Known,
}

impl Trouble {
    /// The log cannot be had, for this reason.
    pub(super) fn suffer(&mut self, now: Duration, newest: String) {
        match self {
            Self::None => {
                *self = Self::Since {
                    begun: now,
                    words: newest,
                }
            }
            Self::Since { words, .. } => *words = newest,
            Self::Told(_) | Self::Known => {}
        }
    }

    /// When [`Trouble::tell`] has something to say.
    pub(super) fn tells_at(&self) -> Option<Duration> {
        match self {
            Self::Since { begun, .. } => Some(*begun + UNTOLD),
            _ => None,
        }
    }

    /// What is to be told now; at the end of a source also what has not lasted.
    pub(super) fn tell(&mut self, told: &Told) -> Option<String> {
        let Self::Since { words, .. } = self else {
            return None;
        };
        let words = std::mem::take(words);
        let is_new = told.add(&words);
        *self = if is_new {
            Self::Told(words.clone())
        } else {
            Self::Known
        };
        is_new.then_some(words)
    }

    /// Nobody asks for the log any more: what others suffer from alike is theirs to tell.
    pub(super) fn forget(&mut self, told: &Told) {
        if let Self::Told(words) = std::mem::take(self) {
            told.remove(&words);
        }
    }

    /// The log can be had again: what is to be told about that.
    pub(super) fn end(&mut self, told: &Told) -> Option<&'static str> {
        match std::mem::take(self) {
            Self::Told(words) => {
                told.remove(&words);
                Some(BACK)
            }
            _ => None,
        }
    }
}

impl Told {
    /// Whether nobody had told it.
    fn add(&self, words: &str) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.insert(words.to_owned())
    }

    fn remove(&self, words: &str) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.remove(words);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suffering(words: &str) -> Trouble {
        let mut trouble = Trouble::None;
        trouble.suffer(Duration::from_secs(3), words.to_owned());
        trouble
    }

    #[test]
    fn what_lasts_is_told_once_and_that_it_is_over() {
        let told = Told::default();
        let mut trouble = suffering("first");
        trouble.suffer(Duration::from_secs(9), "newest".to_owned());
        assert_eq!(trouble.tells_at(), Some(Duration::from_secs(13)));
        assert_eq!(trouble.tell(&told).as_deref(), Some("newest"));
        trouble.suffer(Duration::from_secs(19), "newer".to_owned());
        assert_eq!((trouble.tells_at(), trouble.tell(&told)), (None, None));
        assert_eq!(trouble.end(&told), Some(BACK));
        assert_eq!(trouble.end(&told), None);
    }

    #[test]
    fn what_one_told_whose_log_has_ended_another_tells_again() {
        let told = Told::default();
        let mut one = suffering("no answer");
        assert!(one.tell(&told).is_some());
        one.forget(&told);
        assert_eq!(
            suffering("no answer").tell(&told).as_deref(),
            Some("no answer")
        );
    }

    #[test]
    fn what_passes_is_not_told() {
        assert_eq!(suffering("no answer").end(&Told::default()), None);
    }

    #[test]
    fn what_many_suffer_from_one_tells_until_it_is_over() {
        let told = Told::default();
        let (mut one, mut other) = (suffering("no answer"), suffering("no answer"));
        assert!(one.tell(&told).is_some() && other.tell(&told).is_none());
        assert!(one.end(&told).is_some() && other.end(&told).is_none());
        assert!(suffering("no answer").tell(&told).is_some());
    }
}
