//! The two calls of an agent: it enrolls once, and syncs ever after.
//!
//! | call | credential | body | answer |
//! | --- | --- | --- | --- |
//! | `POST /agent/v1/enroll` | `Authorization: Bearer <enrollment token>` | [`EnrollRequest`] | [`EnrollResponse`] |
//! | `POST /agent/v1/sync` | `Authorization: Bearer <credential>` | [`SyncRequest`] | [`SyncResponse`] |
//!
//! An error is answered with a [`Problem`].

use crate::{
    decisions::Refusal,
    sealing::{PublicKey, Sealed},
    time::{self, Timestamp},
    words::{Action, CommandId, Condition, ManagementMode, Outcome, Policy, ResetOptions},
};
use serde::{Deserialize, Serialize};

/// Where an agent enrolls.
pub const ENROLL_PATH: &str = "/agent/v1/enroll";
/// Where an agent syncs.
pub const SYNC_PATH: &str = "/agent/v1/sync";
/// The longest that a host lets an agent wait for news, in seconds.
pub const LONGEST_WAIT: u32 = 60;

/// The most reports in one sync: an agent that has more hands the rest over with the next.
pub const MOST_REPORTS: usize = 100;
/// The longest version of an agent, in bytes.
pub const LONGEST_VERSION: usize = 64;

/// What an agent tells of its device, at enrollment and at each sync.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// `Build.VERSION.SDK_INT`.
    pub api_level: u32,
    /// The agent's version, as semantic versioning writes it; at most [`LONGEST_VERSION`] bytes.
    pub agent_version: String,
    /// How the device is managed.
    pub management_mode: ManagementMode,
    /// For a profile owner: whether its profile is a managed (work) profile.
    pub managed_profile: bool,
    /// The state of its lock screen.
    pub condition: Condition,
}

/// An agent asks to manage its device.
#[derive(Debug, Serialize, Deserialize)]
pub struct EnrollRequest {
    /// What people call the device.
    pub name: String,
    /// Passwords will be sealed to this key.
    pub public_key: PublicKey,
    /// What the agent knows of its device.
    pub told: Told,
}

/// The host took the device in.
#[derive(Serialize, Deserialize)]
pub struct EnrollResponse {
    /// The host's id of the device.
    pub device: String,
    /// What the agent signs in with from now on. It is told once.
    pub credential: String,
}

/// An agent hands over its reports, and asks for news.
#[derive(Debug, Serialize, Deserialize)]
pub struct SyncRequest {
    /// What the agent knows of its device.
    pub told: Told,
    /// What became of commands, at most [`MOST_REPORTS`]; each is sent again until a sync has succeeded. The
    /// host keeps no more than [`LONGEST_TEXT`](crate::words::Failure::LONGEST_TEXT) bytes of the agent's own words.
    #[serde(default)]
    pub reports: Vec<Report>,
    /// The commands that the agent holds and has not carried out yet.
    #[serde(default)]
    pub holding: Vec<CommandId>,
    /// The policy that a sync last gave it to enforce.
    #[serde(default)]
    pub policy: Option<Policy>,
    /// How long to wait for news if there is none, in seconds; at most [`LONGEST_WAIT`].
    #[serde(default)]
    pub wait_seconds: u32,
}

/// What an agent says of a command that it carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Which command.
    pub command: CommandId,
    /// What became of it.
    pub outcome: Outcome,
}

/// What is new for a device.
#[derive(Debug, Serialize, Deserialize)]
pub struct SyncResponse {
    /// Pending commands that the agent does not hold, oldest first.
    pub commands: Vec<SealedCommand>,
    /// Commands that the agent holds and must not carry out any more.
    pub withdrawn: Vec<CommandId>,
    /// The policy to enforce from now on; none while it is overridden.
    pub policy: Option<Policy>,
}

/// A command on its way to the device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedCommand {
    /// The id to report on.
    pub id: CommandId,
    /// What to do.
    pub action: Action,
    /// What else to do with a reset.
    #[serde(default)]
    pub options: ResetOptions,
    /// Not to be carried out after this time.
    #[serde(
        with = "time::option",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub expires_at: Option<Timestamp>,
    /// For a reset: the password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<Sealed>,
}

/// Why a call was refused, as RFC 9457 writes it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Problem {
    /// Which problem: a word of the contract such as `agent-too-old`, or of the API such as
    /// `unknown-command`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened, to which thing, and what to do next.
    pub detail: String,
    /// The command in question, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandId>,
    /// What the plugin said, if it refused the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refusal>,
}
