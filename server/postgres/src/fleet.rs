//! All devices together, in PostgreSQL.

use super::{
    PostgresStore,
    connection::{Ask as _, Value},
    rows::{self, SNAPSHOTS, number, signed},
};
use crate::rows::Columns as _;
use async_trait::async_trait;
use mdm_server_core::{
    access::Reach,
    store::{DeviceFilter, Fleet, FleetSummary, Group, Snapshot, StatusWord, StoreError},
};
use tokio_postgres::types::ToSql;

#[async_trait]
impl Fleet for PostgresStore {
    async fn devices(
        &self,
        reach: &Reach,
        filter: &DeviceFilter,
        after: Option<&str>,
        most: u32,
    ) -> Result<Vec<Snapshot>, StoreError> {
        let mut fit = Conditions::of(reach, filter);
        fit.and("d.id > ?", after.unwrap_or_default().to_owned());
        // The ids first: commands are looked up only for devices that are on the page.
        let text = fit.text.clone();
        let limit = fit.place(i64::from(most));
        let query = format!(
            "{SNAPSHOTS} where d.id = any(array(select d.id from devices d where {text} order by d.id limit {limit})) \
             order by d.id"
        );
        let rows = self.reader().await?.rows(&query, &fit.values()).await?;
        rows.iter().map(rows::snapshot).collect()
    }

    async fn summary(
        &self,
        reach: &Reach,
        filter: &DeviceFilter,
    ) -> Result<FleetSummary, StoreError> {
        let reader = self.reader().await?;
        let rows = match filter.counted_by(reach) {
            Some(name) => {
                let query =
                    "select status, is_overridden, devices from fleet_counts where name = $1";
                reader.rows(query, &[&name]).await?
            }
            None => {
                let fit = Conditions::of(reach, filter);
                let query = format!(
                    "select status, is_overridden, count(*) as devices from devices d where {} \
                     group by status, is_overridden",
                    fit.text
                );
                reader.rows(&query, &fit.values()).await?
            }
        };
        let mut summary = FleetSummary::default();
        for row in rows {
            let status = rows::word::<StatusWord>(&row, "status")?;
            summary.add(
                status,
                row.column("is_overridden")?,
                number(&row, "devices")?,
            );
        }
        Ok(summary)
    }

    async fn groups(&self, reach: &Reach) -> Result<Vec<Group>, StoreError> {
        let reader = self.reader().await?;
        let rows = reader
            .rows(
                "select name, sum(devices)::bigint as devices from fleet_counts where name <> '' \
                 group by name having sum(devices) > 0 order by name",
                &[],
            )
            .await?;
        let groups: Vec<Group> = rows
            .iter()
            .map(|row| {
                Ok(Group {
                    name: row.column("name")?,
                    devices: number(row, "devices")?,
                })
            })
            .collect::<Result<_, StoreError>>()?;
        let reached = |group: &Group| reach.includes_group(&group.name);
        Ok(groups.into_iter().filter(reached).collect())
    }
}

/// What has to be true of a device `d`, and the values in it.
struct Conditions {
    text: String,
    values: Vec<Value>,
}

impl Conditions {
    fn of(reach: &Reach, filter: &DeviceFilter) -> Self {
        let DeviceFilter {
            search,
            status,
            is_overridden,
            group,
            management_mode,
            synced_since,
            synced_before,
            is_revoked,
        } = filter;
        let mut fit = Self {
            text: String::from("true"),
            values: Vec::new(),
        };
        if let Some(group) = group {
            let is_in = "exists (select 1 from device_groups where device = d.id and name = ?)";
            fit.and(is_in, group.clone());
        }
        if let Some(reached) = &reach.0 {
            let is_reached =
                "exists (select 1 from device_groups where device = d.id and name = any(?))";
            fit.and(is_reached, reached.iter().cloned().collect::<Vec<_>>());
        }
        if let Some(search) = search {
            fit.and("position(? in d.found_by) > 0", search.to_lowercase());
        }
        if let Some(status) = status {
            fit.and("d.status = ?", status.word());
        }
        if let Some(mode) = management_mode {
            fit.and("d.management_mode = ?", mode.word());
        }
        if let Some(since) = synced_since {
            fit.and("d.last_sync >= ?", signed(*since));
        }
        if let Some(before) = synced_before {
            fit.and("d.last_sync < ?", signed(*before));
        }
        fit.text += match is_overridden {
            Some(true) => " and d.is_overridden",
            Some(false) => " and not d.is_overridden",
            None => "",
        };
        fit.text += match is_revoked {
            Some(true) => " and d.revoked_at is not null",
            Some(false) => " and d.revoked_at is null",
            None => "",
        };
        fit
    }

    fn and(&mut self, condition: &str, value: impl ToSql + Sync + Send + 'static) {
        let place = self.place(value);
        self.text += " and ";
        self.text += &condition.replace('?', &place);
    }

    /// What stands for a value: a statement with the value in its text would be another one for each.
    fn place(&mut self, value: impl ToSql + Sync + Send + 'static) -> String {
        self.values.push(Box::new(value));
        format!("${}", self.values.len())
    }

    fn values(&self) -> Vec<&(dyn ToSql + Sync)> {
        let values = self.values.iter();
        values
            .map(|value| &**value as &(dyn ToSql + Sync))
            .collect()
    }
}
