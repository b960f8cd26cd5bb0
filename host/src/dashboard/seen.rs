//! What an admin saw of a device before confirming: if it has changed since, the admin is asked again.

use crate::store::Snapshot;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use sha2::{Digest as _, Sha256};

/// A digest of what a decision about a device rests on. The time of its last sync is not in it: it changes all
/// the time, and means nothing by itself.
pub(super) fn seen(snapshot: &Snapshot) -> String {
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
