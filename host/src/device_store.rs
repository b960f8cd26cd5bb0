//! The device store: what the host reads before a call, and the one commit after it.

use crate::{Effect, Function};
use mdm_contract::{Command, CommandId, Device, time::Timestamp};
use std::error::Error;

/// A device as the platform has it at one moment.
#[derive(Clone, Debug)]
pub struct DeviceState<X = ()> {
    /// The device as plugins see it.
    pub device: Device,
    /// Its pending command.
    pub pending: Option<Command>,
    /// Its latest command, which may be the pending one.
    pub latest: Option<Command>,
    /// The version of the device. It differs after every change of the device or of its commands.
    pub version: i64,
    /// Data of the platform's store for its transport, such as the device's public key.
    pub extra: X,
}

/// The decision of a plugin: written as a whole, or not at all.
#[derive(Debug)]
pub struct Commit<'a, X = ()> {
    /// The device at the time of the decision. If its version has changed since, nothing is written.
    pub before: &'a DeviceState<X>,
    /// The time of the decision.
    pub at: Timestamp,
    /// The changes, in order. May be empty.
    pub effects: Vec<Effect>,
    /// The result of [`Transport::seal`](crate::Transport::seal), if a command is sent.
    pub sealed: Option<Vec<u8>>,
    /// For the audit trail.
    pub decision: Decision,
}

/// A decision and its plugin.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The contract's function.
    pub function: Function,
    /// The command that was sent, or that the call was about.
    pub command: CommandId,
    /// The SHA-256 digest of the plugin that decided, in hex.
    pub plugin: String,
    /// The notice for the caller and the audit trail, if a substitute decided in place of the active plugin.
    pub notice: Option<String>,
}

/// The devices of a platform, and their commands. Any database with compare-and-set will do.
///
/// A store keeps the version of each device, and changes it with every change of the device or of its commands, also
/// with those that don't come from the host.
pub trait DeviceStore: Send + Sync + 'static {
    /// Data of the store for the platform's transport, with each device: `()` if none.
    type Extra: Send + Sync + 'static;

    /// Data that the host passes from its caller to the store unchanged, such as the actor or an If-Match header.
    type Context: Send + Sync;

    /// The error of the store.
    type Error: Error + Send + Sync + 'static;

    /// Returns the device, or `None` if there is none with this id.
    fn load(
        &self,
        device: &str,
        context: &Self::Context,
    ) -> impl Future<Output = Result<Option<DeviceState<Self::Extra>>, Self::Error>> + Send;

    /// Returns a command of this device, or `None` if it has none with this id.
    fn command(
        &self,
        device: &str,
        command: &str,
    ) -> impl Future<Output = Result<Option<Command>, Self::Error>> + Send;

    /// Writes all of a commit in one transaction, and returns `true`. Writes nothing and returns `false` if the
    /// device's version has changed; the host then decides again.
    fn commit(
        &self,
        commit: Commit<'_, Self::Extra>,
        context: &Self::Context,
    ) -> impl Future<Output = Result<bool, Self::Error>> + Send;
}
