//! The transport: how commands reach devices.

use crate::{Decision, DeviceState, password::Password};
use mdm_contract::{Capabilities, Command};
use std::error::Error;

/// The channel to devices. `X` is the store's [`Extra`](crate::DeviceStore::Extra).
pub trait Transport<X = ()>: Send + Sync + 'static {
    /// The error of sealing.
    type Error: Error + Send + Sync + 'static;

    /// The capabilities of this transport for this device.
    fn capabilities(&self, device: &DeviceState<X>) -> Capabilities;

    /// Returns `true` if a command would reach the device at once.
    fn is_online(&self, device: &DeviceState<X>) -> bool;

    /// Seals a new command's password to the device, before anything is stored. A remove has no password. The bytes go
    /// into the commit unchanged, and from the platform's outbox to the device. Only the device may be able to open
    /// them: the plaintext is in no store.
    fn seal(
        &self,
        device: &DeviceState<X>,
        command: &Command,
        password: Option<&Password>,
    ) -> Result<Vec<u8>, Self::Error>;

    /// Wakes the device after the commit, because its outbox has changed. If the wake-up is lost, the device gets the
    /// change at its next sync.
    fn notify(&self, device: &DeviceState<X>, decision: &Decision);
}
