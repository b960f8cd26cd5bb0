//! Counts of requests and of their results.

use crate::checker::{Answer, History};
use std::fmt::{self, Display, Formatter};

/// Counts of requests and of their results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommandCounts {
    /// Requests that were accepted.
    pub accepted: usize,
    /// That were refused.
    pub refused: usize,
    /// The response was lost.
    pub lost: usize,
    /// Commands that there were.
    pub commands: usize,
    /// Commands that a device has carried out.
    pub carried_out: usize,
}

impl CommandCounts {
    /// The counts of this history.
    pub(super) fn of(history: &History) -> Self {
        let count = |is: fn(&Answer) -> bool| {
            let answers = history.requests.iter().map(|request| &request.answer);
            answers.filter(|answer| is(answer)).count()
        };
        Self {
            accepted: count(|it| matches!(it, Answer::Accepted(_))),
            refused: count(|it| matches!(it, Answer::Refused(_))),
            lost: count(|it| matches!(it, Answer::Lost)),
            commands: history.commands.len(),
            carried_out: history
                .commands
                .values()
                .filter(|seen| seen.is_done())
                .count(),
        }
    }
}

impl std::ops::Add for CommandCounts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            accepted: self.accepted + other.accepted,
            refused: self.refused + other.refused,
            lost: self.lost + other.lost,
            commands: self.commands + other.commands,
            carried_out: self.carried_out + other.carried_out,
        }
    }
}

impl Display for CommandCounts {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} commands, {} of them carried out; of the requests, {} were accepted, {} refused, and of {} the answer \
             was lost",
            self.commands, self.carried_out, self.accepted, self.refused, self.lost
        )
    }
}
