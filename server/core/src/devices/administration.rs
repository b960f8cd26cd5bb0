//! Devices as an admin sees them, the policies applied to them, and tokens to enroll more.

use crate::{
    access::Caller,
    audit::AuditEntry,
    bounds::{ENROLLMENT_VALIDITY, MAX_DEVICE_GROUPS, check_group},
    change::Change,
    commands::Revocation,
    device_records::DeviceRecords,
    error::ServerError,
    history::History,
    precondition::{Precondition, check_trusted},
    request_checks::check_reason,
    store::Snapshot,
    token,
};
use mdm_contract::{
    Policy, Requirement,
    time::{self, Timestamp},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use zeroize::Zeroizing;

/// The first API level with password complexities.
const COMPLEXITY_SINCE: u32 = 31;

/// A token that one device can enroll with, once.
#[derive(Serialize, Deserialize)]
pub struct EnrollmentToken {
    /// The token, which is shown only once.
    pub token: Zeroizing<String>,
    /// When its time is over.
    pub expires_at: Timestamp,
}

/// The devices, as an admin manages them.
pub struct Devices {
    pub(crate) records: DeviceRecords,
    pub(crate) revocation: Revocation,
    pub(crate) history: Arc<History>,
}

impl Devices {
    /// Returns one device, and `true` if it is online.
    pub async fn get(&self, by: &Caller, device: &str) -> Result<(Snapshot, bool), ServerError> {
        let snapshot = self.records.load(by, device).await?;
        let is_online = self.records.transport.is_snapshot_online(&snapshot);
        Ok((snapshot, is_online))
    }

    /// Returns one device. Errors with `Revoked` if it was revoked.
    pub async fn trusted(&self, by: &Caller, device: &str) -> Result<Snapshot, ServerError> {
        let snapshot = self.records.load(by, device).await?;
        check_trusted(&snapshot)?;
        Ok(snapshot)
    }

    /// Applies a policy to a device, or clears it. Whether it is enforced is the plugin's to say.
    pub async fn set_policy(
        &self,
        by: &Caller,
        device: impl Into<Precondition<'_>>,
        policy: Option<Policy>,
    ) -> Result<(), ServerError> {
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
        let changed = self.records.change(by, seen, change, Some(audit));
        self.records.once(by, seen.device, changed).await
    }

    /// Revokes a device, for a reason that the audit trail keeps. Its agent can no longer sync, a pending command is
    /// cancelled, and the sealed passwords that wait for it are deleted.
    pub async fn revoke(
        &self,
        by: &Caller,
        device: impl Into<Precondition<'_>>,
        reason: Option<String>,
    ) -> Result<(), ServerError> {
        check_reason(reason.as_deref(), None)?;
        self.revocation.revoke(by, device.into(), reason).await?;
        // A backup that is restored later must not make the device trusted again.
        self.history.note().await
    }

    /// Makes a token that one device can enroll with, once, within `valid_for` seconds.
    pub async fn add_enrollment_token(
        &self,
        by: &Caller,
        groups: Vec<String>,
        valid_for: u64,
    ) -> Result<EnrollmentToken, ServerError> {
        groups.iter().try_for_each(|group| check_group(group))?;
        if groups.len() > MAX_DEVICE_GROUPS {
            let text = format!("a device is in {MAX_DEVICE_GROUPS} groups at most");
            return Err(ServerError::BadRequest(text));
        }
        if !ENROLLMENT_VALIDITY.contains(&valid_for) {
            let text = "an enrollment token is valid for 1 second to 365 days".to_owned();
            return Err(ServerError::BadRequest(text));
        }
        match groups.is_empty() {
            true => by.check_all()?,
            false => groups.iter().try_for_each(|group| by.check_group(group))?,
        }
        let added = self.store_enrollment_token(by, groups, valid_for);
        self.records.responses.once(by, added).await
    }

    async fn store_enrollment_token(
        &self,
        by: &Caller,
        groups: Vec<String>,
        valid_for: u64,
    ) -> Result<EnrollmentToken, ServerError> {
        let at = time::now();
        let made = EnrollmentToken {
            token: token::new_token("enroll")?,
            expires_at: at + valid_for * 1000,
        };
        let audit = AuditEntry {
            detail: (!groups.is_empty()).then(|| groups.join(", ")),
            ..AuditEntry::new(at, by, "add-enrollment-token")
        };
        let audit = self.records.responses.record(by, audit, &made)?;
        let digest = token::digest(&made.token);
        self.records
            .store
            .add_enrollment_token(digest, groups, made.expires_at, audit)
            .await?;
        Ok(made)
    }
}

/// Errors if Android would not accept the policy.
fn check_policy(policy: &Policy, api_level: u32) -> Result<(), ServerError> {
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
        _ if policy.minimum_length > Policy::MAX_MINIMUM_LENGTH => format!(
            "a minimum length of {} is more than the {} that Android takes",
            policy.minimum_length,
            Policy::MAX_MINIMUM_LENGTH
        ),
        _ => return Ok(()),
    };
    Err(ServerError::BadRequest(text))
}
