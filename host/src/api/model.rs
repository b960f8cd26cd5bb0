//! What the admin's API answers with, in JSON.

use crate::store::Snapshot;
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
