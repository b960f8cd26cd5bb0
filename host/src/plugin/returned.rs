//! What a plugin returned, judged where its type allows more than the contract does: a breach gives nothing
//! back, as a trap does.

use super::{
    calls::Decided,
    contract::*,
    error::{PluginError, shortened},
};
use mdm_wire::time;

/// What tells times.
pub(super) trait Times {
    /// Each time that it tells.
    fn times(&self) -> impl Iterator<Item = Timestamp>;
}

impl Times for Command {
    fn times(&self) -> impl Iterator<Item = Timestamp> {
        let maybe = [self.settled_at, self.expires_at].into_iter().flatten();
        maybe.chain([self.requested_at])
    }
}

impl Times for PolicyState {
    fn times(&self) -> impl Iterator<Item = Timestamp> {
        match self {
            Self::Overridden(by) => Some(by.since),
            Self::None | Self::Enforced => None,
        }
        .into_iter()
    }
}

impl Times for DeviceStatus {
    fn times(&self) -> impl Iterator<Item = Timestamp> {
        let latest = self.latest.iter().flat_map(Times::times);
        latest.chain(self.policy_state.times())
    }
}

impl Times for DeviceOutlook {
    fn times(&self) -> impl Iterator<Item = Timestamp> {
        let away = match self.verdict {
            Verdict::WillWait(Wait::DeviceAway(since)) => Some(since),
            _ => None,
        };
        let notes = self.notes.iter().filter_map(|note| match note {
            Note::DeviceAway(since) => Some(*since),
            _ => None,
        });
        notes.chain(away)
    }
}

/// Every time lies in the calendar: another has no form in JSON, so nobody could be told of it.
pub(super) fn in_calendar<T: Times>(decided: Decided<T>) -> Decided<T> {
    let (returned, context) = decided?;
    let far = returned.times().find(|it| *it >= time::END_OF_CALENDAR);
    match far {
        None => Ok((returned, context)),
        Some(far) => Err(PluginError::Breach(format!(
            "it returned the time {far} ms, which is past the calendar's end"
        ))),
    }
}

/// The command that a request is accepted as must be one that it sent.
pub(super) fn sent(
    decided: Decided<Result<CommandId, Refusal>>,
) -> Decided<Result<CommandId, Refusal>> {
    let (returned, context) = decided?;
    match &returned {
        Ok(id) if !context.has_sent(id) => Err(PluginError::Breach(shortened(format!(
            "it accepted the request as command {id:.64}, which it had not sent"
        )))),
        _ => Ok((returned, context)),
    }
}
