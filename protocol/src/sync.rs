//! The calls of an agent: it enrolls once, syncs ever after, and may change its keys.
//!
//! | call | signed with | body | answer |
//! | --- | --- | --- | --- |
//! | `POST /agent/v1/enroll` | the new key (`new`), and `Authorization: Bearer <enrollment token>` | [`EnrollRequest`] | [`EnrollResponse`] |
//! | `POST /agent/v1/sync` | the device's key (`agent`) | [`SyncRequest`] | [`SyncResponse`] |
//! | `POST /agent/v1/keys` | the device's key (`agent`) and the new one (`new`) | [`RotateKeysRequest`] | [`RotateKeysResponse`] |
//! | `POST /agent/v1/successions` | the device's key (`agent`) | [`SuccessionRequest`] | [`RotateKeysResponse`] |
//!
//! An error is answered with a [`Problem`]. The host signs every answer to a call whose signature it has verified,
//! errors too; [`signature`](crate::signature) and [`answer`](crate::answer) say how. What is not signed may be
//! anybody's word, so an agent only tries again later, and never gives up. A 401 that is not signed may come of a
//! host that was restored from a backup, and knows the agent by earlier keys: an agent that has changed its keys
//! shows then, too, how they followed:
//!
//! | answer | signed | what an agent does |
//! | --- | --- | --- |
//! | none, or of another host, or with a status such as 401 or 503 | no | tries again, after ever longer pauses of random length; while it changes its keys, it also asks by the next ones |
//! | `signature-not-fresh` | yes | signs once more, by the host's time; then it pauses and tries again |
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
    decisions::Refusal,
    time::{self, Timestamp},
    types::{Action, CommandId, Condition, Failure, ManagementMode, Outcome, Policy, ResetOptions},
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where an agent enrolls.
pub const ENROLL_PATH: &str = "/agent/v1/enroll";
/// Where an agent syncs.
pub const SYNC_PATH: &str = "/agent/v1/sync";
/// Where an agent tells the keys that it uses from then on.
pub const KEYS_PATH: &str = "/agent/v1/keys";
/// Where an agent proves that its keys followed on those that the host knows.
pub const SUCCESSION_PATH: &str = "/agent/v1/successions";
/// The longest that a host lets an agent wait for news, in seconds.
pub const MAX_WAIT: u32 = 60;

/// The most reports in one sync: an agent that has more hands the rest over with the next.
pub const MAX_REPORTS: usize = 100;
/// The longest version of an agent, in bytes.
pub const MAX_VERSION_LENGTH: usize = 64;

/// The device info of an agent, at enrollment and at each sync.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceInfo {
    /// `Build.VERSION.SDK_INT`.
    pub api_level: u32,
    /// The agent's version, as semantic versioning writes it; at most [`MAX_VERSION_LENGTH`] bytes.
    pub agent_version: String,
    /// The management mode.
    pub management_mode: ManagementMode,
    /// For a profile owner: whether its profile is a managed (work) profile.
    pub managed_profile: bool,
    /// The state of its lock screen.
    pub condition: Condition,
}

/// An agent asks to manage its device.
#[derive(Debug, Serialize, Deserialize)]
pub struct EnrollRequest {
    /// The name of the device.
    pub name: String,
    /// Passwords will be sealed to this key.
    pub public_key: PublicKey,
    /// The agent will sign with the other half of this key, and has signed this call with it.
    pub signing_key: VerifyingKey,
    /// The device info.
    pub device_info: DeviceInfo,
}

/// The host took the device in.
#[derive(Debug, Serialize, Deserialize)]
pub struct EnrollResponse {
    /// The host's id of the device.
    pub device: String,
    /// The key that the server signs with. The agent accepts no other from now on.
    pub host_key: VerifyingKey,
    /// The public key that wraps the agent's reset token. The private key comes with each command.
    pub token_key: PublicKey,
}

/// An agent changes its keys. A command that is pending stays so: it was sealed to the key before, which the agent
/// keeps until it has carried out what it holds.
#[derive(Debug, Serialize, Deserialize)]
pub struct RotateKeysRequest {
    /// Passwords will be sealed to this key.
    pub public_key: PublicKey,
    /// The agent will sign with the other half of this key, and has signed this call with it, too.
    pub signing_key: VerifyingKey,
}

/// An agent whose host knows only former keys of it, because its store was replaced by an older one, proves that the
/// key that it signs with followed on them.
#[derive(Debug, Serialize, Deserialize)]
pub struct SuccessionRequest {
    /// The statements of the agent's former keys, oldest first; at most
    /// [`MAX_SUCCESSIONS`](crate::succession::MAX_SUCCESSIONS).
    pub successions: Vec<Succession>,
}

/// The host knows the new keys, and takes no others any more.
#[derive(Debug, Serialize, Deserialize)]
pub struct RotateKeysResponse {}

/// An agent hands over its reports, and asks for news.
#[derive(Debug, Serialize, Deserialize)]
pub struct SyncRequest {
    /// The device info.
    pub device_info: DeviceInfo,
    /// Reports on commands, at most [`MAX_REPORTS`]. Each is sent again until a sync has succeeded. The server keeps
    /// no more than [`MAX_TEXT_BYTES`](mdm_contract::types::Failure::MAX_TEXT_BYTES) bytes of the agent's own words.
    #[serde(default)]
    pub reports: Vec<Report>,
    /// The commands that the agent holds and has not carried out yet.
    #[serde(default)]
    pub holding: Vec<CommandId>,
    /// The policy that a sync last gave it to enforce.
    #[serde(default)]
    pub policy: Option<Policy>,
    /// The time to wait for news if there is none, in seconds; at most [`MAX_WAIT`].
    #[serde(default)]
    pub wait_seconds: u32,
    /// The witness that the host gave it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witness: Option<String>,
}

/// The report of an agent on a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Which command.
    pub command: CommandId,
    /// The outcome.
    pub outcome: ReportedOutcome,
}

/// An outcome that an agent can know: any but `expired`, `cancelled` and `superseded`, which the host decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Outcome", into = "Outcome")]
pub struct ReportedOutcome(Outcome);

/// An outcome that only a host can decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an outcome that an agent can report: only the host decides it")]
pub struct HostsOutcome(&'static str);

impl ReportedOutcome {
    /// The device did it.
    pub const SUCCESS: Self = Self(Outcome::Success);
}

impl TryFrom<Outcome> for ReportedOutcome {
    type Error = HostsOutcome;

    fn try_from(outcome: Outcome) -> Result<Self, HostsOutcome> {
        match &outcome {
            Outcome::Failed(
                failure @ (Failure::Expired | Failure::Cancelled | Failure::Superseded(_)),
            ) => Err(HostsOutcome(failure.as_str())),
            _ => Ok(Self(outcome)),
        }
    }
}

impl PartialEq<Outcome> for ReportedOutcome {
    fn eq(&self, outcome: &Outcome) -> bool {
        self.0 == *outcome
    }
}

impl From<ReportedOutcome> for Outcome {
    fn from(reported: ReportedOutcome) -> Self {
        reported.0
    }
}

/// The response type of a request that succeeds.
pub trait Answered {
    /// The kind of the signed answer.
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

/// The news for a device.
#[derive(Debug, Serialize, Deserialize)]
pub struct SyncResponse {
    /// Pending commands that the agent does not hold, oldest first.
    pub commands: Vec<SealedCommand>,
    /// Commands that the agent holds and must not carry out any more.
    pub withdrawn: Vec<CommandId>,
    /// The policy to enforce from now on; none while it is overridden.
    pub policy: Option<Policy>,
    /// Where the agent is told to sync, if not by waiting at the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wake_up: Option<WakeUpAt>,
    /// The witness: the agent keeps it and sends it with its next sync, so that the server notices if its store is
    /// replaced by an older one. It is opaque.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witness: Option<String>,
}

/// Where an agent is told "sync now", and nothing else. It need not wait for news at the host while it can listen
/// there; else it does.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WakeUpAt {
    /// Where to listen, and by which login, if it needs one: a [`BrokerUrl`](crate::broker::BrokerUrl). An agent that
    /// doesn't know the scheme waits at the host.
    pub url: String,
    /// The topic to listen to. It does not reveal the device.
    pub topic: String,
    /// The interval of syncs without wake-ups, in seconds, so that nothing is lost if the broker is silent.
    pub sync_every_seconds: u32,
}

/// The address may hold a login.
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
    /// Not to be carried out after this time.
    #[serde(
        with = "time::option",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub expires_at: Option<Timestamp>,
    /// The [`Payload`](crate::sealing::Payload): what opens the device's reset token, and a reset's password.
    pub sealed: Sealed,
}

impl SealedCommand {
    /// The binding of its password on this device.
    pub fn binding<'a>(&'a self, device: &'a str) -> Binding<'a> {
        Binding {
            device,
            command: &self.id,
            action: self.action,
            options: self.options,
            expires_at: self.expires_at,
        }
    }

    /// Returns `true` if the command is not to be carried out any more at this time of the server's clock.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}

/// Why a call was refused, as RFC 9457 writes it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Problem {
    /// Which problem: a word of the contract such as `agent-too-old`, or of the API such as
    /// `unknown-command`.
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
    /// For `signature-not-fresh`: when to sign, in seconds since 1970, if it is done at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_time: Option<u64>,
}
