//! Running one call: on the plugin in the slot, or on what decides in its place, with the candidate in the
//! shadow beside it.

use super::Service;
use crate::{
    metrics::Counted,
    password::Password,
    plugin::{CallContext, Decided, Function, Instance, Limit, Plugin, PluginError},
    store::Snapshot,
    transport::Transport as _,
};
use mdm_wire::time;
use serde::Serialize;
use std::sync::Arc;
use tracing::field::Empty;

impl Service {
    /// Runs a call on the active plugin, and says which that was. While it is on trial, the plugin
    /// before it takes the calls that it fails: they have changed nothing. Where it is out of service, its
    /// fallback takes them, if the host has one.
    pub(super) async fn run<T: Serialize + Send + 'static>(
        &self,
        function: Function,
        context: CallContext,
        call: impl Fn(&mut Instance, CallContext) -> Decided<T> + Clone + Send + 'static,
    ) -> Result<(T, CallContext, String), PluginError> {
        let places = self.plugins.slot.places();
        let shadow = self.plugins.shadow();
        let on_failure = places.substitute();
        let out_of_service = on_failure.clone().or_else(|| self.plugins.fallback());
        let is_repeated = out_of_service.is_some() || shadow.is_some();
        let spare = is_repeated.then(|| context.clone());
        let mut plugin = places.active.plugin;
        let mut decided = match plugin.admits(function) {
            true => self.run_on(&plugin, function, context, call.clone()).await,
            false => {
                let out = PluginError::OutOfService(function);
                self.metrics.plugins.failed(function, &out);
                Err(out)
            }
        };
        let failure = decided.as_ref().err();
        if let Some(end) = self.plugins.slot.note(&plugin, function, failure) {
            self.end_trial(&plugin, end, failure).await;
        }
        let substitute = match failure {
            Some(PluginError::OutOfService(_)) => out_of_service,
            Some(failure) if failure.is_the_plugins_fault() => on_failure,
            _ => None,
        };
        if let (Some(substitute), Some(spare)) = (substitute, &spare) {
            plugin = substitute;
            decided = self
                .run_on(&plugin, function, spare.clone(), call.clone())
                .await;
        }
        let (answer, context) = decided?;
        if let (Some(shadow), Some(spare)) = (shadow, spare) {
            shadow.compare(function, (&answer, &context), spare, call);
        }
        Ok((answer, context, plugin.digest()))
    }

    async fn run_on<T: Send + 'static>(
        &self,
        plugin: &Arc<Plugin>,
        function: Function,
        context: CallContext,
        call: impl Fn(&mut Instance, CallContext) -> Decided<T> + Send + 'static,
    ) -> Decided<T> {
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
                log.failed(function, failure, backtrace.as_deref());
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
