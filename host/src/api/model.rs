//! What the admin's API answers with, in JSON.

use crate::{
    audit::AuditEntry,
    plugin::{HealthReport, Slotted, Trial, TrialTerms},
    store::Snapshot,
};
use mdm_wire::{
    decisions::{Command, Device, DeviceStatus},
    sync::Problem,
    time::{self, Timestamp},
};
use serde::{Deserialize, Serialize};

/// A device.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeviceView {
    /// What people call it.
    pub name: String,
    /// What plugins see of it.
    #[serde(flatten)]
    pub device: Device,
    /// Whether it is in contact now.
    pub online: bool,
    /// When it enrolled.
    #[serde(with = "time")]
    pub enrolled_at: Timestamp,
    /// When an admin revoked it.
    #[serde(with = "time::option", default)]
    pub revoked_at: Option<Timestamp>,
    /// Its latest command.
    pub latest: Option<Command>,
}

impl From<(Snapshot, bool)> for DeviceView {
    fn from((snapshot, online): (Snapshot, bool)) -> Self {
        Self {
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
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeviceList {
    /// In the order of their ids.
    pub devices: Vec<DeviceView>,
    /// `after` of the next page; none: this is the last.
    pub next: Option<String>,
}

/// The status of a device, and its history.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StatusView {
    /// What the plugin says of it.
    #[serde(flatten)]
    pub status: DeviceStatus,
    /// Its commands, latest first.
    pub history: Vec<Command>,
}

/// What became of a group's reset on one device: the command, or why there is none.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GroupAnswer {
    /// The device.
    pub device: String,
    /// What people call it.
    pub name: String,
    /// The command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Command>,
    /// Why there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// A token that one device can enroll with, once.
#[derive(Serialize, Deserialize)]
pub struct EnrollmentTokenView {
    /// The token.
    pub token: String,
    /// When its time is over.
    #[serde(with = "time")]
    pub expires_at: Timestamp,
}

/// A plugin in the slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginView {
    /// SHA-256 of the component, in hex.
    pub digest: String,
    /// The version of the contract that it implements.
    pub contract: String,
    /// Whether it is the one that the host started with.
    pub is_default: bool,
    /// How its calls went, since the host loaded it.
    pub health: HealthReport,
}

impl From<&Slotted> for PluginView {
    fn from(slotted: &Slotted) -> Self {
        Self {
            digest: slotted.plugin.digest(),
            contract: slotted.plugin.contract().to_owned(),
            is_default: slotted.is_default,
            health: slotted.plugin.health(),
        }
    }
}

/// How far the trial of a new plugin is, and what ends it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TrialView {
    /// So far.
    #[serde(flatten)]
    pub trial: Trial,
    /// When the plugin is taken out again.
    pub terms: TrialTerms,
}

/// The plugins of a host.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PluginsView {
    /// The one that decides.
    pub active: PluginView,
    /// The one before it: a roll back puts it back.
    pub previous: Option<PluginView>,
    /// Set while the active one is new.
    pub trial: Option<TrialView>,
    /// Who changed it when, latest first.
    pub history: Vec<AuditEntry>,
}
