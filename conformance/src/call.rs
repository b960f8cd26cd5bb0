//! A call as data, and its run on a plugin.

use super::{base::base_request, situation::Situation};
use mdm_contract::{Action, DeviceOutcome, Request};
use mdm_password_host::{Comparable, Effect, Instance, Messages, Plugin, PluginError};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{thread, time::Duration};

/// The id that stands in cases for the id of the sent command.
pub const SENT: &str = "0198c1de-0000-7000-8000-0000000000ff";

/// The number of timeouts of a call that count as the plugin's fault.
const TRIES: u32 = 8;

/// The pause before a timed-out call is tried again. It grows by this much with each try.
const PAUSE: Duration = Duration::from_millis(10);

/// A call of a function of the contract. Its secret and its command come from the situation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Call {
    /// `reset`, to the situation's password.
    Reset {
        /// The request.
        request: Request,
    },
    /// `remove`.
    Remove {
        /// The request.
        request: Request,
    },
    /// `preview`; with the situation's password, if it is of a reset.
    Preview {
        /// Reset or remove.
        action: Action,
        /// The request.
        request: Request,
    },
    /// `status`.
    Status,
    /// `policy-override`.
    PolicyOverride,
    /// `report`, on the situation's command.
    Report {
        /// The reported outcome.
        outcome: DeviceOutcome,
    },
    /// `cancel` of the situation's command.
    Cancel,
    /// `expire` of the situation's command.
    Expire,
}

/// The answer of a plugin to a call.
pub struct Answer {
    /// The returned value; a result is `{"ok": …}` or `{"err": …}`.
    pub returned: Value,
    /// The effects, as JSON.
    pub effects: Value,
    /// The effects, as the host would commit them.
    pub changes: Vec<Effect>,
}

impl Call {
    /// The most common reset: the base's request.
    pub fn reset() -> serde_json::Result<Self> {
        let request = base_request()?;
        Ok(Self::Reset { request })
    }

    /// Runs the call on a fresh instance. A call that times out or gets no instance is tried again: the limit is
    /// wall-clock time, and a busy machine is not the plugin's fault.
    pub fn run(&self, plugin: &Plugin, situation: &Situation) -> Result<Answer, PluginError> {
        self.run_with_messages(plugin, situation).0
    }

    /// The same, with the messages that the plugin logged.
    pub(super) fn run_with_messages(
        &self,
        plugin: &Plugin,
        situation: &Situation,
    ) -> (Result<Answer, PluginError>, Messages) {
        let mut tries = 1..TRIES;
        loop {
            let (answer, messages) = match plugin.instance() {
                Ok(mut instance) => {
                    let answer = self.run_on(&mut instance, situation);
                    (answer, instance.take_messages())
                }
                Err(error) => (Err(error), Messages::default()),
            };
            let is_busy = matches!(
                answer,
                Err(PluginError::TooSlow(_) | PluginError::HostFailed(_))
            );
            match tries.next().filter(|_| is_busy) {
                Some(number) => thread::sleep(PAUSE * number),
                None => return (answer, messages),
            }
        }
    }

    /// Runs the call on this instance.
    pub fn run_on(
        &self,
        instance: &mut Instance,
        situation: &Situation,
    ) -> Result<Answer, PluginError> {
        let context = situation.context(self.takes_secret());
        match self {
            Self::Reset { request } => answer(&instance.reset(context, request)?),
            Self::Remove { request } => answer(&instance.remove(context, request)?),
            Self::Preview { action, request } => {
                answer(&instance.preview(context, *action, request)?)
            }
            Self::Status => answer(&instance.status(context)?),
            Self::PolicyOverride => answer(&instance.policy_override(context)?),
            Self::Report { outcome } => answer(&instance.report(context, outcome)?),
            Self::Cancel => answer(&instance.cancel(context)?),
            Self::Expire => answer(&instance.expire(context)?),
        }
    }

    /// Turns a request into its preview, and a preview into the request.
    pub(super) fn counterpart(&self) -> Option<Self> {
        let preview = |action, request| Self::Preview { action, request };
        match self.clone() {
            Self::Reset { request } => Some(preview(Action::Reset, request)),
            Self::Remove { request } => Some(preview(Action::Remove, request)),
            Self::Preview {
                action: Action::Reset,
                request,
            } => Some(Self::Reset { request }),
            Self::Preview {
                action: Action::Remove,
                request,
            } => Some(Self::Remove { request }),
            _ => None,
        }
    }

    /// Returns `true` if the call takes a secret.
    fn takes_secret(&self) -> bool {
        matches!(
            self,
            Self::Reset { .. }
                | Self::Preview {
                    action: Action::Reset,
                    ..
                }
        )
    }
}

fn answer(gave_back: &impl Comparable) -> Result<Answer, PluginError> {
    let untellable =
        |error| PluginError::HostFailed(format!("what it returned has no form: {error}"));
    let (returned, effects) = gave_back.comparable(SENT).map_err(untellable)?;
    Ok(Answer {
        returned,
        effects,
        changes: gave_back.effects().to_vec(),
    })
}
