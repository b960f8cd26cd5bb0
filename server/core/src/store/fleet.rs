//! Queries over all devices: lists by filter, and counts.

use super::{Snapshot, StatusKind, StoreError};
use crate::access::DeviceScope;
use async_trait::async_trait;
use mdm_contract::{ManagementMode, time::Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A filter of devices; all conditions must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceFilter {
    /// Part of the name or of the id, ignoring case.
    pub search: Option<String>,
    /// The status.
    pub status: Option<StatusKind>,
    /// The policy is overridden, or not.
    pub is_overridden: Option<bool>,
    /// A group that they are in.
    pub group: Option<String>,
    /// The management mode.
    pub management_mode: Option<ManagementMode>,
    /// The last sync was then or later.
    pub synced_since: Option<Timestamp>,
    /// The last sync was earlier than this.
    pub synced_before: Option<Timestamp>,
    /// They are revoked, or not.
    pub is_revoked: Option<bool>,
}

impl DeviceFilter {
    /// The name of the maintained count that has these devices: that of a group, or '' for all. `None` if there is no
    /// such count.
    pub fn counted_by(&self, scope: &DeviceScope) -> Option<String> {
        let group_alone = Self {
            group: self.group.clone(),
            ..Self::default()
        };
        if *self != group_alone {
            return None;
        }
        match (&self.group, &scope.0) {
            (None, None) => Some(String::new()),
            (Some(group), _) if scope.includes_group(group) => Some(group.clone()),
            (None, Some(groups)) if groups.len() == 1 => groups.first().cloned(),
            _ => None,
        }
    }
}

/// The text that a search matches.
pub fn search_text(name: &str, id: &str) -> String {
    format!("{name}\n{id}").to_lowercase()
}

/// Numbers of devices. Each has one status; revoked devices count as revoked alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FleetSummary {
    /// In all.
    pub devices: u64,
    /// That never had a command.
    pub none: u64,
    /// The latest command is pending.
    pub pending: u64,
    /// The latest command has succeeded.
    pub success: u64,
    /// The device could not carry out the latest command.
    pub failed: u64,
    /// An admin cancelled the latest command.
    pub cancelled: u64,
    /// The latest command has expired.
    pub expired: u64,
    /// Another command replaced the latest one.
    pub superseded: u64,
    /// That were revoked.
    pub revoked: u64,
    /// The policy is overridden.
    pub overridden: u64,
}

impl FleetSummary {
    /// The number of devices with this status.
    pub fn of(&self, status: StatusKind) -> u64 {
        match status {
            StatusKind::None => self.none,
            StatusKind::Pending => self.pending,
            StatusKind::Success => self.success,
            StatusKind::Failed => self.failed,
            StatusKind::Cancelled => self.cancelled,
            StatusKind::Expired => self.expired,
            StatusKind::Superseded => self.superseded,
            StatusKind::Revoked => self.revoked,
        }
    }

    /// Adds to the count of this kind.
    pub fn add(&mut self, status: StatusKind, is_overridden: bool, devices: u64) {
        self.devices += devices;
        if is_overridden {
            self.overridden += devices;
        }
        let count = match status {
            StatusKind::None => &mut self.none,
            StatusKind::Pending => &mut self.pending,
            StatusKind::Success => &mut self.success,
            StatusKind::Failed => &mut self.failed,
            StatusKind::Cancelled => &mut self.cancelled,
            StatusKind::Expired => &mut self.expired,
            StatusKind::Superseded => &mut self.superseded,
            StatusKind::Revoked => &mut self.revoked,
        };
        *count += devices;
    }
}

/// A group of devices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// The number of devices in it.
    pub devices: u64,
}

/// Queries over all devices. Each takes a device scope: devices outside of it are neither listed nor counted.
#[async_trait]
pub trait Fleet: Send + Sync + 'static {
    /// Up to `limit` devices after the id `after`, in the order of their ids.
    async fn devices(
        &self,
        scope: &DeviceScope,
        filter: &DeviceFilter,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Snapshot>, StoreError>;

    /// The numbers of devices.
    async fn summary(
        &self,
        scope: &DeviceScope,
        filter: &DeviceFilter,
    ) -> Result<FleetSummary, StoreError>;

    /// The groups that have devices, by their names.
    async fn groups(&self, scope: &DeviceScope) -> Result<Vec<Group>, StoreError>;
}
