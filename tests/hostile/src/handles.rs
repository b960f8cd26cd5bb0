//! Doing with a handle what a call is not meant to do.

use crate::bindings::mdm::password::secrets::Secret;
use std::{
    mem::forget,
    sync::atomic::{AtomicU32, Ordering},
};

/// The handle that an earlier call has kept; 0 is none.
static KEPT: AtomicU32 = AtomicU32::new(0);

/// Keeps the handle for the next call, and measures what an earlier call has kept.
pub(crate) fn keep(secret: &Secret) -> String {
    match KEPT.swap(secret.handle(), Ordering::Relaxed) {
        0 => "nothing was kept".into(),
        kept => {
            let stolen = stolen(kept);
            let length = stolen.metrics().length;
            forget(stolen);
            format!("a secret of {length} was kept")
        }
    }
}

/// Gives the handle back before the call does.
pub(crate) fn drop_twice(secret: &Secret) {
    drop(stolen(secret.handle()));
}

#[allow(unsafe_code)]
fn stolen(handle: u32) -> Secret {
    // SAFETY: the number of a handle points to nothing: whoever uses a wrong one is stopped by the host.
    unsafe { Secret::from_handle(handle) }
}
