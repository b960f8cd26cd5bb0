//! Running one call: on the plugin in the slot, or on what decides in its place, with the candidate in the
//! shadow beside it.

use super::{
    Service,
    stand_in::{Decider, StandIn, WhenTrialFails},
};
use crate::{metrics::Counted, store::Snapshot, transport::Transport as _};
use mdm_contract::time;
use mdm_password_host::{
    CallContext, Comparable, Function, Instance, Limit, Plugin, PluginError, password::Password,
};
use std::sync::Arc;
use tracing::field::Empty;

impl Service {
    /// Runs a call on the active plugin, and says which plugin decided. While the active one is on trial, the plugin
    /// before it takes the calls that it fails, unless the operator wants them to fail. Where it is out of service, its
    /// fallback takes them, if the host has one.
    pub(super) async fn run<T: Comparable + Send + 'static>(
        &self,
        function: Function,
        context: CallContext,
        call: impl Fn(&mut Instance, CallContext) -> Result<T, PluginError> + Clone + Send + 'static,
    ) -> Result<(T, Decider), PluginError> {
        let places = self.plugins.slot.places();
        let shadow = self.plugins.shadow();
        let on_failure = match self.plugins.when_trial_fails() {
            WhenTrialFails::Previous => places.substitute(),
            WhenTrialFails::Refuse => None,
        };
        let out_of_service = on_failure.clone().or_else(|| self.plugins.fallback());
        let is_repeated = out_of_service.is_some() || shadow.is_some();
        let spare = is_repeated.then(|| context.clone());
        let active = places.active.plugin;
        let mut decided = match active.admits(function) {
            true => self.run_on(&active, function, context, call.clone()).await,
            false => {
                let out = PluginError::OutOfService(function);
                self.metrics.plugins.failed(function, &out);
                Err(out)
            }
        };
        let failure = decided.as_ref().err();
        if let Some(end) = self.plugins.slot.note(&active, function, failure) {
            self.end_trial(&active, end, failure).await;
        }
        let substitute = match failure {
            Some(PluginError::OutOfService(_)) => out_of_service,
            Some(failure) if failure.is_the_plugins_fault() => on_failure,
            _ => None,
        };
        let mut decider = Decider {
            plugin: active.digest(),
            stand_in: None,
        };
        if let (Some(failure), Some(substitute), Some(spare)) = (failure, substitute, &spare) {
            let (device, by) = (spare.device.id.clone(), substitute.digest());
            let stand_in = StandIn::new(function, active.digest(), by.clone(), failure);
            decided = self
                .run_on(&substitute, function, spare.clone(), call.clone())
                .await;
            if decided.is_ok() {
                self.plugin_log.stood_in(&device, &stand_in);
            }
            decider = Decider {
                plugin: by,
                stand_in: Some(stand_in),
            };
        }
        let gave_back = decided?;
        if let (Some(shadow), Some(spare)) = (shadow, spare) {
            shadow.compare(function, &gave_back, spare, call);
        }
        Ok((gave_back, decider))
    }

    async fn run_on<T: Send + 'static>(
        &self,
        plugin: &Arc<Plugin>,
        function: Function,
        context: CallContext,
        call: impl Fn(&mut Instance, CallContext) -> Result<T, PluginError> + Send + 'static,
    ) -> Result<T, PluginError> {
        let (metrics, log) = (Arc::clone(&self.metrics), Arc::clone(&self.plugin_log));
        let plugin = Arc::clone(plugin);
        let span = tracing::debug_span!(
            "plugin call",
            %function,
            plugin = plugin.digest(),
            device = context.device.id,
            outcome = Empty
        );
        let waits = || {
            self.metrics.plugins.reached(Limit::Instances);
            Counted::new(&self.metrics.plugins.waiting)
        };
        let running = self.threads.run(waits, move || {
            let _running = Counted::new(&metrics.plugins.running);
            let span = span.entered();
            let device = context.device.id.clone();
            let began = std::time::Instant::now();
            let mut backtrace = None;
            let decided = plugin.instance().and_then(|mut instance| {
                let decided = call(&mut instance, context);
                backtrace = instance.take_backtrace();
                decided
            });
            let failure = decided.as_ref().err();
            let time = began.elapsed();
            metrics.plugins.ended(function, failure, time);
            span.record("outcome", failure.map_or("decided", PluginError::kind));
            tracing::debug!(?time, "ended");
            if let Some(turn) = plugin.note_call(function, &device, failure, time) {
                metrics.plugins.turned(function, turn);
                tracing::error!(plugin = plugin.digest(), %function, ?turn, "the function's service");
            }
            if let Some(failure) = failure {
                let of = (device.as_str(), plugin.digest());
                log.failed(function, of, failure, backtrace.as_deref());
            }
            decided
        });
        running.await.unwrap_or_else(|error| {
            tracing::error!(%function, %error, "the host failed in a plugin's call");
            let failure = PluginError::HostFailed(error.to_string());
            self.metrics.plugins.failed(function, &failure);
            Err(failure)
        })
    }

    pub(super) fn context(&self, snapshot: &Snapshot, password: Option<&Password>) -> CallContext {
        CallContext {
            device: snapshot.device.clone(),
            pending: snapshot.pending.clone(),
            latest: snapshot.latest.clone(),
            subject: None,
            password_rule: self.password_rule.clone(),
            capabilities: self.transport.capabilities(),
            online: self.is_online(snapshot),
            now: time::now(),
            password: password.cloned(),
            changes: Vec::new(),
        }
    }
}
