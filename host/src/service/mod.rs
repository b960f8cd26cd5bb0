//! The one flow: a request becomes a plugin's decision, and the decision one commit.
//!
//! A use case is one function: `password` has the admin's, `devices` those about devices and policies,
//! `plugins` those about plugins, `agents` the agent's, `expiry` the clock's. All that decide go through
//! `Service::decide`; those that only ask, through `Service::ask`.
//!
//! A use case that changes something is to be carried out to its end: drop its future half-way, and it is
//! undecided whether the change was committed, and who was told of it.

mod agents;
mod call;
mod devices;
mod error;
mod expiry;
mod password;
mod plugins;
mod shadow;

pub use devices::{DevicePage, EnrollmentToken};
pub use error::ServiceError;
pub use password::{Request, Reset};
pub use plugins::{PluginSettings, Plugins};
pub use shadow::{Comparisons, Difference, ShadowReport};

use crate::{
    change::Change,
    password::Password,
    plugin::{CallContext, Decided, Function, Instance, Returned},
    store::{AuditEntry, Commit, Snapshot, Store, StoreError},
    transport::{AgentSync, Transport as _},
};
use mdm_wire::{
    decisions::{PasswordRule, Refusal},
    sealing::{Binding, PublicKey},
    time::Timestamp,
    words::{Action, CommandId},
};
use serde::Serialize;
use std::sync::Arc;
use tokio::sync::{Semaphore, watch};

/// How often a call is decided anew when the device changes under it. Each round that loses means
/// that another has won, so this many in a row need as many others at the same moment.
const MOST_ROUNDS: usize = 32;

/// What a host is made of.
pub struct Service {
    store: Arc<dyn Store>,
    plugins: Plugins,
    transport: AgentSync,
    password_rule: PasswordRule,
    /// One permit for each instance that may run.
    instances: Arc<Semaphore>,
    closing: watch::Sender<bool>,
}

/// Who asks for what, with what: the call's input, and its line in the audit trail.
struct Deed<'a> {
    actor: &'static str,
    function: Function,
    detail: Option<String>,
    password: Option<&'a Password>,
    subject: Option<&'a CommandId>,
}

impl<'a> Deed<'a> {
    fn new(actor: &'static str, function: Function) -> Self {
        Self {
            actor,
            function,
            detail: None,
            password: None,
            subject: None,
        }
    }

    /// The call is about this command.
    fn on(self, subject: &'a CommandId) -> Self {
        Self {
            subject: Some(subject),
            ..self
        }
    }
}

impl Service {
    /// Wires a host together.
    pub fn new(store: Arc<dyn Store>, plugins: Plugins, password_rule: PasswordRule) -> Self {
        Self {
            instances: Arc::new(Semaphore::new(plugins.most_instances())),
            store,
            plugins,
            transport: AgentSync::default(),
            password_rule,
            closing: watch::Sender::new(false),
        }
    }

    /// Lets the syncs that wait for news go, so that the host can stop.
    pub fn close(&self) {
        self.closing.send_replace(true);
    }

    /// Lets the plugin decide about a device, and commits what it decided: all of it, or nothing. If
    /// the device was changed meanwhile, the plugin decides again.
    async fn decide<T: Serialize + Send + 'static>(
        &self,
        device: &str,
        deed: Deed<'_>,
        call: impl Fn(&mut Instance, CallContext) -> Decided<Result<T, Refusal>>
        + Clone
        + Send
        + 'static,
    ) -> Result<T, ServiceError> {
        for _ in 0..MOST_ROUNDS {
            let snapshot = self.snapshot(device).await?;
            if deed.function.sends() {
                check_trusted(&snapshot)?;
            }
            let mut context = self.context(&snapshot, deed.password);
            if let Some(subject) = deed.subject {
                context.subject = Some(self.command(device, subject).await?);
            }
            let call = call.clone();
            let (answer, context, plugin) = self
                .run(deed.function, context, move |plugin, context| {
                    let (result, mut context) = call(plugin, context)?;
                    context.check_expiries()?;
                    if result.is_err() {
                        context.changes.clear();
                    }
                    Ok((Returned::from(result), context))
                })
                .await?;
            tracing::trace!(
                device,
                actor = deed.actor,
                function = %deed.function,
                ?context,
                "decided"
            );
            let answer = match answer {
                Returned::Ok(answer) => answer,
                Returned::Err(refusal) => return Err(ServiceError::Refused(refusal)),
            };
            let audit = AuditEntry {
                at: context.now,
                actor: deed.actor.into(),
                action: deed.function.word().into(),
                device: Some(device.to_owned()),
                command: subject(&context),
                detail: deed.detail.clone(),
                plugin: Some(plugin),
            };
            let changes = seal(context.changes, device, &snapshot.public_key, deed.password)?;
            if self
                .commit(&snapshot, context.now, changes, Some(audit))
                .await?
            {
                return Ok(answer);
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Commits what was decided on a snapshot of a device: all, or nothing. False: the device has
    /// changed since, and it has to be decided anew.
    async fn commit(
        &self,
        snapshot: &Snapshot,
        at: Timestamp,
        changes: Vec<Change>,
        audit: Option<AuditEntry>,
    ) -> Result<bool, ServiceError> {
        if changes.is_empty() {
            return Ok(true);
        }
        let device = &snapshot.device.id;
        // What an agent told of its device is no news to the agent.
        let is_news = audit.is_some();
        let commit = Commit {
            device: device.clone(),
            version: snapshot.version,
            at,
            changes,
            audit,
        };
        match self.store.commit(commit).await {
            Ok(()) => {
                if is_news {
                    self.transport.wake(device);
                }
                Ok(true)
            }
            Err(StoreError::Conflict) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Asks the plugin about a device. Nothing changes.
    async fn ask<T: Serialize + Send + 'static>(
        &self,
        function: Function,
        snapshot: &Snapshot,
        password: Option<&Password>,
        call: impl Fn(&mut Instance, CallContext) -> Decided<T> + Clone + Send + 'static,
    ) -> Result<T, ServiceError> {
        let context = self.context(snapshot, password);
        let (answer, _, _) = self.run(function, context, call).await?;
        Ok(answer)
    }

    async fn snapshot(&self, device: &str) -> Result<Snapshot, ServiceError> {
        let unknown = || ServiceError::UnknownDevice(device.to_owned());
        self.store.snapshot(device).await?.ok_or_else(unknown)
    }
}

/// Nothing reaches a device that was revoked.
fn check_trusted(snapshot: &Snapshot) -> Result<(), ServiceError> {
    match snapshot.revoked_at {
        None => Ok(()),
        Some(_) => Err(ServiceError::Revoked(snapshot.device.id.clone())),
    }
}

/// The command that a call was about, or that it made.
fn subject(context: &CallContext) -> Option<CommandId> {
    let sent = context.changes.iter().find_map(|change| match change {
        Change::Send { command, .. } => Some(command.id.clone()),
        _ => None,
    });
    sent.or_else(|| context.subject.as_ref().map(|command| command.id.clone()))
}

/// Seals the password into each reset, before the store sees it.
fn seal(
    mut changes: Vec<Change>,
    device: &str,
    key: &PublicKey,
    password: Option<&Password>,
) -> Result<Vec<Change>, ServiceError> {
    for change in &mut changes {
        if let Change::Send { command, sealed } = change
            && command.action == Action::Reset
            && let Some(password) = password
        {
            let binding = Binding {
                device,
                command: &command.id,
                action: command.action,
                options: command.options,
                expires_at: command.expires_at,
            };
            *sealed = Some(key.seal(password.expose().as_bytes(), &binding)?);
        }
    }
    Ok(changes)
}
