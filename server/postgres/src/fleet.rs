//! All devices together, in PostgreSQL.

use super::PostgresStore;
use async_trait::async_trait;
use mdm_server_core::{
    access::DeviceScope,
    store::{
        DeviceFilter, Fleet, FleetSummary, Group, Snapshot, StoreError,
        sql::{Conditions, Dialect, Engine as _, fleet},
    },
};

#[async_trait]
impl Fleet for PostgresStore {
    async fn devices(
        &self,
        scope: &DeviceScope,
        filter: &DeviceFilter,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Snapshot>, StoreError> {
        let mut fit = conditions(scope, filter);
        fit.and_with("d.id > ?", after.unwrap_or_default());
        let limit = fit.place(limit);
        // The ids first: commands are looked up only for devices that are on the page.
        let ids = format!(
            "select d.id from devices d where {} order by d.id limit {limit}",
            fit.text()
        );
        self.snapshots(&ids, fit.values()).await
    }

    async fn summary(
        &self,
        scope: &DeviceScope,
        filter: &DeviceFilter,
    ) -> Result<FleetSummary, StoreError> {
        if let Some(name) = filter.counted_by(scope) {
            return fleet::counted(self, &name).await;
        }
        let fit = conditions(scope, filter);
        let sql = format!(
            "select status, is_overridden, count(*) as devices from devices d where {} \
             group by status, is_overridden",
            fit.text()
        );
        fleet::summary(&self.query(&sql, fit.values()).await?)
    }

    async fn groups(&self, scope: &DeviceScope) -> Result<Vec<Group>, StoreError> {
        fleet::groups(self, scope).await
    }
}

/// The conditions on a device `d`.
fn conditions(scope: &DeviceScope, filter: &DeviceFilter) -> Conditions {
    let mut fit = Conditions::new(Dialect::Postgres);
    if let Some(group) = &filter.group {
        let is_in = "exists (select 1 from device_groups where device = d.id and name = ?)";
        fit.and_with(is_in, group);
    }
    if let Some(reached) = &scope.0 {
        let is_reached =
            "exists (select 1 from device_groups where device = d.id and name = any(?))";
        fit.and_with(is_reached, reached.iter().cloned().collect::<Vec<_>>());
    }
    fit.and_fits(filter);
    fit
}
