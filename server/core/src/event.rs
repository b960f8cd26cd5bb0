//! Events: each change of a status is an event, which webhooks deliver. An event has the same content as the API, and
//! no secret.

use crate::change::Change;
use mdm_contract::{
    Command, Failure, Outcome, Policy, PolicyOverride,
    time::{self, Timestamp},
};
use serde::{Deserialize, Serialize};

mdm_contract::text_enum! {
    /// The kind of an event.
    #[derive(utoipa::ToSchema)]
    EventKind {
        /// A command was made.
        CommandPending = "command.pending",
        /// A command was carried out.
        CommandSuccess = "command.success",
        /// The device could not carry a command out.
        CommandFailed = "command.failed",
        /// An admin cancelled a command.
        CommandCancelled = "command.cancelled",
        /// A command expired.
        CommandExpired = "command.expired",
        /// A later command replaced one.
        CommandSuperseded = "command.superseded",
        /// A device reported the outcome of a command that was already completed otherwise.
        CommandLateOutcome = "command.late-outcome",
        /// The policy of a device is overridden from now on.
        PolicyOverridden = "policy.overridden",
        /// The override of a device's policy has ended.
        PolicyEnforced = "policy.enforced",
        /// A device enrolled.
        DeviceEnrolled = "device.enrolled",
        /// An admin revoked a device.
        DeviceRevoked = "device.revoked",
    }
}

impl EventKind {
    /// The event in plain words.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::CommandPending => "a reset or a remove was asked for",
            Self::CommandSuccess => "a command was carried out",
            Self::CommandFailed => "a device could not carry a command out",
            Self::CommandCancelled => "a command was cancelled before its device answered",
            Self::CommandExpired => "a command expired before its device answered",
            Self::CommandSuperseded => "a command was replaced before its device answered",
            Self::CommandLateOutcome => {
                "a device said what became of a command that had been completed otherwise"
            }
            Self::PolicyOverridden => "a device’s policy is overridden from now on",
            Self::PolicyEnforced => "the override of a device’s policy has ended",
            Self::DeviceEnrolled => "a device enrolled",
            Self::DeviceRevoked => "a device was revoked",
        }
    }

    /// The kind of event that a change to a device causes. Returns `None` if the change causes no event.
    pub fn of(change: &Change) -> Option<Self> {
        match change {
            Change::Send { .. } => Some(Self::CommandPending),
            Change::Complete { outcome, .. } => Some(match outcome {
                Outcome::Success => Self::CommandSuccess,
                Outcome::Failed(Failure::Cancelled) => Self::CommandCancelled,
                Outcome::Failed(Failure::Expired) => Self::CommandExpired,
                Outcome::Failed(Failure::Superseded(_)) => Self::CommandSuperseded,
                Outcome::Failed(_) => Self::CommandFailed,
            }),
            Change::KeepLateOutcome { .. } => Some(Self::CommandLateOutcome),
            Change::SetPolicyOverride(Some(_)) => Some(Self::PolicyOverridden),
            Change::SetPolicyOverride(None) => Some(Self::PolicyEnforced),
            Change::Revoke => Some(Self::DeviceRevoked),
            Change::SetPolicy(_) | Change::RotateKeys { .. } | Change::SetDeviceInfo(_) => None,
        }
    }
}

/// An event of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Sequence number in the store.
    pub number: u64,
    /// Id by which receivers recognize a repeated delivery.
    pub id: String,
    /// Kind of the event.
    pub kind: EventKind,
    /// Time of the event.
    pub at: Timestamp,
    /// Content of the event.
    pub about: About,
}

/// The subject of an event, as of right after the event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The device.
    pub device: String,
    /// Display name of the device.
    pub name: String,
    /// Groups of the device.
    pub groups: Vec<String>,
    /// The command, if the event is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Command>,
    /// The policy that is overridden or enforced, if one is applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Policy>,
    /// The override that begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_override: Option<PolicyOverride>,
}

/// The body of a webhook message, in the form that Standard Webhooks recommends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message<T> {
    /// Kind of the event.
    #[serde(rename = "type")]
    pub kind: String,
    /// Time of the event.
    #[serde(with = "time")]
    pub timestamp: Timestamp,
    /// Content of the event.
    pub data: T,
}

impl Event {
    /// The message for this event.
    pub fn message(&self) -> Message<&About> {
        Message {
            kind: self.kind.as_str().to_owned(),
            timestamp: self.at,
            data: &self.about,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_written_as_json_has_it() {
        for kind in EventKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        assert!("command.lost".parse::<EventKind>().is_err());
    }
}
