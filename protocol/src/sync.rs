//! The requests of an agent: it enrolls once, then syncs, and may rotate its keys.
//!
//! | request | signed with | body | response |
//! | --- | --- | --- | --- |
//! | `POST /agent/v1/enroll` | the new key (`new`), and `Authorization: Bearer <enrollment token>` | [`EnrollRequest`]
//! | [`EnrollResponse`] |
//! | `POST /agent/v1/sync` | the device's key (`agent`) | [`SyncRequest`] | [`SyncResponse`] |
//! | `POST /agent/v1/keys` | the device's key (`agent`) and the new one (`new`) | [`RotateKeysRequest`] |
//! [`RotateKeysResponse`] |
//! | `POST /agent/v1/successions` | the device's key (`agent`) | [`SuccessionRequest`] | [`RotateKeysResponse`] |
//!
//! The body of an error is a [`Problem`]. The server signs every response to a request whose signature it has verified,
//! also errors: see [`signature`](crate::signature) and [`answer`](crate::answer). Anybody may have sent an unsigned
//! response, so the agent only tries again later, and never gives up. An unsigned 401 may come from a server that was
//! restored from a backup and knows former keys only: an agent that has rotated its keys then also sends its
//! successions.
//!
//! | response | signed | the agent |
//! | --- | --- | --- |
//! | none, from another host, or with a status such as 401 or 503 | no | tries again with backoff and jitter; during a
//! key rotation, it also tries the next keys |
//! | `signature-not-fresh` | yes | signs once more by the server's time; then it pauses and tries again |
//! | `replayed`, `keys-rotated`, `bad-request`, 429, 503, any other | yes | pauses and tries again |
//! | `unknown-command` | yes | drops its report on that command, and syncs again |
//! | `device-revoked` | yes | ends: an admin has revoked the device |

use crate::{
    answer::ResponseKind,
    sealing::{Binding, PublicKey, Sealed},
    signing_key::VerifyingKey,
    succession::Succession,
};
use mdm_contract::{
    Action, Capabilities, CommandId, Condition, DeviceOutcome, ManagementMode, Ownership, Policy,
    Refusal, ResetOptions,
    time::{self, Timestamp},
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Path of enrollment.
pub const ENROLL_PATH: &str = "/agent/v1/enroll";
/// Path of syncs.
pub const SYNC_PATH: &str = "/agent/v1/sync";
/// Path of key rotation.
pub const KEYS_PATH: &str = "/agent/v1/keys";
/// Path of key successions.
pub const SUCCESSION_PATH: &str = "/agent/v1/successions";
/// Maximum wait of a sync, in seconds.
pub const MAX_WAIT: u32 = 60;

/// Maximum number of reports in one sync. An agent sends further reports with the next sync.
pub const MAX_REPORTS: usize = 100;
/// Maximum length of an agent's version, in bytes.
pub const MAX_VERSION_LENGTH: usize = 64;

/// The device info of an agent, at enrollment and at each sync.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceInfo {
    /// `Build.VERSION.SDK_INT`.
    pub api_level: u32,
    /// The agent's version by semantic versioning; at most [`MAX_VERSION_LENGTH`] bytes.
    pub agent_version: String,
    /// The management mode.
    pub management_mode: ManagementMode,
    /// For a profile owner: `true` if its profile is a managed (work) profile.
    pub managed_profile: bool,
    /// The owner of the device.
    pub ownership: Ownership,
    /// The capabilities of the agent and of the way to it: what it can carry out for this device.
    pub capabilities: Capabilities,
    /// The state of its lock screen.
    pub condition: Condition,
}

/// The request of an enrollment.
#[derive(Debug, Serialize, Deserialize)]
pub struct EnrollRequest {
    /// The name of the device.
    pub name: String,
    /// The sealing key: passwords are sealed to it.
    pub public_key: PublicKey,
    /// The public half of the signing key, which also signs this request.
    pub signing_key: VerifyingKey,
    /// The device info.
    pub device_info: DeviceInfo,
}

/// The response to an enrollment.
#[derive(Debug, Serialize, Deserialize)]
pub struct EnrollResponse {
    /// The server's id of the device.
    pub device: String,
    /// The server's signing key. The agent accepts responses of no other key from now on.
    pub host_key: VerifyingKey,
    /// The public key that wraps the agent's reset token. The private key comes with each command.
    pub token_key: PublicKey,
}

/// The request of a key rotation. A pending command stays pending: it was sealed to the former key, which the agent
/// keeps until it has carried out its held commands.
#[derive(Debug, Serialize, Deserialize)]
pub struct RotateKeysRequest {
    /// The sealing key: passwords are sealed to it.
    pub public_key: PublicKey,
    /// The public half of the new signing key, which also signs this request.
    pub signing_key: VerifyingKey,
}

/// The request of an agent whose server knows only former keys, because its store was restored from a backup.
#[derive(Debug, Serialize, Deserialize)]
pub struct SuccessionRequest {
    /// The statements of the agent's former keys, oldest first; at most
    /// [`MAX_SUCCESSIONS`](crate::succession::MAX_SUCCESSIONS).
    pub successions: Vec<Succession>,
}

/// The response to a key rotation: the server accepts only the new keys from now on.
#[derive(Debug, Serialize, Deserialize)]
pub struct RotateKeysResponse {}

/// The request of a sync: reports, and a request for changes.
#[derive(Debug, Serialize, Deserialize)]
pub struct SyncRequest {
    /// The device info.
    pub device_info: DeviceInfo,
    /// Reports on commands, at most [`MAX_REPORTS`]. Each is sent again until a sync has succeeded. The server keeps
    /// no more than [`MAX_TEXT_BYTES`](mdm_contract::DeviceFailure::MAX_TEXT_BYTES) bytes of the agent's own words.
    #[serde(default)]
    pub reports: Vec<Report>,
    /// The commands that the agent holds and has not carried out yet.
    #[serde(default)]
    pub holding: Vec<CommandId>,
    /// The policy from the last sync.
    #[serde(default)]
    pub policy: Option<Policy>,
    /// Long poll: the wait for a change if there is none, in seconds; at most [`MAX_WAIT`].
    #[serde(default)]
    pub wait_seconds: u32,
    /// The witness from the last sync.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witness: Option<String>,
}

/// The report of an agent on a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The command.
    pub command: CommandId,
    /// The outcome.
    pub outcome: DeviceOutcome,
}

/// The response type of a request that succeeds.
pub trait Answered {
    /// The kind of the signed response.
    const KIND: ResponseKind;
}

impl Answered for EnrollResponse {
    const KIND: ResponseKind = ResponseKind::Enrolled;
}

impl Answered for SyncResponse {
    const KIND: ResponseKind = ResponseKind::Synced;
}

impl Answered for RotateKeysResponse {
    const KIND: ResponseKind = ResponseKind::KeysChanged;
}

/// The response to a sync: the changes for the device.
#[derive(Debug, Serialize, Deserialize)]
pub struct SyncResponse {
    /// Pending commands that the agent does not hold, oldest first.
    pub commands: Vec<SealedCommand>,
    /// Held commands that the agent must drop.
    pub withdrawn: Vec<CommandId>,
    /// The policy to enforce from now on. `None` if there is none, or while it is overridden.
    pub policy: Option<Policy>,
    /// The channel of wake-ups. Without it, the agent uses the long poll.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wake_up: Option<WakeUpAt>,
    /// The witness: an opaque text that the agent sends with its next sync, so that the server detects a restore of its
    /// store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witness: Option<String>,
}

/// The channel of wake-ups, whose only message is "sync now". While an agent is subscribed, it need not use the long
/// poll.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WakeUpAt {
    /// The broker's URL, with a login if it needs one: a [`BrokerUrl`](crate::broker::BrokerUrl). An agent that does
    /// not know the scheme uses the long poll.
    pub url: String,
    /// The topic to subscribe to. It does not reveal the device.
    pub topic: String,
    /// The interval of syncs without wake-ups, in seconds, so that nothing is lost if the broker is silent.
    pub sync_every_seconds: u32,
}

/// Hides the URL, which may contain a login.
impl fmt::Debug for WakeUpAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WakeUpAt").finish_non_exhaustive()
    }
}

/// A command on its way to the device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedCommand {
    /// The id to report on.
    pub id: CommandId,
    /// The action.
    pub action: Action,
    /// The options of a reset.
    #[serde(default)]
    pub options: ResetOptions,
    /// The expiry: the agent must not carry the command out afterwards.
    #[serde(
        with = "time::option",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub expires_at: Option<Timestamp>,
    /// The [`Payload`](crate::sealing::Payload): the key of the wrapped reset token, and the password of a reset.
    pub sealed: Sealed,
}

impl SealedCommand {
    /// The binding of its sealed password to this device.
    pub fn binding<'a>(&'a self, device: &'a str) -> Binding<'a> {
        Binding {
            device,
            command: &self.id,
            action: self.action,
            options: self.options,
            expires_at: self.expires_at,
        }
    }

    /// Returns `true` if the command has expired at this time of the server's clock.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}

/// An error response (RFC 9457).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Problem {
    /// The problem type: a name of the contract such as `agent-too-old`, or of the API such as `unknown-command`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The HTTP status.
    pub status: u16,
    /// A sentence for people: what happened to which thing, and what to do next.
    pub detail: String,
    /// The command in question, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandId>,
    /// The refusal of the plugin, if it refused the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refusal>,
    /// For `signature-not-fresh`: the server's time, in seconds since 1970, to sign with at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_time: Option<u64>,
}
