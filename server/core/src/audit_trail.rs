//! Reads the audit trail.

use crate::{
    access::Caller,
    audit::{AuditEntry, AuditLine},
    device_records::DeviceRecords,
    error::ServerError,
    store::AuditFilter,
};

/// Reader of the audit trail.
pub struct AuditTrailReader {
    pub(crate) records: DeviceRecords,
}

impl AuditTrailReader {
    /// Up to `limit` lines of the whole audit trail before the line `before`, latest first.
    pub async fn list(
        &self,
        by: &Caller,
        filter: &AuditFilter,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<AuditLine>, ServerError> {
        by.check_all()?;
        Ok(self.records.store.audit(filter, before, limit).await?)
    }

    /// The latest lines about a device, latest first.
    pub async fn of_device(
        &self,
        by: &Caller,
        device: &str,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, ServerError> {
        self.records.load(by, device).await?;
        let filter = AuditFilter {
            device: Some(device.to_owned()),
            ..AuditFilter::default()
        };
        let lines = self.records.store.audit(&filter, None, limit).await?;
        Ok(lines.into_iter().map(|line| line.entry).collect())
    }
}
