//! Queries over all devices that the stores share. Each store has its own query for a page of devices.

use super::{Conditions, Engine, Row};
use crate::{
    access::DeviceScope,
    store::{DeviceFilter, FleetSummary, Group, StatusKind, StoreError},
};

impl Conditions {
    /// Adds the conditions of a filter, except for the group. The columns are those of `devices`.
    pub fn and_fits(&mut self, filter: &DeviceFilter) {
        let DeviceFilter {
            search,
            status,
            is_overridden,
            group: _,
            management_mode,
            synced_since,
            synced_before,
            is_revoked,
        } = filter;
        if let Some(search) = search {
            self.and_contains("search_text", search);
        }
        if let Some(status) = status {
            self.and_with("status = ?", status.as_str());
        }
        if let Some(mode) = management_mode {
            self.and_with("management_mode = ?", mode.as_str());
        }
        if let Some(since) = synced_since {
            self.and_with("last_sync >= ?", *since);
        }
        if let Some(before) = synced_before {
            self.and_with("last_sync < ?", *before);
        }
        // A literal instead of a value: only then the planner uses the partial index of overridden devices.
        match is_overridden {
            Some(true) => self.and("is_overridden"),
            Some(false) => self.and("not is_overridden"),
            None => {}
        }
        match is_revoked {
            Some(true) => self.and("revoked_at is not null"),
            Some(false) => self.and("revoked_at is null"),
            None => {}
        }
    }
}

/// Reads the numbers of devices by status, which triggers keep under this name: that of a group, or '' for all.
pub async fn counted(engine: &impl Engine, name: &str) -> Result<FleetSummary, StoreError> {
    let sql = "select status, is_overridden, devices from fleet_counts where name = $1";
    summary(&engine.query(sql, &[name.into()]).await?)
}

/// Adds up rows of a status, whether the policy is overridden, and a number of devices.
pub fn summary(rows: &[Row]) -> Result<FleetSummary, StoreError> {
    let mut summary = FleetSummary::default();
    for row in rows {
        let status = row.parse::<StatusKind>("status")?;
        summary.add(status, row.get("is_overridden")?, row.get("devices")?);
    }
    Ok(summary)
}

/// All groups within this device scope, by name.
pub async fn groups(engine: &impl Engine, scope: &DeviceScope) -> Result<Vec<Group>, StoreError> {
    let sql = "select name, cast(sum(devices) as bigint) as devices from fleet_counts where name <> '' \
               group by name having sum(devices) > 0 order by name";
    let rows = engine.query(sql, &[]).await?;
    let groups = rows.iter().map(|row| {
        Ok(Group {
            name: row.get("name")?,
            devices: row.get("devices")?,
        })
    });
    let groups: Vec<Group> = groups.collect::<Result<_, StoreError>>()?;
    let reached = |group: &Group| scope.includes_group(&group.name);
    Ok(groups.into_iter().filter(reached).collect())
}
