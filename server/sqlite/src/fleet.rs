//! All devices together, in SQLite.
//!
//! A list is found in two steps: the ids, from an index that has all that filters ask for, and then the devices with
//! these ids. Which index is said here and not left to SQLite, which doesn't know how rare a status is.

use super::{
    SqliteStore,
    rows::{self, DEVICE_COLUMNS},
};
use async_trait::async_trait;
use mdm_contract::time::Timestamp;
use mdm_server_core::{
    access::Reach,
    store::{DeviceFilter, Fleet, FleetSummary, Group, Snapshot, StatusWord, StoreError},
};
use rusqlite::{Connection, params_from_iter, types::Value};

#[async_trait]
impl Fleet for SqliteStore {
    async fn devices(
        &self,
        reach: &Reach,
        filter: &DeviceFilter,
        after: Option<&str>,
        most: u32,
    ) -> Result<Vec<Snapshot>, StoreError> {
        let (reach, filter) = (reach.clone(), filter.clone());
        let after = after.unwrap_or_default().to_owned();
        self.read(move |connection| {
            let transaction = connection.unchecked_transaction()?;
            let query = format!("select {DEVICE_COLUMNS} from devices where id = ?");
            let mut query = transaction.prepare_cached(&query)?;
            ids(&transaction, &reach, &filter, &after, most)?
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
        reach: &Reach,
        filter: &DeviceFilter,
    ) -> Result<FleetSummary, StoreError> {
        let (reach, filter) = (reach.clone(), filter.clone());
        self.read(move |connection| {
            Ok(match filter.counted_by(&reach) {
                Some(name) => add_up(
                    connection,
                    "select status, is_overridden, devices from fleet_counts where name = ?",
                    vec![name.into()],
                )?,
                None => count(connection, &reach, &filter)?,
            })
        })
        .await
    }

    async fn groups(&self, reach: &Reach) -> Result<Vec<Group>, StoreError> {
        let reach = reach.clone();
        self.read(move |connection| {
            let mut query = connection.prepare_cached(
                "select name, sum(devices) as devices from fleet_counts where name <> '' \
                 group by name having sum(devices) > 0 order by name",
            )?;
            let groups = query.query_map([], |row| {
                Ok(Group {
                    name: row.get("name")?,
                    devices: row.get("devices")?,
                })
            })?;
            let reached = groups.filter(|group| {
                group
                    .as_ref()
                    .map_or(true, |group| reach.includes_group(&group.name))
            });
            Ok(reached.collect::<Result<_, _>>()?)
        })
        .await
    }
}

/// The ids of the first `most` devices after the id `after`.
fn ids(
    connection: &Connection,
    reach: &Reach,
    filter: &DeviceFilter,
    after: &str,
    most: u32,
) -> rusqlite::Result<Vec<String>> {
    let mut fit = Conditions::of(filter);
    let groups: Vec<String> = match (&filter.group, &reach.0) {
        (None, None) => {
            let query = format!(
                "select id from devices indexed by {} where id > ?{} order by id limit {most}",
                index(filter),
                fit.text
            );
            return read_ids(connection, &query, None, after, fit.values);
        }
        (None, Some(reached)) => reached.iter().cloned().collect(),
        (Some(group), _) => {
            if !reach.includes_group(group) {
                let reached = "exists (select 1 from device_groups as ours where ours.device = id \
                               and ours.name in (select value from json_each(?)))";
                fit.and(reached, rows::to_json(reach)?);
            }
            vec![group.clone()]
        }
    };
    let query = format!(
        "select id from device_groups cross join devices indexed by devices_listed on id = device \
         where device_groups.name = ? and device > ?{} order by device limit {most}",
        fit.text
    );
    // What comes first in all groups together is among what comes first in each.
    let mut found = Vec::new();
    for group in groups {
        found.extend(read_ids(
            connection,
            &query,
            Some(group),
            after,
            fit.values.clone(),
        )?);
    }
    found.sort_unstable();
    found.dedup();
    found.truncate(most as usize);
    Ok(found)
}

fn read_ids(
    connection: &Connection,
    query: &str,
    group: Option<String>,
    after: &str,
    values: Vec<Value>,
) -> rusqlite::Result<Vec<String>> {
    let group = group.into_iter().map(Value::from);
    let values = group.chain([after.to_owned().into()]).chain(values);
    let mut query = connection.prepare_cached(query)?;
    let ids = query.query_map(params_from_iter(values), |row| row.get(0))?;
    ids.collect()
}

/// Counts one by one.
fn count(
    connection: &Connection,
    reach: &Reach,
    filter: &DeviceFilter,
) -> rusqlite::Result<FleetSummary> {
    let mut fit = Conditions::of(filter);
    let mut index = index(filter);
    if let Some(group) = &filter.group {
        let members = "id in (select device from device_groups where name = ?)";
        fit.and(members, group.clone());
        index = LISTED;
    }
    if reach.0.is_some() {
        let reached = "id in (select device from device_groups \
                       where name in (select value from json_each(?)))";
        fit.and(reached, rows::to_json(reach)?);
        index = LISTED;
    }
    let query = format!(
        "select status, is_overridden, count(*) from devices indexed by {index} where true{} \
         group by status, is_overridden",
        fit.text
    );
    add_up(connection, &query, fit.values)
}

/// Adds up rows of a status, whether the policy is overridden, and a number.
fn add_up(
    connection: &Connection,
    query: &str,
    values: Vec<Value>,
) -> rusqlite::Result<FleetSummary> {
    let mut summary = FleetSummary::default();
    let mut query = connection.prepare_cached(query)?;
    let mut rows = query.query(params_from_iter(values))?;
    while let Some(row) = rows.next()? {
        let status = rows::word::<StatusWord>(row, "status")?;
        summary.add(status, row.get(1)?, row.get(2)?);
    }
    Ok(summary)
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

/// What has to be true of a device, and the values in it.
struct Conditions {
    text: String,
    values: Vec<Value>,
}

impl Conditions {
    /// All but those about groups.
    fn of(filter: &DeviceFilter) -> Self {
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
        let mut fit = Self {
            text: String::new(),
            values: Vec::new(),
        };
        if let Some(search) = search {
            fit.and("instr(found_by, ?) > 0", search.to_lowercase());
        }
        if let Some(status) = status {
            fit.and("status = ?", status.word().to_owned());
        }
        if let Some(mode) = management_mode {
            fit.and("management_mode = ?", mode.word().to_owned());
        }
        // SQLite's numbers have a sign; a time beyond them is beyond all syncs, too.
        let signed = |time: Timestamp| i64::try_from(time).unwrap_or(i64::MAX);
        if let Some(since) = synced_since {
            fit.and("last_sync >= ?", signed(*since));
        }
        if let Some(before) = synced_before {
            fit.and("last_sync < ?", signed(*before));
        }
        // Without a value, because only so an index of those that are overridden is known to have them.
        fit.text += match is_overridden {
            Some(true) => " and is_overridden",
            Some(false) => " and not is_overridden",
            None => "",
        };
        fit.text += match is_revoked {
            Some(true) => " and revoked_at is not null",
            Some(false) => " and revoked_at is null",
            None => "",
        };
        fit
    }

    fn and(&mut self, condition: &str, value: impl Into<Value>) {
        self.text += " and ";
        self.text += condition;
        self.values.push(value.into());
    }
}
