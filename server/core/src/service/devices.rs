//! Devices as an admin sees them, the policies applied to them, and tokens to enroll more.

use super::{AsSeen, Service, ServiceError, check_trusted, password::check_reason};
use crate::{
    access::Caller,
    audit::AuditEntry,
    bounds::{ENROLLMENT_VALIDITY, MAX_DEVICE_GROUPS, check_group},
    change::Change,
    store::Snapshot,
    token,
};
use mdm_contract::{
    time::{self, Timestamp},
    words::{Policy, Requirement},
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// The first API level with password complexities.
const COMPLEXITY_SINCE: u32 = 31;

/// A token that one device can enroll with, once.
#[derive(Serialize, Deserialize)]
pub struct EnrollmentToken {
    /// The token. It is told once.
    pub token: Zeroizing<String>,
    /// When its time is over.
    pub expires_at: Timestamp,
}

impl Service {
    /// One device, and whether it is in contact.
    pub async fn device(
        &self,
        by: &Caller,
        device: &str,
    ) -> Result<(Snapshot, bool), ServiceError> {
        let snapshot = self.reached(by, device).await?;
        let is_online = self.transport.is_snapshot_online(&snapshot);
        Ok((snapshot, is_online))
    }

    /// One device of which something is to be asked. Errs if it was revoked.
    pub async fn trusted_device(
        &self,
        by: &Caller,
        device: &str,
    ) -> Result<Snapshot, ServiceError> {
        let snapshot = self.reached(by, device).await?;
        check_trusted(&snapshot)?;
        Ok(snapshot)
    }

    /// Applies a policy to a device, or clears it. Whether it is enforced is the plugin's to say.
    pub async fn set_policy(
        &self,
        by: &Caller,
        device: impl Into<AsSeen<'_>>,
        policy: Option<Policy>,
    ) -> Result<(), ServiceError> {
        let detail = policy
            .as_ref()
            .map_or_else(|| "cleared".to_owned(), Policy::to_string);
        let audit = AuditEntry {
            detail: Some(detail),
            ..AuditEntry::new(time::now(), by, "policy")
        };
        let change = |snapshot: &Snapshot, _| {
            check_trusted(snapshot)?;
            if let Some(policy) = &policy {
                check_policy(policy, snapshot.device.api_level)?;
            }
            Ok(Some(Change::SetPolicy(policy.clone())))
        };
        let seen = device.into();
        self.once_on(by, seen.device, self.change(by, seen, change, Some(audit)))
            .await
    }

    /// Trusts a device no more, for a reason that the audit trail keeps: its agent gets in no more, a pending
    /// command is taken back, and the sealed passwords that wait for it are destroyed.
    pub async fn revoke(
        &self,
        by: &Caller,
        device: impl Into<AsSeen<'_>>,
        reason: Option<String>,
    ) -> Result<(), ServiceError> {
        check_reason(reason.as_deref(), None)?;
        self.revoke_as_seen(by, device.into(), reason).await?;
        // A backup that is restored later must not make the device trusted again.
        self.note_history().await
    }

    pub(super) async fn revoke_as_seen(
        &self,
        by: &Caller,
        seen: AsSeen<'_>,
        reason: Option<String>,
    ) -> Result<(), ServiceError> {
        let audit = AuditEntry {
            detail: reason,
            ..AuditEntry::new(time::now(), by, "revoke")
        };
        let change = |snapshot: &Snapshot, _| {
            let is_trusted = snapshot.revoked_at.is_none();
            Ok(is_trusted.then_some(Change::Revoke))
        };
        self.once_on(by, seen.device, self.change(by, seen, change, Some(audit)))
            .await?;
        let device = seen.device;
        let snapshot = self.snapshot(device).await?;
        // The device is out by now; what a plugin refuses to take back here is empty, and reaches nobody.
        if let Some(pending) = snapshot.pending
            && let Err(error) = self.cancel(&by.without_key(), device, &pending.id).await
        {
            tracing::warn!(device, command = pending.id, %error, "was not taken back");
        }
        Ok(())
    }

    /// Makes a token that one device can enroll with, once, within `valid_for` seconds.
    pub async fn enrollment_token(
        &self,
        by: &Caller,
        groups: Vec<String>,
        valid_for: u64,
    ) -> Result<EnrollmentToken, ServiceError> {
        groups.iter().try_for_each(|group| check_group(group))?;
        if groups.len() > MAX_DEVICE_GROUPS {
            let text = format!("a device is in {MAX_DEVICE_GROUPS} groups at most");
            return Err(ServiceError::BadRequest(text));
        }
        if !ENROLLMENT_VALIDITY.contains(&valid_for) {
            let text = "an enrollment token is valid for 1 second to 365 days".to_owned();
            return Err(ServiceError::BadRequest(text));
        }
        match groups.is_empty() {
            true => by.check_all()?,
            false => groups.iter().try_for_each(|group| by.check_group(group))?,
        }
        self.once(by, self.add_enrollment_token(by, groups, valid_for))
            .await
    }

    async fn add_enrollment_token(
        &self,
        by: &Caller,
        groups: Vec<String>,
        valid_for: u64,
    ) -> Result<EnrollmentToken, ServiceError> {
        let at = time::now();
        let made = EnrollmentToken {
            token: token::new_token("enroll")?,
            expires_at: at + valid_for * 1000,
        };
        let audit = AuditEntry {
            detail: (!groups.is_empty()).then(|| groups.join(", ")),
            ..AuditEntry::new(at, by, "add-enrollment-token")
        };
        let audit = self.record(by, audit, &made)?;
        let digest = token::digest(&made.token);
        self.store
            .add_enrollment_token(digest, groups, made.expires_at, audit)
            .await?;
        Ok(made)
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
        Requirement::Quality(quality)
            if policy.minimum_length > 0 && !quality.heeds_minimum_length() =>
        {
            format!(
                "the quality {quality} ignores a minimum length, which Android heeds from numeric upward: leave it \
                 out, or apply the quality numeric or a stricter one"
            )
        }
        _ if policy.minimum_length > Policy::LONGEST_MINIMUM => format!(
            "a minimum length of {} is more than the {} that Android takes",
            policy.minimum_length,
            Policy::LONGEST_MINIMUM
        ),
        _ => return Ok(()),
    };
    Err(ServiceError::BadRequest(text))
}
