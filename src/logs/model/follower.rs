//! What follows one attempt in the models: the real parts, a stream of the modelled kubelet, and what was printed.

use crate::logs::{
    alignment::{Aligner, Delivery, Flow, Settled, Start},
    instance::{Event, Follow, Instance},
    line::LineSplitter,
    model::kubelet_model::Reader,
};

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Printed {
    Line(String),
    Gap,
}

/// What follows one attempt.
pub(super) struct Follower {
    pub(super) attempt: usize,
    pub(super) instance: Instance,
    pub(super) aligner: Aligner,
    pub(super) splitter: LineSplitter,
    /// Which attempt the stream is really of, and how it was asked.
    pub(super) stream: Option<(usize, Follow)>,
    pub(super) reader: Option<Reader>,
    pub(super) printed: Vec<Printed>,
    pub(super) is_finished: bool,
}

impl Follower {
    pub(super) fn new(attempt: usize, instance: Instance) -> Self {
        Self {
            attempt,
            instance,
            aligner: Aligner::new(Start::Whole),
            splitter: LineSplitter::default(),
            stream: None,
            reader: None,
            printed: Vec::new(),
            is_finished: false,
        }
    }

    pub(super) fn take(&mut self, bytes: &[u8]) -> Event {
        let Self {
            aligner,
            splitter,
            printed,
            ..
        } = self;
        let before = printed.len();
        let answer = splitter.push(bytes, |piece| {
            match aligner.accept(&piece, &mut |one| print(printed, one)) {
                Flow::Continue => Ok(()),
                other => Err(other),
            }
        });
        match answer {
            Err(Flow::Reopen) => Event::Reopen,
            Err(Flow::Lost) => Event::Lost,
            _ if self.printed.len() > before => Event::Delivered,
            _ => Event::Repeated,
        }
    }

    pub(super) fn settle(&mut self) -> Settled {
        let Self {
            aligner, printed, ..
        } = self;
        aligner.settle(&mut |one| print(printed, one))
    }

    pub(super) fn mark_end(&mut self) {
        let Self {
            aligner, printed, ..
        } = self;
        aligner.mark_end(&mut |one| print(printed, one));
    }
}

pub(super) fn print(printed: &mut Vec<Printed>, delivery: Delivery<'_>) {
    printed.push(match delivery {
        Delivery::Piece(piece) => Printed::Line(String::from_utf8(piece.text().to_vec()).unwrap()),
        Delivery::Gap(_) => Printed::Gap,
        Delivery::Message(text) => panic!("nobody spoke: {}", String::from_utf8_lossy(text)),
    });
}
