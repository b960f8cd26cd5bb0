//! Checks of returned values where their types allow more than the contract: times, texts, lists, and the id of the
//! command that was sent.

use super::contract::*;
use std::iter::{empty, once};

/// A value that a plugin returned.
pub(super) trait PluginResult {
    /// Each time in it.
    fn times(&self) -> impl Iterator<Item = Timestamp> {
        empty()
    }

    /// Each text and id in it.
    fn texts(&self) -> impl Iterator<Item = &str> {
        empty()
    }

    /// The length of each list in it.
    fn lists(&self) -> impl Iterator<Item = usize> {
        empty()
    }

    /// The id of the sent command, if it names one.
    fn sent(&self) -> Option<&str> {
        None
    }
}

impl PluginResult for () {}

impl PluginResult for ReportEffect {}

impl PluginResult for CommandId {
    fn texts(&self) -> impl Iterator<Item = &str> {
        once(self.as_str())
    }

    fn sent(&self) -> Option<&str> {
        Some(self)
    }
}

impl PluginResult for Vec<SettingsFault> {
    fn texts(&self) -> impl Iterator<Item = &str> {
        self.iter()
            .flat_map(|fault| [fault.field.as_str(), fault.message.as_str()])
    }

    fn lists(&self) -> impl Iterator<Item = usize> {
        once(self.len())
    }
}

impl PluginResult for Refusal {
    fn texts(&self) -> impl Iterator<Item = &str> {
        let (faults, texts) = match self {
            Self::PasswordRefused(faults) => (faults.as_slice(), [None, None]),
            Self::AgentTooOld(AgentTooOld {
                agent_version,
                required_version,
            }) => (&[][..], [Some(agent_version), Some(required_version)]),
            Self::Conflict(text)
            | Self::NotPending(text)
            | Self::NotExpired(text)
            | Self::Other(text) => (&[][..], [Some(text), None]),
            Self::NothingToRemove | Self::BadValidity => (&[][..], [None, None]),
        };
        let faults = faults.iter().filter_map(|fault| match fault {
            PasswordFault::Other(text) => Some(text),
            _ => None,
        });
        faults
            .chain(texts.into_iter().flatten())
            .map(String::as_str)
    }

    fn lists(&self) -> impl Iterator<Item = usize> {
        match self {
            Self::PasswordRefused(faults) => Some(faults.len()),
            _ => None,
        }
        .into_iter()
    }
}

impl PluginResult for Command {
    fn times(&self) -> impl Iterator<Item = Timestamp> {
        let maybe = [self.completed_at, self.expires_at].into_iter().flatten();
        maybe.chain([self.requested_at])
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        let status = match &self.status {
            Status::Failed(failure) => failure.text(),
            Status::Pending | Status::Success => None,
        };
        let late = self.late_outcome.as_ref().and_then(DeviceOutcome::text);
        [Some(self.id.as_str()), status, late].into_iter().flatten()
    }
}

impl PluginResult for PolicyState {
    fn times(&self) -> impl Iterator<Item = Timestamp> {
        overridden(self).map(|by| by.since).into_iter()
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        overridden(self).map(|by| by.command.as_str()).into_iter()
    }
}

fn overridden(state: &PolicyState) -> Option<&PolicyOverride> {
    match state {
        PolicyState::Overridden(by) => Some(by),
        PolicyState::None | PolicyState::Enforced => None,
    }
}

impl PluginResult for DeviceStatus {
    fn times(&self) -> impl Iterator<Item = Timestamp> {
        let latest = self.latest.iter().flat_map(PluginResult::times);
        latest.chain(self.policy_state.times())
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        let latest = self.latest.iter().flat_map(PluginResult::texts);
        latest.chain(self.policy_state.texts())
    }
}

impl PluginResult for DevicePreview {
    fn times(&self) -> impl Iterator<Item = Timestamp> {
        let away = match self.verdict {
            Verdict::WillWait(Wait::DeviceOffline(since)) => Some(since),
            _ => None,
        };
        let notes = self.notes.iter().filter_map(|note| match note {
            Note::DeviceOffline(since) => Some(*since),
            _ => None,
        });
        notes.chain(away)
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        let failure = match &self.verdict {
            Verdict::WillFail(failure) => failure.text(),
            _ => None,
        };
        let notes = self.notes.iter().filter_map(|note| match note {
            Note::Other(text) => Some(text.as_str()),
            _ => None,
        });
        let refusal = previewed_refusal(self)
            .into_iter()
            .flat_map(PluginResult::texts);
        notes.chain(failure).chain(refusal)
    }

    fn lists(&self) -> impl Iterator<Item = usize> {
        let refusal = previewed_refusal(self)
            .into_iter()
            .flat_map(PluginResult::lists);
        once(self.notes.len()).chain(refusal)
    }
}

fn previewed_refusal(preview: &DevicePreview) -> Option<&Refusal> {
    match &preview.verdict {
        Verdict::WouldBeRefused(refusal) => Some(refusal),
        _ => None,
    }
}
