//! The error of a request to the host. Nothing has changed then.

use crate::PluginError;
use mdm_contract::{CommandId, Refusal};

/// The error of a request. `S` is the error of the device store, `T` that of the transport.
#[derive(Debug, thiserror::Error)]
pub enum HostError<S, T> {
    /// The plugin refused the request.
    #[error("{0}")]
    Refused(Refusal),
    /// There is no such device.
    #[error("there is no device {0}")]
    UnknownDevice(String),
    /// The device has no such command.
    #[error("device {device} has no command {command}")]
    UnknownCommand {
        /// The device's id.
        device: String,
        /// The id that was asked for.
        command: CommandId,
    },
    /// The plugin failed.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// The device store failed.
    #[error("{0}")]
    Store(#[source] S),
    /// The transport could not seal the password for the device.
    #[error("{0}")]
    Transport(#[source] T),
    /// Concurrent requests changed the device during each attempt.
    #[error("device {0} was changed repeatedly at the same time: try again")]
    Contended(String),
}
