//! Preconditions of requests: an `If-Match` header has the ETag of a device that the caller expects (RFC 9110, 13.1.1).

use crate::{access::Caller, error::ServerError, store::Snapshot};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use sha2::{Digest as _, Sha256};

/// A device, and the state that the caller expects.
#[derive(Clone, Copy, Debug)]
pub struct Precondition<'a> {
    pub(crate) device: &'a str,
    pub(crate) etags: Option<&'a [String]>,
}

impl<'a> Precondition<'a> {
    /// The device, if its ETag is one of these. `None` accepts any state.
    pub fn new(device: &'a str, etags: Option<&'a [String]>) -> Self {
        Self { device, etags }
    }
}

impl Precondition<'_> {
    /// Returns the snapshot. Errors with `Forbidden` if the device is out of the caller's scope, and with
    /// `DeviceChanged` if its ETag differs.
    pub(crate) fn check(self, by: &Caller, snapshot: Snapshot) -> Result<Snapshot, ServerError> {
        by.check_device(&snapshot.device)?;
        match self.etags {
            Some(etags) if !etags.contains(&etag(&snapshot)) => {
                Err(ServerError::DeviceChanged(snapshot.device.id))
            }
            _ => Ok(snapshot),
        }
    }
}

impl<'a> From<&'a str> for Precondition<'a> {
    fn from(device: &'a str) -> Self {
        Self::new(device, None)
    }
}

impl<'a> From<&'a String> for Precondition<'a> {
    fn from(device: &'a String) -> Self {
        Self::new(device, None)
    }
}

/// The ETag of a device: a digest of everything that a decision depends on. It leaves out the time of the last sync,
/// because each sync changes it.
pub fn etag(snapshot: &Snapshot) -> String {
    let mut device = snapshot.device.clone();
    device.last_sync = 0;
    let latest = snapshot.latest.as_ref();
    let content = (
        device,
        latest.map(|command| (&command.id, &command.status)),
        snapshot.revoked_at,
    );
    // Serialization of texts and numbers can't fail.
    let text = serde_json::to_vec(&content).unwrap_or_default();
    BASE64.encode(&Sha256::digest(text)[..12])
}

/// Errors with `Revoked` if the device was revoked.
pub(crate) fn check_trusted(snapshot: &Snapshot) -> Result<(), ServerError> {
    match snapshot.revoked_at {
        None => Ok(()),
        Some(_) => Err(ServerError::Revoked(snapshot.device.id.clone())),
    }
}
