//! The builder of a host.

use crate::{
    CanaryTerms, Clock, DeviceStore, Host, Limits, LoadError, Observer, Plugin, Rollout,
    RolloutStore, Runtime, SystemClock, Transport, WhenCanaryFails,
};
use mdm_contract::{Deployment, MinimumVersion, PasswordRule};
use std::sync::Arc;

/// Builds a [`Host`]. The plugin is required; all else has a default.
pub struct HostBuilder<S, T> {
    store: S,
    transport: T,
    plugin: Option<Source>,
    limits: Limits,
    deployment: Deployment,
    canary_terms: CanaryTerms,
    when_canary_fails: WhenCanaryFails,
    clock: Arc<dyn Clock>,
    observer: Option<Arc<dyn Observer>>,
    rollout_store: Option<Arc<dyn RolloutStore>>,
}

enum Source {
    Bytes(Vec<u8>),
    Loaded(Arc<Plugin>),
}

impl<S: DeviceStore, T: Transport<S::Extra>> Host<S, T> {
    /// Begins a host over this store and this transport.
    pub fn builder(store: S, transport: T) -> HostBuilder<S, T> {
        HostBuilder {
            store,
            transport,
            plugin: None,
            limits: Limits::default(),
            deployment: Deployment::default(),
            canary_terms: CanaryTerms::default(),
            when_canary_fails: WhenCanaryFails::default(),
            clock: Arc::new(SystemClock),
            observer: None,
            rollout_store: None,
        }
    }
}

impl<S: DeviceStore, T: Transport<S::Extra>> HostBuilder<S, T> {
    /// Sets the component of the first plugin.
    pub fn plugin(self, component: impl Into<Vec<u8>>) -> Self {
        let plugin = Some(Source::Bytes(component.into()));
        Self { plugin, ..self }
    }

    /// Sets the first plugin, loaded by the platform's own runtime, whose limits apply.
    pub fn loaded_plugin(self, plugin: Arc<Plugin>) -> Self {
        let plugin = Some(Source::Loaded(plugin));
        Self { plugin, ..self }
    }

    /// Sets the limits of a call. By default 50 ms, 64 MiB, and two instances for each processor: see [`Limits`].
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Sets the deployment's password rule. By default exactly four digits.
    pub fn password_rule(mut self, password_rule: PasswordRule) -> Self {
        self.deployment.password_rule = password_rule;
        self
    }

    /// Sets the minimum version of agents. By default 6.9.0.
    pub fn minimum_agent_version(mut self, version: &MinimumVersion) -> Self {
        self.deployment.minimum_agent_version = version.to_string();
        self
    }

    /// Sets the limits of a canary.
    pub fn canary_terms(self, canary_terms: CanaryTerms) -> Self {
        Self {
            canary_terms,
            ..self
        }
    }

    /// Sets the behaviour for a call that fails on a canary. By default the previous plugin takes the call.
    pub fn when_canary_fails(self, when_canary_fails: WhenCanaryFails) -> Self {
        Self {
            when_canary_fails,
            ..self
        }
    }

    /// Sets the clock. By default that of the system.
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Sets the observer, for metrics. By default none.
    pub fn observer(self, observer: Arc<dyn Observer>) -> Self {
        let observer = Some(observer);
        Self { observer, ..self }
    }

    /// Sets the store of the chosen plugins. By default a restart begins with the builder's plugin.
    pub fn rollout_store(self, store: Arc<dyn RolloutStore>) -> Self {
        let rollout_store = Some(store);
        Self {
            rollout_store,
            ..self
        }
    }

    /// Compiles the plugin, which takes some 100 ms, and starts the clock that stops calls which run too long.
    ///
    /// Errors if there is no plugin, or if it does not fit the contract.
    pub fn build(self) -> Result<Host<S, T>, LoadError> {
        let plugin = match self.plugin {
            Some(Source::Loaded(plugin)) => plugin,
            Some(Source::Bytes(component)) => {
                Arc::new(Runtime::new(self.limits)?.load(&component, None)?)
            }
            None => return Err(LoadError::NoPlugin),
        };
        let mut rollout = Rollout::new(plugin, self.canary_terms, self.when_canary_fails);
        if let Some(observer) = self.observer {
            rollout = rollout.observed_by(observer);
        }
        if let Some(store) = self.rollout_store {
            rollout = rollout.kept_by(store);
        }
        Ok(Host::new(
            self.store,
            self.transport,
            self.deployment,
            self.clock,
            rollout,
        ))
    }
}
