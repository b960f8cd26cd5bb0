//! What becomes of commands.

use super::gauge;
use crate::change::Change;
use mdm_contract::{
    decisions::Command,
    words::{Action, Outcome},
};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Requested {
    action: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Settled {
    action: &'static str,
    outcome: &'static str,
}

/// What is counted of commands.
pub struct CommandMetrics {
    requested: Family<Requested, Counter>,
    settled: Family<Settled, Counter>,
    /// Commands without an outcome yet, when the metrics were last read.
    pub pending: Gauge,
    /// How long the oldest of them has been pending, in seconds; 0: there is none.
    pub oldest_pending: Gauge,
}

/// What a commit is going to change of commands.
#[derive(Default)]
pub struct Tally {
    requested: Vec<Requested>,
    settled: Vec<Settled>,
}

impl Tally {
    /// Of these changes, to a device whose commands the call knew.
    pub fn of<'a>(changes: &'a [Change], known: impl Iterator<Item = &'a Command> + Clone) -> Self {
        let mut tally = Self::default();
        let sent = changes.iter().filter_map(|change| match change {
            Change::Send { command, .. } => Some(command),
            _ => None,
        });
        for change in changes {
            match change {
                Change::Send { command, .. } => tally.requested.push(Requested {
                    action: command.action.word(),
                }),
                Change::Settle { command, outcome } => {
                    let mut all = known.clone().chain(sent.clone());
                    let action = all.find(|it| it.id == *command).map(|it| it.action);
                    tally.settled.push(Settled {
                        action: action.map_or("unknown", Action::word),
                        outcome: match outcome {
                            Outcome::Success => "success",
                            Outcome::Failed(failure) => failure.word(),
                        },
                    });
                }
                _ => {}
            }
        }
        tally
    }
}

impl CommandMetrics {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let requested = Family::default();
        let settled = Family::default();
        let help = "Commands that were made";
        registry.register("commands_requested", help, Family::clone(&requested));
        let help = "Commands that got their outcome: success, the reason of a failure, or cancelled, expired or superseded";
        registry.register("commands_settled", help, Family::clone(&settled));
        let oldest_pending = Gauge::default();
        let help = "How long the oldest command without an outcome has been pending";
        let unit = Unit::Seconds;
        registry.register_with_unit(
            "commands_oldest_pending",
            help,
            unit,
            Gauge::clone(&oldest_pending),
        );
        Self {
            requested,
            settled,
            oldest_pending,
            pending: gauge(
                registry,
                "commands_pending",
                "Commands without an outcome yet",
            ),
        }
    }

    /// The changes were committed.
    pub fn committed(&self, tally: Tally) {
        for requested in &tally.requested {
            self.requested.get_or_create(requested).inc();
        }
        for settled in &tally.settled {
            self.settled.get_or_create(settled).inc();
        }
    }
}
