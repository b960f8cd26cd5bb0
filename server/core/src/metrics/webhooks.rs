//! Metrics of webhooks.

use crate::store::AttemptResult;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    result: &'static str,
}

/// Webhook metrics.
pub struct WebhookMetrics {
    attempts: [Counter; AttemptResult::ALL.len()],
}

impl WebhookMetrics {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let attempts = Family::<Ended, Counter>::default();
        let help = "Attempts to deliver an event to a webhook, by what came of them";
        registry.register("attempts", help, attempts.clone());
        Self {
            attempts: AttemptResult::ALL.map(|result| {
                attempts.get_or_create_owned(&Ended {
                    result: result.as_str(),
                })
            }),
        }
    }

    /// Counts an attempt with this result.
    pub fn ended(&self, result: AttemptResult) {
        self.attempts[result as usize].inc();
    }
}
