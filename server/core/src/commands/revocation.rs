//! Revocation of a device.

use super::requests::Commands;
use crate::{
    access::Caller, audit::AuditEntry, change::Change, device_records::DeviceRecords,
    error::ServerError, precondition::Precondition, store::Snapshot,
};
use mdm_contract::time;
use std::sync::Arc;

/// Revokes devices.
#[derive(Clone)]
pub(crate) struct Revocation {
    pub(crate) records: DeviceRecords,
    pub(crate) commands: Arc<Commands>,
}

impl Revocation {
    /// Revokes a device and cancels its pending command.
    pub(crate) async fn revoke(
        &self,
        by: &Caller,
        seen: Precondition<'_>,
        reason: Option<String>,
    ) -> Result<(), ServerError> {
        let audit = AuditEntry {
            detail: reason,
            ..AuditEntry::new(time::now(), by, "revoke")
        };
        let change = |snapshot: &Snapshot, _| {
            let is_trusted = snapshot.revoked_at.is_none();
            Ok(is_trusted.then_some(Change::Revoke))
        };
        let changed = self.records.change(by, seen, change, Some(audit));
        self.records.once(by, seen.device, changed).await?;
        let device = seen.device;
        let snapshot = self.records.snapshot(device).await?;
        // The device is revoked by now: if a plugin refuses to cancel a command, the command still reaches no device.
        if let Some(pending) = snapshot.pending
            && let Err(error) = self
                .commands
                .cancel(&by.without_key(), device, &pending.id)
                .await
        {
            tracing::warn!(device, command = pending.id, %error, "not cancelled");
        }
        Ok(())
    }
}
