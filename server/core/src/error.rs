//! Errors of use cases. An error means that nothing was changed, unless the store failed: see [`StoreError`].

use crate::{
    access::Forbidden,
    bounds::OutOfBounds,
    log::LogThrottle,
    sealed::SealedError,
    store::{BulkState, StoreError},
    token::NoRandom,
    webhook_client::NoDestination,
};
use mdm_agent_protocol::{sealing::SealingError, signature::SignatureError};
use mdm_contract::{
    CommandId, Refusal,
    time::{self, Timestamp},
};
use mdm_password_host::{HostError, LoadError, PluginError, SettingsError};

/// Error of a use case.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The device does not exist.
    #[error("there is no device {0}: `mdm-server device list` lists the devices")]
    UnknownDevice(String),
    /// The caller is not allowed to do this.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// An admin revoked the device.
    #[error(
        "device {0} was revoked: nothing reaches it any more. Enroll it again if it is to be managed"
    )]
    Revoked(String),
    /// The agent changed its keys while this sync waited.
    #[error(
        "the keys of device {0} were changed while this sync waited: sync again, signed with the new key"
    )]
    KeysRotated(String),
    /// The agent reports on too many commands that its device does not have.
    #[error("device {0} reports on too many commands that it does not have: wait a second")]
    TooManyUnknownReports(String),
    /// The agent changes its keys too often.
    #[error("device {0} changes its keys too often: wait a minute")]
    TooManyRotations(String),
    /// The device does not match the caller's precondition.
    #[error(
        "device {0} has changed since you looked at it: reload it, and repeat the request if you still want to"
    )]
    DeviceChanged(String),
    /// The device does not have this command.
    #[error("device {device} has no command {command}: its history lists its commands")]
    UnknownCommand {
        /// The device.
        device: String,
        /// The requested command.
        command: CommandId,
    },
    /// The group has no devices.
    #[error(
        "no device is in group {0}: a device's groups are named when its enrollment token is made"
    )]
    UnknownGroup(String),
    /// The bulk does not exist.
    #[error("there is no bulk {0}: the page Bulks lists them")]
    UnknownBulk(String),
    /// The state of the bulk does not allow this.
    #[error("bulk {bulk} is {state}: it can't be {wanted}")]
    BulkState {
        /// The bulk.
        bulk: String,
        /// Its current state.
        state: BulkState,
        /// The requested transition.
        wanted: &'static str,
    },
    /// A secret of the server could not be sealed or opened.
    #[error("a secret that the host keeps could not be sealed or opened: {0}")]
    Sealed(#[from] SealedError),
    /// The caller has used this idempotency key for another request.
    #[error(
        "the Idempotency-Key {0} was sent with another request, or another token: choose a new one for each request"
    )]
    KeyReused(String),
    /// A form with this idempotency key was executed before, with other content or too long ago for a double click.
    #[error(
        "this form was sent before, at {}, and was carried out then. Nothing was done now: look at what \
         was made, and send the form that you see now if you want more",
        time::rfc3339(*at).unwrap_or_default()
    )]
    FormSentBefore {
        /// Time of the first execution.
        at: Timestamp,
    },
    /// The response of a request with an idempotency key could not be written or read.
    #[error("the response of a request with an Idempotency-Key could not be written or read: {0}")]
    StoredResponse(String),
    /// The devices of the bulk's group differ from the ones that its admin has seen.
    #[error(
        "group {0} has changed since you opened this page: look at the preview again, type the password again, and \
         confirm if you still want to"
    )]
    GroupChanged(String),
    /// The user does not exist.
    #[error("there is no user {0}: the page Users lists them")]
    UnknownUser(String),
    /// The token does not exist.
    #[error("there is no token {0}: the page Tokens lists them")]
    UnknownToken(String),
    /// The webhook does not exist.
    #[error("there is no webhook {0}: `mdm-server webhook list` lists them")]
    UnknownWebhook(String),
    /// The limit of webhooks is reached.
    #[error("a host has {0} webhooks at most: remove one first")]
    TooManyWebhooks(usize),
    /// The server does not send to this address.
    #[error(transparent)]
    NoDestination(#[from] NoDestination),
    /// The secret of a webhook could not be made or read.
    #[error("the host could not make or open the secret of a webhook: {0}")]
    WebhookSecret(String),
    /// A user or a token of this name exists.
    #[error("{0} is taken: choose another name")]
    NameTaken(String),
    /// The name is not valid.
    #[error(
        "`{0}` is not a valid name: a name has 1 to 64 characters: lower-case letters, digits, or . - _ @"
    )]
    BadName(String),
    /// The password is too easy to guess.
    #[error("the password can't be used: {0}")]
    BadPassword(&'static str),
    /// The password or code for a confirmation is wrong.
    #[error("that is wrong: type your password again, and the code that the app shows now")]
    NotProven,
    /// A session has made too many wrong guesses of a secret.
    #[error("there were too many tries: wait a minute")]
    TooManyGuesses,
    /// This would remove or demote the last admin.
    #[error("{0} is the last admin who can sign in: make another one first")]
    LastAdmin(String),
    /// The invitation is unknown, used or expired.
    #[error("this link was used before, or has expired: ask an admin for a new one")]
    BadInvitation,
    /// Too many logins run at the same time.
    #[error("too many sign in at this moment: try again in some seconds")]
    BusySigningIn,
    /// A user's password or one-time password could not be processed.
    #[error("the host could not check or keep a user's credentials: {0}")]
    Credentials(String),
    /// The request is not valid.
    #[error("{0}")]
    BadRequest(String),
    /// The reason in a request is not valid.
    #[error("the reason can't be kept: {0}")]
    BadReason(&'static str),
    /// The enrollment token is unknown, used or expired.
    #[error("the enrollment token is unknown, spent or too old: ask the admin for a new one")]
    BadEnrollmentToken,
    /// The device of the agent is not enrolled, or was revoked.
    #[error("no device that is enrolled here has this id, or it was revoked: enroll it again")]
    UnknownAgent,
    /// The agent's signature is not valid.
    #[error("{0}")]
    NotSigned(#[from] SignatureError),
    /// The signature's timestamp is stale or in the future.
    #[error(
        "the call was signed at {created}, in seconds since 1970, and the host takes what is signed now: sign it again with the time {sign_at}"
    )]
    NotFresh {
        /// Timestamp of the signature, in seconds since 1970.
        created: u64,
        /// A timestamp that would be accepted, in seconds since 1970.
        sign_at: u64,
    },
    /// The nonce was used before.
    #[error("this request was sent before: sign each request with a new nonce")]
    Replayed,
    /// The plugin refused.
    #[error("{0}")]
    Refused(Refusal),
    /// The file was rejected as a plugin. The active one stays.
    #[error("{0}{hint}", hint = load_hint(.0))]
    NoPlugin(LoadError),
    /// The settings were rejected, by the plugin or its schema. The active ones stay.
    #[error("{0}")]
    BadSettings(SettingsError),
    /// The plugin does not conform to the contract. The active one stays.
    #[error(
        "this plugin does not conform to the contract: {failed} of {cases} cases of the conformance kit failed, first: {}. `mdm-plugin check` shows them all",
        first.join("; ")
    )]
    DoesNotConform {
        /// Number of failed cases.
        failed: usize,
        /// Number of all cases.
        cases: usize,
        /// Some of the failed cases.
        first: Vec<String>,
    },
    /// The check of another plugin is running.
    #[error("another plugin is being checked: try again when that is done")]
    BusyChecking,
    /// There is no previous plugin.
    #[error("there is no plugin to roll back to: no other was active before")]
    NothingToRollBack,
    /// There is no candidate in the shadow.
    #[error("no plugin runs in the shadow: `mdm-server plugin shadow FILE` starts one")]
    NoShadow,
    /// The plugin failed.
    #[error("{0}{hint}", hint = call_hint(.0))]
    Plugin(#[from] PluginError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The password could not be sealed.
    #[error("the password could not be sealed: {0}. Enrol the device again")]
    Sealing(#[from] SealingError),
    /// A new command has no sealed content for its device.
    #[error("the command has nothing that its device could open: nothing was sent. Try again")]
    NotSealed,
    /// The operating system gave no random bytes for a token.
    #[error(transparent)]
    NoRandom(#[from] NoRandom),
}

/// Remedy for a rejected plugin file.
fn load_hint(error: &LoadError) -> &'static str {
    match error {
        LoadError::DeniedImports(_) => {
            ": `mdm-plugin new` makes a project of each language that shows how"
        }
        LoadError::Altered | LoadError::OtherEngine => {
            ": `mdm-plugin compile` does that, with this server's data folder"
        }
        LoadError::NotTrusted { .. } => {
            ": `mdm-server serve` has the options --trust-digest and --trust-key"
        }
        _ => "",
    }
}

/// Consequence of a failed plugin call, or its remedy.
fn call_hint(error: &PluginError) -> &'static str {
    match error {
        PluginError::BreakerOpen(_) => {
            ": `mdm-server plugin show` says how it failed, `mdm-server plugin roll-back` and `use` change the plugin"
        }
        error if error.is_the_plugins_fault() => "; nothing was changed",
        _ => "",
    }
}

// Not `#[from]`: as a source, it would be printed twice.
impl From<LoadError> for ServerError {
    fn from(error: LoadError) -> Self {
        Self::NoPlugin(error)
    }
}

impl From<SettingsError> for ServerError {
    fn from(error: SettingsError) -> Self {
        Self::BadSettings(error)
    }
}

impl From<OutOfBounds> for ServerError {
    fn from(error: OutOfBounds) -> Self {
        Self::BadRequest(error.0)
    }
}

/// Throttles the log of store failures.
static STORE_FAILURES: LogThrottle = LogThrottle::every_second();

impl ServerError {
    /// Error code of the API for a failed store. The change may have been committed nevertheless.
    pub const STORE_FAILED: &str = "store-failed";

    /// The text for the caller, who may be a stranger. Details of the database go to the log only.
    pub fn in_public(&self) -> String {
        match self {
            Self::Store(
                error @ (StoreError::NewerSchema { .. }
                | StoreError::OtherSchema(_)
                | StoreError::Failed(_)),
            ) => {
                if let Some(held_back) = STORE_FAILURES.admit() {
                    tracing::warn!(%error, held_back, "the store failed a request");
                }
                error.in_public().to_owned()
            }
            _ => self.to_string(),
        }
    }

    /// The error code of the API.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::UnknownDevice(_) => "unknown-device",
            Self::Forbidden(_) => "forbidden",
            Self::KeyReused(_) => "idempotency-key-reused",
            Self::FormSentBefore { .. } => "form-sent-before",
            Self::StoredResponse(_) => "stored-response-failed",
            Self::GroupChanged(_) => "group-changed",
            Self::UnknownUser(_) => "unknown-user",
            Self::UnknownToken(_) => "unknown-token",
            Self::UnknownWebhook(_) => "unknown-webhook",
            Self::TooManyWebhooks(_) => "too-many-webhooks",
            Self::NoDestination(_) => "bad-url",
            Self::WebhookSecret(_) => "webhook-secret-failed",
            Self::NameTaken(_) => "name-taken",
            Self::BadName(_) => "bad-name",
            Self::BadPassword(_) => "bad-password",
            Self::LastAdmin(_) => "last-admin",
            Self::NotProven => "not-proven",
            Self::TooManyGuesses => "too-many-guesses",
            Self::BusySigningIn => "busy-signing-in",
            Self::BadInvitation => "bad-invitation",
            Self::Credentials(_) => "credentials-failed",
            Self::Revoked(_) => "device-revoked",
            Self::KeysRotated(_) => "keys-rotated",
            Self::TooManyUnknownReports(_) => "too-many-unknown-reports",
            Self::TooManyRotations(_) => "too-many-rotations",
            Self::UnknownCommand { .. } => "unknown-command",
            Self::UnknownGroup(_) => "unknown-group",
            Self::UnknownBulk(_) => "unknown-bulk",
            Self::BulkState { .. } => "bulk-state",
            Self::BadReason(_) => "bad-reason",
            Self::BadRequest(_) => "bad-request",
            Self::BadEnrollmentToken => "bad-enrollment-token",
            Self::UnknownAgent | Self::NotSigned(_) => "unauthorized",
            Self::NotFresh { .. } => "signature-not-fresh",
            Self::Replayed => "replayed",
            Self::Refused(refusal) => match refusal {
                Refusal::PasswordRefused(_) => "password-refused",
                Refusal::BadValidity => "bad-validity",
                Refusal::AgentTooOld(_) => "agent-too-old",
                Refusal::Conflict(_) => "conflict",
                Refusal::NotPending(_) => "not-pending",
                Refusal::NothingToRemove => "nothing-to-remove",
                Refusal::NotExpired(_) => "not-expired",
                Refusal::Other(_) => "refused",
            },
            Self::NoPlugin(_) => "no-plugin",
            Self::BadSettings(_) => "bad-settings",
            Self::DoesNotConform { .. } => "plugin-does-not-conform",
            Self::BusyChecking => "busy-checking",
            Self::NothingToRollBack => "nothing-to-roll-back",
            Self::NoShadow => "no-shadow",
            Self::Plugin(error) => error.kind(),
            Self::DeviceChanged(_) | Self::Store(StoreError::Conflict) => "device-changed",
            Self::Store(StoreError::BulkOver) => "bulk-over",
            Self::Store(StoreError::BulkAnswered) => "bulk-answered",
            Self::Store(StoreError::IdempotencyKeyTaken) => "idempotency-key-taken",
            Self::Store(StoreError::CommandPending(_)) => "command-pending",
            Self::Store(StoreError::Busy(_)) => "store-busy",
            Self::Store(StoreError::NotLeader) => "not-leader",
            Self::Store(
                StoreError::NewerSchema { .. } | StoreError::OtherSchema(_) | StoreError::Failed(_),
            ) => Self::STORE_FAILED,
            Self::Sealing(_) | Self::NotSealed | Self::Sealed(_) | Self::NoRandom(_) => {
                "sealing-failed"
            }
        }
    }
}

impl From<HostError<Self, SealingError>> for ServerError {
    fn from(error: HostError<Self, SealingError>) -> Self {
        match error {
            HostError::Refused(refusal) => Self::Refused(refusal),
            HostError::UnknownDevice(device) => Self::UnknownDevice(device),
            HostError::UnknownCommand { device, command } => {
                Self::UnknownCommand { device, command }
            }
            HostError::Plugin(error) => error.into(),
            HostError::Store(error) => error,
            HostError::Transport(error) => error.into(),
            HostError::Contended(_) => StoreError::Conflict.into(),
        }
    }
}
