//! The flow: a request becomes the decision of a plugin, and the decision one commit.

use crate::{
    CallContext, CallOutcome, Clock, Commit, Comparable, Decision, DeviceState, DeviceStore,
    Effect, Function, HostError, Instance, PluginError, PreviewRequest, RemoveRequest,
    ResetRequest, Rollout, Transport, password::Password, request,
};
use mdm_contract::{
    Command, CommandId, Deployment, DeviceOutcome, DevicePreview, DeviceStatus, PolicyState,
    ReportEffect, Situation,
};
use std::sync::Arc;

/// Maximum number of attempts to decide a request while its device changes. An attempt fails only if another request
/// was committed, so this many failures need as many concurrent requests.
const MAX_ATTEMPTS: usize = 32;

/// The errors of a host over this store and this transport.
type Error<S, T> =
    HostError<<S as DeviceStore>::Error, <T as Transport<<S as DeviceStore>::Extra>>::Error>;

/// The device of a request.
pub enum Target<'a, X> {
    /// The device with this id, which the host loads.
    Id(&'a str),
    /// A device that the platform has just loaded. The host loads it again if it changes before the commit.
    Loaded(&'a DeviceState<X>),
}

impl<'a, X> From<&'a str> for Target<'a, X> {
    fn from(id: &'a str) -> Self {
        Self::Id(id)
    }
}

impl<'a, X> From<&'a DeviceState<X>> for Target<'a, X> {
    fn from(state: &'a DeviceState<X>) -> Self {
        Self::Loaded(state)
    }
}

/// The response to a request that the plugin accepted, after the commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted<R> {
    /// The value that the plugin returned, such as the id of the new command.
    pub returned: R,
    /// The notice, if a substitute decided in place of the active plugin.
    pub notice: Option<String>,
}

/// A host: plugins over the devices of a platform.
///
/// Each request loads the device, lets the plugin decide, seals the password for the device, and commits all of it or
/// nothing. If the device changes in between, the host decides again. After a request's future is dropped early, the
/// commit may or may not have happened.
pub struct Host<S, T> {
    store: S,
    transport: T,
    deployment: Deployment,
    clock: Arc<dyn Clock>,
    rollout: Rollout,
}

impl<S: DeviceStore, T: Transport<S::Extra>> Host<S, T> {
    pub(crate) fn new(
        store: S,
        transport: T,
        deployment: Deployment,
        clock: Arc<dyn Clock>,
        rollout: Rollout,
    ) -> Self {
        Self {
            store,
            transport,
            deployment,
            clock,
            rollout,
        }
    }

    /// The platform's store.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// The platform's transport.
    pub fn transport(&self) -> &T {
        &self.transport
    }

    /// The plugins: the active one, the one before it, and a candidate in the shadow.
    pub fn rollout(&self) -> &Rollout {
        &self.rollout
    }

    /// The configuration of the deployment.
    pub fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// Asks for a reset. Returns the id of the new command.
    pub async fn reset(
        &self,
        device: impl Into<Target<'_, S::Extra>>,
        request: ResetRequest,
        context: &S::Context,
    ) -> Result<Accepted<CommandId>, Error<S, T>> {
        let ResetRequest {
            password,
            request,
            replaces_pending,
        } = request;
        let call = Call::new(Function::Reset, context).with(Some(&password));
        self.decide(device.into(), call, move |plugin, context| {
            let pending = context.situation.pending.as_ref();
            let request = request::resolved(&request, replaces_pending, pending);
            plugin.reset(context, &request)
        })
        .await
    }

    /// Asks for a remove. Returns the id of the new command.
    pub async fn remove(
        &self,
        device: impl Into<Target<'_, S::Extra>>,
        request: RemoveRequest,
        context: &S::Context,
    ) -> Result<Accepted<CommandId>, Error<S, T>> {
        let RemoveRequest {
            request,
            replaces_pending,
        } = request;
        let call = Call::new(Function::Remove, context);
        self.decide(device.into(), call, move |plugin, context| {
            let pending = context.situation.pending.as_ref();
            let request = request::resolved(&request, replaces_pending, pending);
            plugin.remove(context, &request)
        })
        .await
    }

    /// Cancels a pending command.
    pub async fn cancel(
        &self,
        device: impl Into<Target<'_, S::Extra>>,
        command: &CommandId,
        context: &S::Context,
    ) -> Result<Accepted<()>, Error<S, T>> {
        let call = Call::new(Function::Cancel, context).about(command);
        self.decide(device.into(), call, |plugin, context| {
            plugin.cancel(context)
        })
        .await
    }

    /// Ends a pending command after its expiry.
    pub async fn expire(
        &self,
        device: impl Into<Target<'_, S::Extra>>,
        command: &CommandId,
        context: &S::Context,
    ) -> Result<Accepted<()>, Error<S, T>> {
        let call = Call::new(Function::Expire, context).about(command);
        self.decide(device.into(), call, |plugin, context| {
            plugin.expire(context)
        })
        .await
    }

    /// Takes the report of a device about a command.
    pub async fn report(
        &self,
        device: impl Into<Target<'_, S::Extra>>,
        command: &CommandId,
        outcome: DeviceOutcome,
        context: &S::Context,
    ) -> Result<Accepted<ReportEffect>, Error<S, T>> {
        let call = Call::new(Function::Report, context).about(command);
        self.decide(device.into(), call, move |plugin, context| {
            plugin.report(context, &outcome)
        })
        .await
    }

    /// Previews a request. Nothing changes.
    pub async fn preview(
        &self,
        device: impl Into<Target<'_, S::Extra>>,
        request: PreviewRequest,
        context: &S::Context,
    ) -> Result<DevicePreview, Error<S, T>> {
        let PreviewRequest {
            action,
            password,
            request,
            replaces_pending,
        } = request;
        let call = Call::new(Function::Preview, context).with(password.as_ref());
        self.ask(device.into(), call, move |plugin, context| {
            let pending = context.situation.pending.as_ref();
            let request = request::resolved(&request, replaces_pending, pending);
            plugin.preview(context, action, &request)
        })
        .await
    }

    /// The status of a device, for its page. Nothing changes.
    pub async fn status(
        &self,
        device: impl Into<Target<'_, S::Extra>>,
        context: &S::Context,
    ) -> Result<DeviceStatus, Error<S, T>> {
        let call = Call::new(Function::Status, context);
        self.ask(device.into(), call, |plugin, context| {
            plugin.status(context)
        })
        .await
    }

    /// Returns the state of the applied policy. While it is overridden, a platform does not push it. Nothing changes.
    pub async fn policy_override(
        &self,
        device: impl Into<Target<'_, S::Extra>>,
        context: &S::Context,
    ) -> Result<PolicyState, Error<S, T>> {
        let call = Call::new(Function::PolicyOverride, context);
        self.ask(device.into(), call, |plugin, context| {
            plugin.policy_override(context)
        })
        .await
    }

    /// Lets the plugin decide, and commits the decision. Decides again if the device changed meanwhile.
    #[tracing::instrument(level = "debug", skip_all, fields(function = %call.function, device = tracing::field::Empty, command = tracing::field::Empty))]
    async fn decide<R: serde::Serialize + Send + 'static>(
        &self,
        target: Target<'_, S::Extra>,
        call: Call<'_, S::Context>,
        run: impl Fn(&mut Instance, CallContext) -> Result<CallOutcome<R>, PluginError>
        + Clone
        + Send
        + 'static,
    ) -> Result<Accepted<R>, Error<S, T>> {
        let mut loaded;
        let mut state = match target {
            Target::Loaded(state) => state,
            Target::Id(id) => {
                loaded = self.load(id, call.context).await?;
                &loaded
            }
        };
        let device = state.device.id.clone();
        let span = tracing::Span::current();
        span.record("device", &device);
        for attempt in 1.. {
            let context = self.context(state, &call).await?;
            let at = context.situation.now;
            let (outcome, decider) = self
                .rollout
                .run(call.function, context, run.clone())
                .await?;
            let (returned, effects) = match outcome {
                CallOutcome::Accepted { returned, effects } => (returned, effects),
                CallOutcome::Refused(refusal) => return Err(HostError::Refused(refusal)),
            };
            tracing::trace!(device, function = %call.function, ?effects, "decided");
            let sent = effects.iter().find_map(|effect| match effect {
                Effect::Send(command) => Some(command),
                _ => None,
            });
            let sealed = sent.map(|command| self.transport.seal(state, command, call.password));
            let command = sent.map(|it| &it.id).or(call.subject);
            let decision = Decision {
                function: call.function,
                command: command.ok_or(PluginError::NoSubject)?.clone(),
                notice: decider.notice(),
                plugin: decider.plugin,
            };
            span.record("command", &decision.command);
            let has_effects = !effects.is_empty();
            let commit = Commit {
                before: state,
                at,
                effects,
                sealed: sealed.transpose().map_err(HostError::Transport)?,
                decision: decision.clone(),
            };
            let committed = self.store.commit(commit, call.context).await;
            if committed.map_err(HostError::Store)? {
                tracing::debug!("committed");
                if has_effects {
                    self.transport.notify(state, &decision);
                }
                let notice = decision.notice;
                return Ok(Accepted { returned, notice });
            }
            if attempt == MAX_ATTEMPTS {
                break;
            }
            loaded = self.load(&device, call.context).await?;
            state = &loaded;
        }
        Err(HostError::Contended(device))
    }

    /// Asks the plugin. Nothing changes.
    async fn ask<R: Comparable + Send + 'static>(
        &self,
        target: Target<'_, S::Extra>,
        call: Call<'_, S::Context>,
        run: impl Fn(&mut Instance, CallContext) -> Result<R, PluginError> + Clone + Send + 'static,
    ) -> Result<R, Error<S, T>> {
        let context = match target {
            Target::Loaded(state) => self.context(state, &call).await?,
            Target::Id(id) => {
                let state = self.load(id, call.context).await?;
                self.context(&state, &call).await?
            }
        };
        let (answer, _) = self.rollout.run(call.function, context, run).await?;
        Ok(answer)
    }

    async fn load(
        &self,
        device: &str,
        context: &S::Context,
    ) -> Result<DeviceState<S::Extra>, Error<S, T>> {
        let state = self.store.load(device, context).await;
        let unknown = || HostError::UnknownDevice(device.to_owned());
        state.map_err(HostError::Store)?.ok_or_else(unknown)
    }

    async fn context(
        &self,
        state: &DeviceState<S::Extra>,
        call: &Call<'_, S::Context>,
    ) -> Result<CallContext, Error<S, T>> {
        let subject = match call.subject {
            Some(id) => Some(self.command(&state.device.id, id).await?),
            None => None,
        };
        let situation = Situation {
            device: state.device.clone(),
            pending: state.pending.clone(),
            latest: state.latest.clone(),
            deployment: self.deployment.clone(),
            capabilities: self.transport.capabilities(state),
            online: self.transport.is_online(state),
            now: self.clock.now(),
            password: None,
        };
        Ok(CallContext::new(situation, subject, call.password.cloned()))
    }

    async fn command(&self, device: &str, id: &CommandId) -> Result<Command, Error<S, T>> {
        let command = self.store.command(device, id).await;
        let unknown = || HostError::UnknownCommand {
            device: device.to_owned(),
            command: id.clone(),
        };
        command.map_err(HostError::Store)?.ok_or_else(unknown)
    }
}

/// A call of a function of the plugin.
struct Call<'a, C> {
    function: Function,
    password: Option<&'a Password>,
    /// The command that the call is about.
    subject: Option<&'a CommandId>,
    context: &'a C,
}

impl<'a, C> Call<'a, C> {
    fn new(function: Function, context: &'a C) -> Self {
        Self {
            function,
            password: None,
            subject: None,
            context,
        }
    }

    fn with(self, password: Option<&'a Password>) -> Self {
        Self { password, ..self }
    }

    fn about(self, subject: &'a CommandId) -> Self {
        Self {
            subject: Some(subject),
            ..self
        }
    }
}
