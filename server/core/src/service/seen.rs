//! What somebody saw of a device before deciding something about it: if it has changed since, nothing is done.

use super::{Service, ServiceError};
use crate::{access::Caller, store::Snapshot};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use sha2::{Digest as _, Sha256};

/// A device, and as what the caller has seen it.
#[derive(Clone, Copy, Debug)]
pub struct AsSeen<'a> {
    pub(super) device: &'a str,
    pub(super) tags: Option<&'a [String]>,
}

impl<'a> AsSeen<'a> {
    /// The device, if its tag is still one of these; none: however it is now.
    pub fn new(device: &'a str, tags: Option<&'a [String]>) -> Self {
        Self { device, tags }
    }
}

impl AsSeen<'_> {
    /// The snapshot, if this caller is responsible for the device, and it is as it was seen.
    pub(super) fn check(self, by: &Caller, snapshot: Snapshot) -> Result<Snapshot, ServiceError> {
        by.check_device(&snapshot.device)?;
        match self.tags {
            Some(tags) if !tags.contains(&tag(&snapshot)) => {
                Err(ServiceError::DeviceChanged(snapshot.device.id))
            }
            _ => Ok(snapshot),
        }
    }
}

impl<'a> From<&'a str> for AsSeen<'a> {
    fn from(device: &'a str) -> Self {
        Self::new(device, None)
    }
}

impl<'a> From<&'a String> for AsSeen<'a> {
    fn from(device: &'a String) -> Self {
        Self::new(device, None)
    }
}

/// A digest of what a decision about a device rests on. The time of its last sync is not in it: it changes all
/// the time, and means nothing by itself.
pub fn tag(snapshot: &Snapshot) -> String {
    let mut device = snapshot.device.clone();
    device.last_sync = 0;
    let latest = snapshot.latest.as_ref();
    let rests_on = (
        device,
        latest.map(|command| (&command.id, &command.status)),
        snapshot.revoked_at,
    );
    // Words and numbers always have a form in JSON.
    let text = serde_json::to_vec(&rests_on).unwrap_or_default();
    BASE64.encode(&Sha256::digest(text)[..12])
}

impl Service {
    /// A device that this caller is responsible for, and that is as it was seen. What is decided on this snapshot
    /// is committed only if the device hasn't changed since.
    pub(super) async fn reached_as_seen(
        &self,
        by: &Caller,
        seen: AsSeen<'_>,
    ) -> Result<Snapshot, ServiceError> {
        seen.check(by, self.snapshot(seen.device).await?)
    }
}
