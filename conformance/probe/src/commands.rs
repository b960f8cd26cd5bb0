//! Commands of the device: what a plugin sends and completes.

use crate::bindings::mdm::password::{
    device_store::{self, get_situation},
    secrets::Secret,
    transport,
    types::{Action, CommandId, Failure, NewCommand, Outcome, ResetOptions},
};

/// The pending command; any text if there is none.
pub(crate) fn pending() -> CommandId {
    let pending = get_situation().pending;
    pending.map_or_else(|| "no command".into(), |command| command.id)
}

/// Ends the pending command as a conforming plugin does.
pub(crate) fn supersede_pending(sent: &str) {
    if let Some(pending) = get_situation().pending {
        let superseded = Outcome::Failed(Failure::Superseded(sent.to_owned()));
        device_store::complete(&pending.id, &superseded);
    }
}

/// Sends a command without options.
pub(crate) fn send(action: Action, secret: Option<&Secret>, expires_at: Option<u64>) -> CommandId {
    let options = ResetOptions::empty();
    let command = NewCommand {
        action,
        options,
        expires_at,
    };
    transport::send(command, secret)
}
