//! Metrics of HTTP: responses, connections and refusals.

use super::gauge;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};
use std::time::Duration;

/// In seconds: a page takes milliseconds, a waiting sync up to a minute.
const BUCKETS: [f64; 12] = [
    1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 250e-3, 1.0, 5.0, 30.0, 90.0,
];

/// `route` is the template, so that its values stay few.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResponseLabels {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refused {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RateLimited {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reached {
    limit: &'static str,
}

/// HTTP metrics.
pub struct HttpMetrics {
    answers: Family<ResponseLabels, Counter>,
    seconds: Family<Of, Histogram>,
    agents_refused: Family<Refused, Counter>,
    admins_refused: Family<Refused, Counter>,
    rate_limited: Family<RateLimited, Counter>,
    limits: Family<Reached, Counter>,
    /// Open connections.
    pub connections: Gauge,
}

/// Kind of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// An agent.
    Agent,
    /// An admin.
    Admin,
}

impl HttpMetrics {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let answers = Family::default();
        let seconds =
            Family::new_with_constructor((|| Histogram::new(BUCKETS)) as fn() -> Histogram);
        let agents_refused = Family::default();
        let admins_refused = Family::default();
        let rate_limited = Family::default();
        let limits = Family::default();
        let help = "Answers to calls by HTTP";
        registry.register("http_requests", help, Family::clone(&answers));
        let help = "How long calls by HTTP took until their answer began";
        registry.register_with_unit("http_request", help, Unit::Seconds, Family::clone(&seconds));
        let help = "Calls of agents that were refused";
        registry.register("agent_refused", help, Family::clone(&agents_refused));
        let help = "Calls of admins that were refused";
        registry.register("admin_refused", help, Family::clone(&admins_refused));
        let help = "Calls that came too soon after others";
        registry.register("rate_limited", help, Family::clone(&rate_limited));
        let help = "How often a connection reached a limit";
        registry.register("connection_limit_reached", help, Family::clone(&limits));
        Self {
            answers,
            seconds,
            agents_refused,
            admins_refused,
            rate_limited,
            limits,
            connections: gauge(registry, "connections", "Connections that are open"),
        }
    }

    /// Counts a response, with its duration.
    pub fn answered(&self, method: &'static str, route: &str, status: u16, took: Duration) {
        let of = Of {
            route: route.to_owned(),
        };
        let seconds = self.seconds.get_or_create(&of);
        seconds.observe(took.as_secs_f64());
        drop(seconds);
        let answer = ResponseLabels {
            method,
            route: route.to_owned(),
            status,
        };
        self.answers.get_or_create(&answer).inc();
    }

    /// Counts a refused request.
    pub fn refused(&self, caller: Caller, reason: &'static str) {
        let refused = match caller {
            Caller::Agent => &self.agents_refused,
            Caller::Admin => &self.admins_refused,
        };
        refused.get_or_create(&Refused { reason }).inc();
    }

    /// Counter of requests over the rate limit of this kind, `address` or `device`.
    pub fn rate_limited(&self, kind: &'static str) -> Counter {
        self.rate_limited.get_or_create_owned(&RateLimited { kind })
    }

    /// Counter of connections that reached this limit.
    pub fn limit(&self, limit: &'static str) -> Counter {
        self.limits.get_or_create_owned(&Reached { limit })
    }
}
