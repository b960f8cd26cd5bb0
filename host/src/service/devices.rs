//! Devices as an admin sees them, the policies applied to them, and tokens to enroll more.

use super::{MOST_ROUNDS, Service, ServiceError, check_trusted};
use crate::{
    audit::AuditEntry,
    change::Change,
    store::{Snapshot, StoreError},
    token,
    transport::Transport as _,
};
use mdm_wire::{
    time::{self, Timestamp},
    words::{Policy, Requirement},
};
use zeroize::Zeroizing;

/// The first API level with password complexities.
const COMPLEXITY_SINCE: u32 = 31;

/// The longest minimum that Android takes (`DevicePolicyManager.getPasswordMaximumLength`).
const LONGEST_MINIMUM: u32 = 16;

/// The most groups of a device: every call about it reads them.
const MOST_GROUPS: usize = 32;

/// Part of the list of devices.
pub struct DevicePage {
    /// In the order of their ids, each with whether it is in contact.
    pub devices: Vec<(Snapshot, bool)>,
    /// The id to ask for the next page after; none: this is the last.
    pub next: Option<String>,
}

/// A token that one device can enroll with, once.
pub struct EnrollmentToken {
    /// The token. It is told once.
    pub token: Zeroizing<String>,
    /// When its time is over.
    pub expires_at: Timestamp,
}

impl Service {
    /// Up to `most` devices after the id `after`, of one group or of all.
    pub async fn devices(
        &self,
        group: Option<&str>,
        after: Option<&str>,
        most: u32,
    ) -> Result<DevicePage, ServiceError> {
        let snapshots = self.store.devices(group, after, most).await?;
        let is_full = snapshots.len() == most as usize;
        let last = snapshots.last().map(|snapshot| snapshot.device.id.clone());
        let with_presence = |snapshot: Snapshot| {
            let online = self.transport.is_online(&snapshot.device.id);
            (snapshot, online)
        };
        Ok(DevicePage {
            devices: snapshots.into_iter().map(with_presence).collect(),
            next: last.filter(|_| is_full),
        })
    }

    /// One device, and whether it is in contact.
    pub async fn device(&self, device: &str) -> Result<(Snapshot, bool), ServiceError> {
        let snapshot = self.snapshot(device).await?;
        Ok((snapshot, self.transport.is_online(device)))
    }

    /// The latest lines of the audit trail about a device, latest first.
    pub async fn audit(&self, device: &str, most: u32) -> Result<Vec<AuditEntry>, ServiceError> {
        self.snapshot(device).await?;
        Ok(self.store.audit(Some(device), most).await?)
    }

    /// Applies a policy to a device, or clears it. Whether it is enforced is the plugin's to say.
    pub async fn set_policy(
        &self,
        device: &str,
        policy: Option<Policy>,
    ) -> Result<(), ServiceError> {
        for _ in 0..MOST_ROUNDS {
            let snapshot = self.snapshot(device).await?;
            if let Some(policy) = &policy {
                check_policy(policy, snapshot.device.api_level)?;
            }
            let at = time::now();
            let detail = match &policy {
                Some(policy) => policy.to_string(),
                None => "cleared".to_owned(),
            };
            let audit = AuditEntry {
                at,
                actor: "admin".into(),
                action: "policy".into(),
                device: Some(device.to_owned()),
                command: None,
                detail: Some(detail),
                plugin: None,
            };
            let changes = vec![Change::SetPolicy(policy.clone())];
            if self.commit(&snapshot, at, changes, Some(audit)).await? {
                return Ok(());
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Trusts a device no more, for a reason that the audit trail keeps: its agent gets in no more, a pending
    /// command is taken back, and the sealed passwords that wait for it are destroyed.
    pub async fn revoke(&self, device: &str, reason: Option<String>) -> Result<(), ServiceError> {
        for _ in 0..MOST_ROUNDS {
            let snapshot = self.snapshot(device).await?;
            if snapshot.revoked_at.is_some() {
                break;
            }
            let at = time::now();
            let audit = AuditEntry {
                at,
                actor: "admin".into(),
                action: "revoke".into(),
                device: Some(device.to_owned()),
                command: None,
                detail: reason.clone(),
                plugin: None,
            };
            let changes = vec![Change::Revoke];
            if self.commit(&snapshot, at, changes, Some(audit)).await? {
                break;
            }
        }
        let snapshot = self.snapshot(device).await?;
        check_trusted(&snapshot).err().ok_or(StoreError::Conflict)?;
        // The device is out by now; what a plugin refuses to take back here is empty, and reaches nobody.
        if let Some(pending) = snapshot.pending
            && let Err(error) = self.cancel(device, &pending.id).await
        {
            tracing::warn!(device, command = pending.id, %error, "was not taken back");
        }
        Ok(())
    }

    /// Makes a token that one device can enroll with, once, within `valid_for` seconds.
    pub async fn enrollment_token(
        &self,
        groups: Vec<String>,
        valid_for: u64,
    ) -> Result<EnrollmentToken, ServiceError> {
        if let Some(group) = groups
            .iter()
            .find(|group| group.is_empty() || group.len() > 64)
        {
            let text = format!("`{group}` is no group: a group's name has 1 to 64 bytes");
            return Err(ServiceError::BadRequest(text));
        }
        if groups.len() > MOST_GROUPS {
            let text = format!("a device is in {MOST_GROUPS} groups at most");
            return Err(ServiceError::BadRequest(text));
        }
        let within = 1..=365 * 24 * 3600;
        if !within.contains(&valid_for) {
            let text = "an enrollment token is valid for 1 second to 365 days".to_owned();
            return Err(ServiceError::BadRequest(text));
        }
        let expires_at = time::now() + valid_for * 1000;
        let token = token::new_token("enroll")?;
        self.store
            .add_enrollment_token(token::digest(&token), groups, expires_at)
            .await?;
        Ok(EnrollmentToken { token, expires_at })
    }
}

/// What Android would not take must not be applied.
fn check_policy(policy: &Policy, api_level: u32) -> Result<(), ServiceError> {
    let text = match policy.requirement {
        Requirement::Complexity(_) if api_level < COMPLEXITY_SINCE => format!(
            "the device is at API {api_level}, and complexities came with API {COMPLEXITY_SINCE} \
             (Android 12): apply a quality"
        ),
        Requirement::Complexity(_) if policy.minimum_length > 0 => {
            "a complexity has no minimum length: leave it out, or apply a quality".to_owned()
        }
        _ if policy.minimum_length > LONGEST_MINIMUM => format!(
            "a minimum length of {} is more than the {LONGEST_MINIMUM} that Android takes",
            policy.minimum_length
        ),
        _ => return Ok(()),
    };
    Err(ServiceError::BadRequest(text))
}
