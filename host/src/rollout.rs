//! The rollout of plugins: calls run on the active plugin, a new one is a canary first, and a candidate can decide the
//! same calls in the shadow.

use crate::{
    CallContext, Canary, CanaryEnded, CanaryTerms, Comparable, Deployment, Deployments, Function,
    Instance, Limit, Limits, Observer, Plugin, PluginError, ShadowReport, WorkerPool,
    deployments::Slot,
    messages::{MessageSource, Messages},
    plugin_log::PluginLog,
    shadow::Shadow,
    substitute::{Decider, Substitute, WhenCanaryFails},
};
use parking_lot::Mutex;
use std::{pin::Pin, sync::Arc};
use tracing::field::Empty;

/// The platform's store for its choice of plugins.
pub trait RolloutStore: Send + Sync + 'static {
    /// Stores the end of a canary, and then applies it by [`Rollout::put`]. The call that ended the canary waits for
    /// this.
    fn canary_ended<'a>(
        &'a self,
        rollout: &'a Rollout,
        ended: &'a CanaryEnded,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;
}

/// Keeps nothing: a host that starts again begins with the plugin of its builder.
impl RolloutStore for () {
    fn canary_ended<'a>(
        &'a self,
        rollout: &'a Rollout,
        ended: &'a CanaryEnded,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(async {
            if let Some(next) = rollout.deployments().after(ended) {
                rollout.put(next);
            }
        })
    }
}

/// The plugins of a host.
pub struct Rollout {
    slot: Slot,
    when_canary_fails: WhenCanaryFails,
    shadow: Mutex<Option<Arc<Shadow>>>,
    workers: WorkerPool,
    observer: Arc<dyn Observer>,
    log: Arc<PluginLog>,
    store: Arc<dyn RolloutStore>,
}

impl Rollout {
    /// A rollout that begins with this plugin.
    pub fn new(
        plugin: Arc<Plugin>,
        terms: CanaryTerms,
        when_canary_fails: WhenCanaryFails,
    ) -> Self {
        let limits = *plugin.runtime().limits();
        let active = Deployment {
            plugin,
            is_default: true,
            is_promoted: true,
        };
        let deployments = Deployments {
            active,
            previous: None,
        };
        let observer: Arc<dyn Observer> = Arc::new(());
        Self {
            slot: Slot::new(deployments, terms),
            when_canary_fails,
            shadow: Mutex::default(),
            workers: WorkerPool::new(limits.instances),
            log: Arc::new(PluginLog::new(limits.log, Arc::clone(&observer))),
            observer,
            store: Arc::new(()),
        }
    }

    /// Sets the observer of calls.
    pub fn observed_by(self, observer: Arc<dyn Observer>) -> Self {
        let log = self.limits().log;
        Self {
            log: Arc::new(PluginLog::new(log, Arc::clone(&observer))),
            observer,
            ..self
        }
    }

    /// Sets the store of choices.
    pub fn kept_by(self, store: Arc<dyn RolloutStore>) -> Self {
        Self { store, ..self }
    }

    /// The active plugin, and the one before it.
    pub fn deployments(&self) -> Deployments {
        self.slot.deployments()
    }

    /// Puts these plugins in, from the next call on. If the active one is a canary, its calls are counted from zero.
    pub fn put(&self, deployments: Deployments) {
        self.slot.put(deployments);
    }

    /// Makes this plugin the active one, from the next call on. It is a canary: if too many of its first calls fail,
    /// the plugin before it is active again.
    pub fn swap(&self, plugin: Plugin) {
        let new = Deployment {
            plugin: Arc::new(plugin),
            is_default: false,
            is_promoted: false,
        };
        self.put(self.deployments().with(new));
    }

    /// Makes the previous plugin active again. Returns `false` if there is none.
    pub fn roll_back(&self) -> bool {
        let previous = self.deployments().rolled_back();
        let is_any = previous.is_some();
        if let Some(previous) = previous {
            self.put(previous);
        }
        is_any
    }

    /// The number of calls that the canary has decided. `None` if the active plugin is not a canary.
    pub fn canary(&self) -> Option<Canary> {
        self.slot.canary()
    }

    /// The limits of a canary.
    pub fn canary_terms(&self) -> CanaryTerms {
        self.slot.terms()
    }

    /// Lets a candidate decide the same calls as the active plugin, without effect. One that was in the shadow before
    /// is dropped.
    pub fn start_shadow(&self, candidate: Plugin) -> ShadowReport {
        let shadow = Arc::new(Shadow::new(candidate));
        let report = shadow.report();
        *self.shadow.lock() = Some(shadow);
        report
    }

    /// The comparisons of the candidate in the shadow so far; `None` if there is none.
    pub fn shadow(&self) -> Option<ShadowReport> {
        self.shadow.lock().as_ref().map(|it| it.report())
    }

    /// Drops the candidate, and returns its comparisons; `None` if there is none.
    pub fn stop_shadow(&self) -> Option<ShadowReport> {
        self.shadow.lock().take().map(|it| it.report())
    }

    /// The limits of a call.
    pub fn limits(&self) -> Limits {
        *self.deployments().active.plugin.runtime().limits()
    }

    /// The log of failures, which is limited.
    pub fn log(&self) -> &PluginLog {
        &self.log
    }

    /// Runs a call on the active plugin, and says which plugin decided. If the active one is a canary and fails, the
    /// plugin before it takes the call, unless the operator wants such calls to fail.
    pub(crate) async fn run<T: Comparable + Send + 'static>(
        &self,
        function: Function,
        context: CallContext,
        call: impl Fn(&mut Instance, CallContext) -> Result<T, PluginError> + Clone + Send + 'static,
    ) -> Result<(T, Decider), PluginError> {
        let deployments = self.deployments();
        let shadow = self.shadow.lock().clone();
        let substitute = match self.when_canary_fails {
            WhenCanaryFails::Previous => deployments.substitute(),
            WhenCanaryFails::Refuse => None,
        };
        let is_repeated = substitute.is_some() || shadow.is_some();
        let spare = is_repeated.then(|| context.clone());
        let active = deployments.active.plugin;
        let mut decided = match active.admits(function) {
            true => self.run_on(&active, function, context, call.clone()).await,
            false => {
                let out = PluginError::BreakerOpen(function);
                self.observer.not_run(function, &out);
                Err(out)
            }
        };
        let failure = decided.as_ref().err();
        if let Some(end) = self.slot.note(&active, function, failure) {
            let ended = CanaryEnded {
                plugin: Arc::clone(&active),
                end,
                failure: failure.map(ToString::to_string),
            };
            self.store.canary_ended(self, &ended).await;
        }
        let is_substituted = |failure: &&PluginError| {
            failure.is_the_plugins_fault() || matches!(failure, PluginError::BreakerOpen(_))
        };
        let mut decider = Decider {
            plugin: active.digest(),
            substitute: None,
        };
        if let (Some(failure), Some(substitute), Some(spare)) =
            (failure.filter(is_substituted), substitute, &spare)
        {
            let (device, by) = (spare.situation.device.id.clone(), substitute.digest());
            let substituted = Substitute::new(function, active.digest(), by.clone(), failure);
            decided = self
                .run_on(&substitute, function, spare.clone(), call.clone())
                .await;
            if decided.is_ok() {
                self.log.substituted(&device, &substituted);
            }
            decider = Decider {
                plugin: by,
                substitute: Some(substituted),
            };
        }
        let returned = decided?;
        if let (Some(shadow), Some(spare)) = (shadow, spare) {
            shadow.compare(function, &returned, spare, call);
        }
        Ok((returned, decider))
    }

    async fn run_on<T: Send + 'static>(
        &self,
        plugin: &Arc<Plugin>,
        function: Function,
        context: CallContext,
        call: impl Fn(&mut Instance, CallContext) -> Result<T, PluginError> + Send + 'static,
    ) -> Result<T, PluginError> {
        let (observer, log) = (Arc::clone(&self.observer), Arc::clone(&self.log));
        let plugin = Arc::clone(plugin);
        let span = tracing::debug_span!(
            "plugin call",
            %function,
            plugin = plugin.digest(),
            device = context.situation.device.id,
            outcome = Empty
        );
        let waits = || {
            self.observer.limit_reached(Limit::Instances);
            Gauge::new(Arc::clone(&self.observer), <dyn Observer>::waiting)
        };
        let running = self.workers.run(waits, move || {
            let _running = Gauge::new(Arc::clone(&observer), <dyn Observer>::running);
            let span = span.entered();
            let device = context.situation.device.id.clone();
            let command = context.subject.as_ref().map(|it| it.id.clone());
            let at = context.situation.now;
            let start = std::time::Instant::now();
            let mut backtrace = None;
            let mut messages = Messages::default();
            let decided = plugin.instance().and_then(|mut instance| {
                let decided = call(&mut instance, context);
                backtrace = instance.take_backtrace();
                messages = instance.take_messages();
                decided
            });
            let source = MessageSource {
                at,
                function,
                device: &device,
                command: command.as_deref(),
            };
            log.messages(&plugin, &source, messages);
            let failure = decided.as_ref().err();
            let time = start.elapsed();
            observer.ended(function, failure, time);
            span.record("outcome", failure.map_or("decided", PluginError::kind));
            tracing::debug!(?time, "ended");
            if let Some(transition) = plugin.note_call(function, &device, failure, time) {
                observer.breaker(function, transition);
                tracing::error!(plugin = plugin.digest(), %function, ?transition, "circuit breaker");
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
            self.observer.not_run(function, &failure);
            Err(failure)
        })
    }
}

/// A gauge guard: reports `1` to the observer now, and `-1` when it is dropped.
struct Gauge {
    observer: Arc<dyn Observer>,
    change: fn(&dyn Observer, i64),
}

impl Gauge {
    fn new(observer: Arc<dyn Observer>, change: fn(&dyn Observer, i64)) -> Self {
        change(&*observer, 1);
        Self { observer, change }
    }
}

impl Drop for Gauge {
    fn drop(&mut self) {
        (self.change)(&*self.observer, -1);
    }
}
