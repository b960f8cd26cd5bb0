//! The transport: how commands reach devices.

use crate::{Decision, DeviceState, password::Password};
use mdm_contract::decisions::{Capabilities, Command};
use std::error::Error;

/// A way to devices. `X` is the store's [`Extra`](crate::DeviceStore::Extra).
pub trait Transport<X = ()>: Send + Sync + 'static {
    /// Why nothing can be sealed for a device.
    type Error: Error + Send + Sync + 'static;

    /// The capabilities of this transport for this device.
    fn capabilities(&self, device: &DeviceState<X>) -> Capabilities;

    /// Returns `true` if a command would reach the device at once.
    fn is_online(&self, device: &DeviceState<X>) -> bool;

    /// Seals a new command's password to the device, before anything is stored. A remove has no password. The bytes go
    /// into the commit as they are, and from the platform's outbox to the device. They must not be of use to anyone
    /// but the device: the plaintext is in no store.
    fn seal(
        &self,
        device: &DeviceState<X>,
        command: &Command,
        password: Option<&Password>,
    ) -> Result<Vec<u8>, Self::Error>;

    /// Tells the device that there is news in its outbox, after the commit. If that is lost, the device finds the news
    /// at its next sync.
    fn notify(&self, device: &DeviceState<X>, decision: &Decision);
}
