//! The device store: what the host reads before a call, and the one commit after it.

use crate::{Effect, Function};
use mdm_contract::{
    decisions::{Command, Device},
    time::Timestamp,
    types::CommandId,
};
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
    /// The device as the decision saw it. If its version is another one now, nothing is written.
    pub before: &'a DeviceState<X>,
    /// The time of the decision.
    pub at: Timestamp,
    /// The changes, in the order in which they are to be made. There may be none.
    pub effects: Vec<Effect>,
    /// The result of [`Transport::seal`](crate::Transport::seal) for the command that is sent, if one is.
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
    /// Why another plugin than the active one decided, if one did: a sentence for the caller and the audit trail.
    pub notice: Option<String>,
}

/// The devices of a platform, and their commands. Any database that can compare and set can be one.
///
/// A store keeps the version of each device, and changes it with every change of the device or of its commands, also
/// with those that don't come from the host.
pub trait DeviceStore: Send + Sync + 'static {
    /// Data of the store for the platform's transport, with each device: `()` if none.
    type Extra: Send + Sync + 'static;

    /// Data that the host carries from its caller to the store unchanged: the actor, say, or an If-Match header.
    type Context: Send + Sync;

    /// Why the store fails.
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

    /// Writes all of a commit in one transaction, and returns `true`; or writes nothing and returns `false`, because
    /// the device has another version now. The host decides again then.
    fn commit(
        &self,
        commit: Commit<'_, Self::Extra>,
        context: &Self::Context,
    ) -> impl Future<Output = Result<bool, Self::Error>> + Send;
}
