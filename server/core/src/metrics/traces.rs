//! Metrics of the export of traces.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    result: &'static str,
}

/// Trace export metrics.
#[derive(Clone, Debug)]
pub struct TraceMetrics {
    /// Exports that the collector accepted.
    pub taken: Counter,
    /// Failed or rejected exports, whose spans are lost.
    pub failed: Counter,
}

impl TraceMetrics {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let exports = Family::<Ended, Counter>::default();
        let help = "Exports of spans to the collector of traces, by what came of them";
        registry.register("exports", help, exports.clone());
        let of = |result| exports.get_or_create_owned(&Ended { result });
        Self {
            taken: of("taken"),
            failed: of("failed"),
        }
    }
}
