//! What a word may become when TAB is pressed.

/// One thing that the word may become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub value: String,
    /// One line, which may be empty.
    pub description: String,
}

impl Candidate {
    pub fn new(value: impl Into<String>, description: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            description: description.into(),
        }
    }
}

/// What may stand for the last word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Completion {
    Words(Vec<Candidate>),
    /// The shell knows files better: it unfolds `~`, and quotes what has blanks.
    Files,
    Folders,
}
