//! The responses of the admin's API, in JSON.

use mdm_contract::{
    Action, Command, Device, DeviceStatus, ResetOptions,
    time::{self, Timestamp},
};
use mdm_password_host::{Canary, CanaryTerms, Deployment, HealthReport, ShadowReport};
use mdm_server_core::{
    access::{DeviceScope, Permission, Role},
    audit::AuditEntry,
    identity::Invitation,
    store::{
        ApiToken, Bulk, BulkAnswer, BulkProgress, BulkState, BulkTerms, DeviceError, Snapshot,
        StatusKind, User,
    },
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// A device.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DeviceView {
    /// Its name.
    pub name: String,
    /// The part of it that plugins see.
    #[serde(flatten)]
    pub device: Device,
    /// Its status: that of its latest command, or `revoked`.
    pub status: StatusKind,
    /// It is online now.
    pub online: bool,
    /// When it enrolled.
    #[serde(with = "time")]
    #[schema(value_type = String, format = DateTime)]
    pub enrolled_at: Timestamp,
    /// When an admin revoked it.
    #[serde(with = "time::option", default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
    /// Its latest command.
    pub latest: Option<Command>,
}

impl From<(Snapshot, bool)> for DeviceView {
    fn from((snapshot, online): (Snapshot, bool)) -> Self {
        Self {
            status: snapshot.status(),
            name: snapshot.name,
            device: snapshot.device,
            online,
            enrolled_at: snapshot.enrolled_at,
            revoked_at: snapshot.revoked_at,
            latest: snapshot.latest,
        }
    }
}

/// Part of the list of devices.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DeviceList {
    /// In the order of their ids.
    pub devices: Vec<DeviceView>,
    /// The `after` of the next page. `None` on the last page.
    pub next: Option<String>,
}

/// The status of a device, and its history.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct StatusView {
    /// Its status by the plugin.
    #[serde(flatten)]
    pub status: DeviceStatus,
    /// The policy is enforced and requires a password, and the device has none: its user is prompted to set one.
    pub password_missing: bool,
    /// The time of the device's revocation. Nothing reaches it afterwards.
    #[serde(with = "time::option", default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
    /// Its commands, latest first.
    pub history: Vec<Command>,
}

/// A bulk: a request for all devices of a group.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct BulkView {
    /// Its id.
    pub id: String,
    /// Reset or remove.
    pub action: Action,
    /// Of which group.
    pub group: String,
    /// The number of devices in the group at the time of the request.
    pub devices: u64,
    /// Each device gets a password of its own.
    pub unique_passwords: bool,
    /// The options of a reset.
    pub options: ResetOptions,
    /// The terms.
    pub terms: BulkTerms,
    /// Why.
    pub reason: Option<String>,
    /// The user who requested it.
    pub requested_by: String,
    /// When.
    #[serde(with = "time")]
    #[schema(value_type = String, format = DateTime)]
    pub requested_at: Timestamp,
    /// The user who approved it.
    pub approved_by: Option<String>,
    /// Its state.
    pub state: BulkState,
    /// It is finished: no more commands are made, and each has its outcome.
    pub finished: bool,
    /// The user who requested that its pending commands are cancelled, until they are.
    pub cancel_requested_by: Option<String>,
    /// When it was done or cancelled.
    #[serde(with = "time::option", default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    /// Its progress.
    pub progress: BulkProgress,
}

impl From<(Bulk, BulkProgress)> for BulkView {
    fn from((bulk, progress): (Bulk, BulkProgress)) -> Self {
        Self {
            id: bulk.id,
            action: bulk.action,
            group: bulk.group,
            devices: bulk.devices,
            unique_passwords: bulk.unique_passwords,
            options: bulk.options,
            terms: bulk.terms,
            reason: bulk.reason,
            requested_by: bulk.requested_by.to_string(),
            requested_at: bulk.requested_at,
            approved_by: bulk.approved_by.map(|it| it.to_string()),
            state: bulk.state,
            finished: bulk.state.is_over() && progress.pending == 0,
            cancel_requested_by: bulk.cancel_requested_by.map(|it| it.to_string()),
            ended_at: bulk.ended_at,
            progress,
        }
    }
}

/// Part of the list of bulks.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct BulkList {
    /// Latest first.
    pub bulks: Vec<BulkView>,
    /// The `before` of the next page. `None` on the last page.
    pub next: Option<String>,
}

/// The result of a bulk on one device: the command, or the error.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct BulkAnswerView {
    /// The device.
    pub device: String,
    /// Its name.
    pub name: String,
    /// The command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Command>,
    /// Why there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<DeviceError>,
}

impl From<BulkAnswer> for BulkAnswerView {
    fn from(answer: BulkAnswer) -> Self {
        let (command, problem) = match answer.answer {
            Ok(command) => (Some(command), None),
            Err(problem) => (None, Some(problem)),
        };
        Self {
            device: answer.device,
            name: answer.name,
            command,
            problem,
        }
    }
}

/// Part of the answers of a bulk.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct BulkAnswerList {
    /// In the order of the devices' ids.
    pub answers: Vec<BulkAnswerView>,
    /// The `after` of the next page. `None` on the last page, so far.
    pub next: Option<String>,
}

/// A token that one device can enroll with, once.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct EnrollmentTokenView {
    /// The token.
    pub token: String,
    /// When its time is over.
    #[serde(with = "time")]
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

/// A plugin in the slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PluginView {
    /// The name that it gives itself.
    pub name: String,
    /// The version that it gives itself.
    pub version: String,
    /// Its purpose, in its own words.
    pub summary: String,
    /// Its settings.
    #[schema(value_type = Object)]
    pub settings: serde_json::Value,
    /// Its default settings.
    #[schema(value_type = Object)]
    pub default_settings: serde_json::Value,
    /// The JSON Schema of its settings.
    #[schema(value_type = Object)]
    pub settings_schema: serde_json::Value,
    /// SHA-256 of the component, in hex.
    pub digest: String,
    /// The version of the contract that it implements.
    pub contract: String,
    /// The server started with it.
    pub is_default: bool,
    /// The health of its calls since the server loaded it.
    pub health: HealthReport,
}

impl From<&Deployment> for PluginView {
    fn from(slotted: &Deployment) -> Self {
        let description = slotted.plugin.description();
        let json = |text| serde_json::from_str(text).unwrap_or_default();
        Self {
            name: description.name.clone(),
            version: description.version.clone(),
            summary: description.summary.clone(),
            settings: json(slotted.plugin.settings()),
            default_settings: json(&description.default_settings),
            settings_schema: json(&description.settings_schema),
            digest: slotted.plugin.digest(),
            contract: slotted.plugin.contract().to_owned(),
            is_default: slotted.is_default,
            health: slotted.plugin.health(),
        }
    }
}

/// The progress of a canary, and its end.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CanaryView {
    /// So far.
    #[serde(flatten)]
    pub canary: Canary,
    /// When the plugin is taken out again.
    pub terms: CanaryTerms,
}

/// The plugins of a host.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PluginsView {
    /// The one that decides.
    pub active: PluginView,
    /// The one before it: a roll back puts it back.
    pub previous: Option<PluginView>,
    /// Set while the active one is new.
    pub canary: Option<CanaryView>,
    /// The comparison of the candidate in the shadow, if there is one.
    pub shadow: Option<ShadowReport>,
    /// Its changes, latest first.
    pub history: Vec<AuditEntry>,
}

/// A user.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct UserView {
    /// The name to sign in with.
    pub name: String,
    /// Their role.
    pub role: Role,
    /// Their device scope: the devices of these groups, or all if there are none.
    pub groups: DeviceScope,
    /// They have chosen a password, so they can sign in.
    pub can_sign_in: bool,
    /// They sign in with one-time passwords, too.
    pub one_time_passwords: bool,
    /// Since when there is this user.
    #[serde(with = "time")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            name: user.name,
            role: user.role,
            groups: user.scope,
            can_sign_in: user.password.is_some(),
            one_time_passwords: user.totp.is_some(),
            created_at: user.created_at,
        }
    }
}

/// A link with which a user chooses a password, once.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct InvitationView {
    /// Its user.
    pub user: String,
    /// The path of the page on this server.
    pub path: String,
    /// The URL of the page. `None` if the server has no `--public-url`.
    pub url: Option<String>,
    /// When its time is over.
    #[serde(with = "time")]
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

impl From<Invitation> for InvitationView {
    fn from(made: Invitation) -> Self {
        Self {
            path: made.path(),
            url: made.url(),
            user: made.user,
            expires_at: made.expires_at,
        }
    }
}

/// A token, without its secret.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ApiTokenView {
    /// Its name.
    pub name: String,
    /// Its permissions.
    pub permissions: BTreeSet<Permission>,
    /// Its device scope: the devices of these groups, or all if there are none.
    pub groups: DeviceScope,
    /// The owner: the token has no more permissions than this user, and ends with the user. `null` if it was made on
    /// the server's own machine.
    pub owner: Option<String>,
    /// Since when there is this token.
    #[serde(with = "time")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// The expiry. `None` if it is valid until it is revoked.
    #[serde(with = "time::option", default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
}

impl From<ApiToken> for ApiTokenView {
    fn from(token: ApiToken) -> Self {
        Self {
            name: token.name,
            permissions: token.permissions,
            groups: token.scope,
            owner: token.owner,
            created_at: token.created_at,
            expires_at: token.expires_at,
        }
    }
}

/// A new token. It is shown only once.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct NewApiTokenView {
    /// The token.
    pub token: String,
}
