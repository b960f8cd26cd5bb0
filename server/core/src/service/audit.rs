//! Reading the audit trail.

use super::{Service, ServiceError};
use crate::{
    access::Caller,
    audit::{AuditEntry, AuditLine},
    store::AuditFilter,
};

/// What is done with plugins.
const PLUGIN_ACTIONS: [&str; 3] = ["use-plugin", "roll-back-plugin", "keep-plugin"];

impl Service {
    /// Up to `most` lines of the whole audit trail before the line `before`, latest first.
    pub async fn audit(
        &self,
        by: &Caller,
        filter: &AuditFilter,
        before: Option<u64>,
        most: u32,
    ) -> Result<Vec<AuditLine>, ServiceError> {
        by.check_all()?;
        Ok(self.store.audit(filter, before, most).await?)
    }

    /// The latest lines about a device, latest first.
    pub async fn device_audit(
        &self,
        by: &Caller,
        device: &str,
        most: u32,
    ) -> Result<Vec<AuditEntry>, ServiceError> {
        self.reached(by, device).await?;
        let filter = AuditFilter {
            device: Some(device.to_owned()),
            ..AuditFilter::default()
        };
        self.entries(&filter, most).await
    }

    /// The latest lines about the choice of the plugin, latest first.
    pub async fn plugin_audit(&self, most: u32) -> Result<Vec<AuditEntry>, ServiceError> {
        let filter = AuditFilter {
            actions: PLUGIN_ACTIONS.map(str::to_owned).to_vec(),
            ..AuditFilter::default()
        };
        self.entries(&filter, most).await
    }

    async fn entries(
        &self,
        filter: &AuditFilter,
        most: u32,
    ) -> Result<Vec<AuditEntry>, ServiceError> {
        let lines = self.store.audit(filter, None, most).await?;
        Ok(lines.into_iter().map(|line| line.entry).collect())
    }
}
