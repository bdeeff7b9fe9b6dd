//! What a person is told where a log cannot be had for a while: after some seconds, once, and when it is back. What many
//! sources suffer from alike, one of them tells. Pure.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// What passes by itself before that is told to nobody.
pub(super) const UNTOLD: Duration = Duration::from_secs(10);
/// Said also of a log that was never read before.
const BACK: &str = "its log can be read now";
const BACK_FROM_FULL: &str = "there is room in the buffer again: reading goes on";

/// What is told now, by any source.
#[derive(Debug, Default)]
pub(in crate::logs) struct Told(Mutex<HashSet<String>>);

/// What one source suffers from.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    cause: Cause,
    telling: Telling,
}

/// Where it lies, and so what shows that it is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cause {
    /// No stream is opened, or nothing comes of it.
    #[default]
    Unanswered,
    /// Nobody was asked: what was read has to be shown first.
    Full,
    /// Streams are opened, and end with a server's words: neither an opening nor old lines show anything.
    Words,
}

#[derive(Debug, Default)]
enum Telling {
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
    pub(super) fn suffer(&mut self, now: Duration, cause: Cause, newest: String) {
        self.cause = self.cause.max(cause);
        match &mut self.telling {
            telling @ Telling::None => {
                *telling = Telling::Since {
                    begun: now,
                    words: newest,
                }
            }
            Telling::Since { words, .. } => *words = newest,
            Telling::Told(_) | Telling::Known => {}
        }
    }

    pub(super) fn cause(&self) -> Cause {
        self.cause
    }

    /// When [`Trouble::tell`] has something to say.
    pub(super) fn tells_at(&self) -> Option<Duration> {
        match &self.telling {
            Telling::Since { begun, .. } => Some(*begun + UNTOLD),
            _ => None,
        }
    }

    /// What is to be told now; at the end of a source also what has not lasted.
    pub(super) fn tell(&mut self, told: &Told) -> Option<String> {
        let Telling::Since { words, .. } = &mut self.telling else {
            return None;
        };
        let words = std::mem::take(words);
        let is_new = told.add(&words);
        self.telling = if is_new {
            Telling::Told(words.clone())
        } else {
            Telling::Known
        };
        is_new.then_some(words)
    }

    /// Nobody asks for the log any more: what others suffer from alike is theirs to tell.
    pub(super) fn forget(&mut self, told: &Told) {
        if let Telling::Told(words) = std::mem::take(self).telling {
            told.remove(&words);
        }
    }

    /// The log can be had again: what is to be told about that.
    pub(super) fn end(&mut self, told: &Told) -> Option<&'static str> {
        let Self { cause, telling } = std::mem::take(self);
        let Telling::Told(words) = telling else {
            return None;
        };
        told.remove(&words);
        Some(match cause {
            Cause::Unanswered | Cause::Words => BACK,
            Cause::Full => BACK_FROM_FULL,
        })
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
        let mut trouble = Trouble::default();
        trouble.suffer(Duration::from_secs(3), Cause::Unanswered, words.to_owned());
        trouble
    }

    #[test]
    fn what_lasts_is_told_once_and_that_it_is_over() {
        let told = Told::default();
        let mut trouble = suffering("first");
        trouble.suffer(
            Duration::from_secs(9),
            Cause::Unanswered,
            "newest".to_owned(),
        );
        assert_eq!(trouble.tells_at(), Some(Duration::from_secs(13)));
        assert_eq!(trouble.tell(&told).as_deref(), Some("newest"));
        trouble.suffer(
            Duration::from_secs(19),
            Cause::Unanswered,
            "newer".to_owned(),
        );
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
    fn words_in_place_of_a_log_stay_the_trouble_until_it_is_over_whatever_else_comes() {
        let told = Told::default();
        let mut trouble = suffering("no answer");
        assert_eq!(trouble.cause(), Cause::Unanswered);
        for (cause, newest) in [
            (Cause::Words, "too many open files"),
            (Cause::Unanswered, "busy"),
        ] {
            trouble.suffer(Duration::from_secs(5), cause, newest.to_owned());
            assert_eq!(trouble.cause(), Cause::Words);
        }
        trouble.end(&told);
        assert_eq!(trouble.cause(), Cause::Unanswered);
    }

    #[test]
    fn of_a_full_buffer_it_is_not_said_that_the_log_can_be_read() {
        let told = Told::default();
        let mut trouble = Trouble::default();
        trouble.suffer(Duration::ZERO, Cause::Full, "full".to_owned());
        assert_eq!(trouble.tell(&told).as_deref(), Some("full"));
        assert_eq!(trouble.end(&told), Some(BACK_FROM_FULL));
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
