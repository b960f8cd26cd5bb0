//! Misuse of handles.

use crate::bindings::mdm::password::secrets::Secret;
use std::{
    mem::forget,
    sync::atomic::{AtomicU32, Ordering},
};

/// The handle kept from an earlier call, or 0.
static KEPT: AtomicU32 = AtomicU32::new(0);

/// Keeps the handle for the next call, and uses the one kept from an earlier call.
pub(crate) fn keep(secret: &Secret) -> String {
    match KEPT.swap(secret.handle(), Ordering::Relaxed) {
        0 => "nothing was kept".into(),
        kept => {
            let stolen = stolen(kept);
            let guessability = stolen.guessability();
            forget(stolen);
            format!("a secret of guessability {guessability} was kept")
        }
    }
}

/// Drops the borrowed handle before the call returns.
pub(crate) fn drop_twice(secret: &Secret) {
    drop(stolen(secret.handle()));
}

#[allow(unsafe_code)]
fn stolen(handle: u32) -> Secret {
    // SAFETY: a handle is an index, not a pointer. The host traps on a wrong one.
    unsafe { Secret::from_handle(handle) }
}
