//! Queries over all devices in SQLite.
//!
//! A list takes two steps: the ids, from an index that covers the filter, and then the devices with these ids. The
//! index is given explicitly, because SQLite does not know how rare a status is.

use super::{
    SqliteStore, engine,
    rows::{self, DEVICE_COLUMNS},
};
use crate::error::Error;
use async_trait::async_trait;
use mdm_server_core::{
    access::DeviceScope,
    store::{
        DeviceFilter, Fleet, FleetSummary, Group, Snapshot, StoreError,
        sql::{Conditions, Dialect, Engine as _, fleet},
    },
};
use rusqlite::Connection;
use std::collections::BTreeSet;

#[async_trait]
impl Fleet for SqliteStore {
    async fn devices(
        &self,
        scope: &DeviceScope,
        filter: &DeviceFilter,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Snapshot>, StoreError> {
        let (scope, filter) = (scope.clone(), filter.clone());
        let after = after.unwrap_or_default().to_owned();
        self.read(move |connection| {
            let transaction = connection.unchecked_transaction()?;
            let query = format!("select {DEVICE_COLUMNS} from devices where id = ?");
            let mut query = transaction.prepare_cached(&query)?;
            ids(&transaction, &scope, &filter, &after, limit)?
                .into_iter()
                .map(|id| {
                    let device = query.query_row([id], rows::device)?;
                    Ok(rows::with_commands(&transaction, device)?)
                })
                .collect()
        })
        .await
    }

    async fn summary(
        &self,
        scope: &DeviceScope,
        filter: &DeviceFilter,
    ) -> Result<FleetSummary, StoreError> {
        if let Some(name) = filter.counted_by(scope) {
            return fleet::counted(self, &name).await;
        }
        let mut fit = conditions(filter);
        let mut index = index(filter);
        if let Some(group) = &filter.group {
            let members = "id in (select device from device_groups where name = ?)";
            fit.and_with(members, group);
            index = LISTED;
        }
        if let Some(reached) = &scope.0 {
            let is_reached = "id in (select device from device_groups \
                              where name in (select value from json_each(?)))";
            fit.and_with(is_reached, list(reached));
            index = LISTED;
        }
        let sql = format!(
            "select status, is_overridden, count(*) as devices from devices indexed by {index} where {} \
             group by status, is_overridden",
            fit.text()
        );
        fleet::summary(&self.query(&sql, fit.values()).await?)
    }

    async fn groups(&self, scope: &DeviceScope) -> Result<Vec<Group>, StoreError> {
        fleet::groups(self, scope).await
    }
}

/// The ids of the first `limit` devices after the id `after`.
fn ids(
    connection: &Connection,
    scope: &DeviceScope,
    filter: &DeviceFilter,
    after: &str,
    limit: u32,
) -> Result<Vec<String>, Error> {
    let mut fit = conditions(filter);
    let groups: Vec<String> = match (&filter.group, &scope.0) {
        (None, None) => {
            let index = index(filter);
            fit.and_with("id > ?", after);
            let limit = fit.place(limit);
            let sql = format!(
                "select id from devices indexed by {index} where {} order by id limit {limit}",
                fit.text()
            );
            return engine::texts(connection, &sql, fit.values());
        }
        (None, Some(reached)) => list(reached),
        (Some(group), None) => vec![group.clone()],
        (Some(group), Some(reached)) => {
            if !scope.includes_group(group) {
                let is_reached = "exists (select 1 from device_groups as ours where ours.device = id \
                                  and ours.name in (select value from json_each(?)))";
                fit.and_with(is_reached, list(reached));
            }
            vec![group.clone()]
        }
    };
    // The first devices over all groups are among the first of each group.
    let mut found = Vec::new();
    for group in groups {
        let mut fit = fit.clone();
        fit.and_with("device_groups.name = ?", group);
        fit.and_with("device > ?", after);
        let limit = fit.place(limit);
        let sql = format!(
            "select id from device_groups cross join devices indexed by {LISTED} on id = device \
             where {} order by device limit {limit}",
            fit.text()
        );
        found.extend(engine::texts(connection, &sql, fit.values())?);
    }
    found.sort_unstable();
    found.dedup();
    found.truncate(limit as usize);
    Ok(found)
}

fn list(groups: &BTreeSet<String>) -> Vec<String> {
    groups.iter().cloned().collect()
}

/// The conditions on a device, without those on its groups.
fn conditions(filter: &DeviceFilter) -> Conditions {
    let mut fit = Conditions::new(Dialect::Sqlite);
    fit.and_fits(filter);
    fit
}

const LISTED: &str = "devices_listed";

/// The index that leads to these devices in the order of their ids.
fn index(filter: &DeviceFilter) -> &'static str {
    match filter {
        DeviceFilter {
            search: Some(_), ..
        } => LISTED,
        DeviceFilter {
            status: Some(_), ..
        } => "devices_by_status",
        DeviceFilter {
            is_overridden: Some(true),
            ..
        } => "devices_overridden",
        _ => LISTED,
    }
}
