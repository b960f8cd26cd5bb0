//! The invariants that a host enforces on every plugin; `wit/README.md` lists them. Each effect is checked when the
//! plugin makes it, the decision as a whole when the plugin returns it.

use crate::{
    CallContext, Function, contract::*, effect::Effect, plugin_result::PluginResult,
    shortened::shortened,
};
use mdm_contract::time;

/// Maximum length of a plugin's text or id, in bytes.
const MAX_TEXT: usize = DeviceFailure::MAX_TEXT_BYTES;

/// Maximum length of a returned list.
const MAX_LIST: usize = 64;

/// The invariants of every call. That a call which fails or refuses has no effects is not among them: the type
/// [`CallOutcome`](super::CallOutcome) has no place for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invariant {
    /// At most one command of a device is pending.
    OneInFlight,
    /// A command gets one outcome.
    OneOutcome,
    /// Effects name only commands of the call's device.
    OwnDevice,
    /// A secret travels with every reset, and with nothing else.
    Secret,
    /// An expiry lies in the future, and every time in the calendar.
    Expiry,
    /// Texts and lists are bounded.
    BoundedTexts,
    /// A call sends the requested action only, and returns its id.
    AsAsked,
    /// A query has no effects.
    Question,
}

impl Invariant {
    /// Each of them.
    pub const ALL: [Self; 8] = [
        Self::OneInFlight,
        Self::OneOutcome,
        Self::OwnDevice,
        Self::Secret,
        Self::Expiry,
        Self::BoundedTexts,
        Self::AsAsked,
        Self::Question,
    ];

    /// Its name in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OneInFlight => "one-in-flight",
            Self::OneOutcome => "one-outcome",
            Self::OwnDevice => "own-device",
            Self::Secret => "secret",
            Self::Expiry => "expiry",
            Self::BoundedTexts => "bounded-texts",
            Self::AsAsked => "as-asked",
            Self::Question => "question",
        }
    }

    /// Its title in `wit/README.md`.
    pub fn title(self) -> &'static str {
        match self {
            Self::OneInFlight => "one command in flight",
            Self::OneOutcome => "one outcome",
            Self::OwnDevice => "its own device",
            Self::Secret => "a secret with every reset",
            Self::Expiry => "an expiry in the future",
            Self::BoundedTexts => "bounded texts",
            Self::AsAsked => "as requested",
            Self::Question => "no effects of a query",
        }
    }
}

/// A violation of an invariant by a plugin. Ids are shortened: a plugin may have made them up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// Of [`Invariant::OneInFlight`].
    #[error("it sent a command while {0} is pending, and did not complete it")]
    StillPending(CommandId),
    /// Of [`Invariant::OneInFlight`].
    #[error("it sent {0} commands in one call")]
    SentSeveral(usize),
    /// Of [`Invariant::OneOutcome`].
    #[error("it completed command {0} a second time")]
    CompletedTwice(CommandId),
    /// Of [`Invariant::OneOutcome`].
    #[error("it completed command {0}, which the same call sent")]
    CompletedSent(CommandId),
    /// Of [`Invariant::OneOutcome`].
    #[error("it kept a late outcome of command {0}, which is pending")]
    LateButPending(CommandId),
    /// Of [`Invariant::OwnDevice`].
    #[error("it {effect} {command}, which is no command of this call's device")]
    OtherDevice {
        /// The effect.
        effect: &'static str,
        /// The command.
        command: CommandId,
    },
    /// Of [`Invariant::Secret`].
    #[error("it sent a {action} {} a secret", if *.has_secret { "with" } else { "without" })]
    WrongSecret {
        /// The action of the command.
        action: Action,
        /// The command has a secret.
        has_secret: bool,
    },
    /// Of [`Invariant::Secret`].
    #[error("it used a secret in a call that was given none")]
    NoSecret,
    /// Of [`Invariant::Expiry`].
    #[error(
        "it sent a command that expires at {0} ms, which is over already or past the calendar's end"
    )]
    BadExpiry(Timestamp),
    /// Of [`Invariant::Expiry`].
    #[error("it returned the time {0} ms, which is past the calendar's end")]
    FarTime(Timestamp),
    /// Of [`Invariant::BoundedTexts`].
    #[error("it gave a text of {0} bytes in its own words, where {MAX_TEXT} are allowed")]
    LongText(usize),
    /// Of [`Invariant::BoundedTexts`].
    #[error("it returned a list of {0}, where {MAX_LIST} are allowed")]
    LongList(usize),
    /// Of [`Invariant::AsAsked`].
    #[error("it sent a {action} in a call of {function}")]
    NotAsked {
        /// The action of the command.
        action: Action,
        /// The function that was called.
        function: Function,
    },
    /// Of [`Invariant::AsAsked`].
    #[error("it accepted the request as command {0}, which it had not sent")]
    NotSent(CommandId),
    /// Of [`Invariant::Question`].
    #[error("{0} made a change")]
    QuestionChanged(String),
    /// Of [`Invariant::AsAsked`].
    #[error("it called an import that needs a device in a call without one")]
    NoCall,
}

impl Violation {
    /// The invariant.
    pub fn invariant(&self) -> Invariant {
        match self {
            Self::StillPending(_) | Self::SentSeveral(_) => Invariant::OneInFlight,
            Self::CompletedTwice(_) | Self::CompletedSent(_) | Self::LateButPending(_) => {
                Invariant::OneOutcome
            }
            Self::OtherDevice { .. } => Invariant::OwnDevice,
            Self::WrongSecret { .. } | Self::NoSecret => Invariant::Secret,
            Self::BadExpiry(_) | Self::FarTime(_) => Invariant::Expiry,
            Self::LongText(_) | Self::LongList(_) => Invariant::BoundedTexts,
            Self::NotAsked { .. } | Self::NotSent(_) | Self::NoCall => Invariant::AsAsked,
            Self::QuestionChanged(_) => Invariant::Question,
        }
    }
}

type Checked = Result<(), Violation>;

/// Checks a command that is about to be sent.
pub(super) fn check_send(context: &CallContext, new: &NewCommand, has_secret: bool) -> Checked {
    let action = new.action;
    if (action == Action::Reset) != has_secret {
        return Err(Violation::WrongSecret { action, has_secret });
    }
    match new.expires_at {
        Some(end) if end <= context.situation.now || end >= time::END_OF_CALENDAR => {
            Err(Violation::BadExpiry(end))
        }
        _ => Ok(()),
    }
}

/// Checks an outcome that a command is about to get.
pub(super) fn check_complete(context: &CallContext, id: &str, outcome: &Outcome) -> Checked {
    check_text(match outcome {
        Outcome::Failed(failure) => failure.text(),
        Outcome::Success => None,
    })?;
    match context.command(id) {
        None => other_device("completed", id),
        Some(_) if context.has_sent(id) => Err(Violation::CompletedSent(named(id))),
        Some(command) if !context.is_pending(command) => Err(Violation::CompletedTwice(named(id))),
        Some(_) => Ok(()),
    }
}

/// Checks a late outcome that is about to be kept.
pub(super) fn check_late_outcome(
    context: &CallContext,
    id: &str,
    outcome: &DeviceOutcome,
) -> Checked {
    check_text(outcome.text())?;
    match context.command(id) {
        None => other_device("kept an outcome of", id),
        Some(command) if context.is_pending(command) => Err(Violation::LateButPending(named(id))),
        Some(_) => Ok(()),
    }
}

/// Checks the command that the policy is about to be overridden by.
pub(super) fn check_override(context: &CallContext, id: &str) -> Checked {
    match context.command(id) {
        None => other_device("overrode the policy by", id),
        Some(_) => Ok(()),
    }
}

/// Checks a decision with its effects, before the commit.
pub(super) fn check_accepted(
    context: &CallContext,
    function: Function,
    returned: &impl PluginResult,
) -> Checked {
    check_returned(returned)?;
    let sent: Vec<&Command> = context.sent().collect();
    if let Some(wrong) = sent.iter().find(|it| function.sends() != Some(it.action)) {
        let action = wrong.action;
        return Err(Violation::NotAsked { action, function });
    }
    if let Some(id) = returned.sent()
        && !context.has_sent(id)
    {
        return Err(Violation::NotSent(named(id)));
    }
    match (sent.len(), &context.situation.pending) {
        (2.., _) => Err(Violation::SentSeveral(sent.len())),
        (1, Some(old)) if context.is_pending(old) => Err(Violation::StillPending(named(&old.id))),
        _ => Ok(()),
    }
}

/// Checks the result of a query.
pub(super) fn check_answered(
    context: &CallContext,
    question: &str,
    returned: &impl PluginResult,
) -> Checked {
    check_returned(returned)?;
    match context.effects.as_slice() {
        [] => Ok(()),
        _ => Err(Violation::QuestionChanged(named(question))),
    }
}

/// Checks a returned value by itself.
pub(super) fn check_returned(returned: &impl PluginResult) -> Checked {
    if let Some(far) = returned.times().find(|it| *it >= time::END_OF_CALENDAR) {
        return Err(Violation::FarTime(far));
    }
    if let Some(long) = returned.lists().find(|it| *it > MAX_LIST) {
        return Err(Violation::LongList(long));
    }
    match returned.texts().find(|it| it.len() > MAX_TEXT) {
        Some(long) => Err(Violation::LongText(long.len())),
        None => Ok(()),
    }
}

/// Checks the length of a text in an outcome: every later call about the device reads it.
fn check_text(text: Option<&str>) -> Checked {
    match text.map_or(0, str::len) {
        0..=MAX_TEXT => Ok(()),
        length => Err(Violation::LongText(length)),
    }
}

fn other_device(effect: &'static str, id: &str) -> Checked {
    Err(Violation::OtherDevice {
        effect,
        command: named(id),
    })
}

fn named(id: &str) -> String {
    shortened(id.to_owned())
}

/// The effects in commit order: ends come before beginnings, so that a device never has two pending commands.
pub(super) fn in_order(mut effects: Vec<Effect>) -> Vec<Effect> {
    effects.sort_by_key(|effect| matches!(effect, Effect::Send(_)));
    effects
}
