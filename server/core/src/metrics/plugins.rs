//! Metrics of plugin calls and of their limits.

use super::gauge;
use mdm_password_host::{BreakerTransition, Function, Invariant, Limit, PluginError};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};
use std::time::Duration;

/// In seconds: the reference plugin takes tens of microseconds; the limit for a plugin can be ten seconds.
const BUCKETS: [f64; 14] = [
    10e-6, 25e-6, 50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 50e-3, 100e-3, 1.0,
    10.0,
];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Call {
    function: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    function: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reached {
    limit: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Broken {
    invariant: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Transition {
    function: &'static str,
    to: &'static str,
}

/// Plugin metrics.
pub struct PluginMetrics {
    calls: Family<Call, Counter>,
    /// Cached handles for successful calls, one for each function.
    usual: [(Counter, Histogram); Function::ALL.len()],
    limits: [Counter; Limit::ALL.len()],
    invariants: [Counter; Invariant::ALL.len()],
    transitions: Family<Transition, Counter>,
    open_breakers: Family<Of, Gauge>,
    /// Calls that wait for a free worker.
    pub waiting: Gauge,
    /// Calls that run.
    pub running: Gauge,
}

impl PluginMetrics {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let calls = Family::<Call, Counter>::default();
        let seconds = Family::<Of, Histogram>::new_with_constructor(|| Histogram::new(BUCKETS));
        let limits = Family::<Reached, Counter>::default();
        let invariants = Family::<Broken, Counter>::default();
        let transitions = Family::<Transition, Counter>::default();
        for function in Function::ALL {
            for to in [BreakerTransition::Opened, BreakerTransition::Closed] {
                drop(transitions.get_or_create(&transition(function, to)));
            }
        }
        let open_breakers = Family::default();
        let help = "Calls of the plugin that decides, by what came of them";
        registry.register("calls", help, calls.clone());
        let help = "How long calls of plugins ran, without the wait for a place";
        registry.register_with_unit("call", help, Unit::Seconds, seconds.clone());
        let help = "How often a plugin reached a limit";
        registry.register("limit_reached", help, limits.clone());
        let help = "How often a plugin broke an invariant";
        registry.register("invariants_broken", help, invariants.clone());
        let help = "Transitions of the circuit breakers of a plugin";
        registry.register("breaker_changes", help, Family::clone(&transitions));
        let help = "1 if the circuit breaker of a function of the active plugin is open";
        registry.register("breaker_open", help, Family::clone(&open_breakers));
        Self {
            usual: Function::ALL.map(|function| {
                let function = function.as_str();
                let decided = Call {
                    function,
                    outcome: "decided",
                };
                (
                    calls.get_or_create_owned(&decided),
                    seconds.get_or_create_owned(&Of { function }),
                )
            }),
            limits: Limit::ALL.map(|limit| {
                limits.get_or_create_owned(&Reached {
                    limit: limit.as_str(),
                })
            }),
            invariants: Invariant::ALL.map(|invariant| {
                invariants.get_or_create_owned(&Broken {
                    invariant: invariant.as_str(),
                })
            }),
            calls,
            transitions,
            open_breakers,
            waiting: gauge(
                registry,
                "calls_waiting",
                "Calls that wait for a place to run in",
            ),
            running: gauge(registry, "calls_running", "Calls that run now"),
        }
    }

    /// Counts a call that has run.
    pub fn ended(&self, function: Function, failure: Option<&PluginError>, took: Duration) {
        let (decided, seconds) = &self.usual[function as usize];
        seconds.observe(took.as_secs_f64());
        match failure {
            None => drop(decided.inc()),
            Some(failure) => self.failed(function, failure),
        }
    }

    /// Counts a call that failed or was not made.
    pub fn failed(&self, function: Function, failure: &PluginError) {
        let call = Call {
            function: function.as_str(),
            outcome: failure.kind(),
        };
        self.calls.get_or_create(&call).inc();
        if let Some(limit) = failure.limit() {
            self.reached(limit);
        }
        if let Some(invariant) = failure.invariant() {
            self.invariants[invariant as usize].inc();
        }
    }

    /// Counts that a plugin reached a limit.
    pub fn reached(&self, limit: Limit) {
        self.limits[limit as usize].inc();
    }

    /// Counts a transition of a function's circuit breaker.
    pub fn breaker(&self, function: Function, to: BreakerTransition) {
        self.transitions
            .get_or_create(&transition(function, to))
            .inc();
    }

    /// Sets the functions of the active plugin whose circuit breaker is open.
    pub fn set_open(&self, is_out: impl Fn(&str) -> bool) {
        for function in Function::ALL.map(Function::as_str) {
            self.open_breakers
                .get_or_create(&Of { function })
                .set(i64::from(is_out(function)));
        }
    }
}

fn transition(function: Function, to: BreakerTransition) -> Transition {
    Transition {
        function: function.as_str(),
        to: match to {
            BreakerTransition::Opened => "out-of-service",
            BreakerTransition::Closed => "in-service",
        },
    }
}
