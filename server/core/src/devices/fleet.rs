//! All devices together, as far as a caller reaches: lists, numbers and groups.

use super::administration::Devices;
use crate::{
    access::Caller,
    error::ServerError,
    store::{DeviceFilter, FleetSummary, Group, Snapshot},
};

/// Part of the list of devices.
pub struct DevicePage {
    /// In the order of their ids, each with whether it is online.
    pub devices: Vec<(Snapshot, bool)>,
    /// The `after` of the next page. `None` on the last page.
    pub next: Option<String>,
}

impl Devices {
    /// Up to `limit` of the caller's devices after the id `after`.
    pub async fn list(
        &self,
        by: &Caller,
        filter: &DeviceFilter,
        after: Option<&str>,
        limit: u32,
    ) -> Result<DevicePage, ServerError> {
        // One more than is shown says whether there is a next page.
        let asked = limit.saturating_add(1);
        let mut snapshots = self
            .records
            .store
            .devices(&by.scope, filter, after, asked)
            .await?;
        let is_last = snapshots.len() <= limit as usize;
        snapshots.truncate(limit as usize);
        let last = snapshots.last().map(|snapshot| snapshot.device.id.clone());
        let with_presence = |snapshot: Snapshot| {
            let online = self.records.transport.is_snapshot_online(&snapshot);
            (snapshot, online)
        };
        Ok(DevicePage {
            devices: snapshots.into_iter().map(with_presence).collect(),
            next: last.filter(|_| !is_last),
        })
    }

    /// The number of devices in the caller's scope.
    pub async fn summary(
        &self,
        by: &Caller,
        filter: &DeviceFilter,
    ) -> Result<FleetSummary, ServerError> {
        Ok(self.records.store.summary(&by.scope, filter).await?)
    }

    /// The caller's groups that have devices, by their names.
    pub async fn groups(&self, by: &Caller) -> Result<Vec<Group>, ServerError> {
        Ok(self.records.store.groups(&by.scope).await?)
    }
}
