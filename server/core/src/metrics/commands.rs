//! Metrics of commands.

use super::gauge;
use crate::change::Change;
use mdm_contract::{Action, Command, Outcome};
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
struct Completed {
    action: &'static str,
    outcome: &'static str,
}

/// Command metrics.
pub struct CommandMetrics {
    requested: Family<Requested, Counter>,
    completed: Family<Completed, Counter>,
    /// Commands without an outcome, as of the last read of the metrics.
    pub pending: Gauge,
    /// Age of the oldest pending command, in seconds; 0 if there is none.
    pub oldest_pending: Gauge,
}

/// Command counts that a commit will change.
#[derive(Default)]
pub struct CommandCounts {
    requested: Vec<Requested>,
    completed: Vec<Completed>,
}

impl CommandCounts {
    /// Counts of these changes to a device with these known commands.
    pub fn of<'a>(changes: &'a [Change], known: impl Iterator<Item = &'a Command> + Clone) -> Self {
        let mut counts = Self::default();
        let sent = changes.iter().filter_map(|change| match change {
            Change::Send { command, .. } => Some(command),
            _ => None,
        });
        for change in changes {
            match change {
                Change::Send { command, .. } => counts.requested.push(Requested {
                    action: command.action.as_str(),
                }),
                Change::Complete { command, outcome } => {
                    let mut all = known.clone().chain(sent.clone());
                    let action = all.find(|it| it.id == *command).map(|it| it.action);
                    counts.completed.push(Completed {
                        action: action.map_or("unknown", Action::as_str),
                        outcome: match outcome {
                            Outcome::Success => "success",
                            Outcome::Failed(failure) => failure.as_str(),
                        },
                    });
                }
                _ => {}
            }
        }
        counts
    }
}

impl CommandMetrics {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let requested = Family::default();
        let completed = Family::default();
        let help = "Commands that were made";
        registry.register("commands_requested", help, Family::clone(&requested));
        let help = "Commands that got their outcome: success, the reason of a failure, or cancelled, expired or superseded";
        registry.register("commands_completed", help, Family::clone(&completed));
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
            completed,
            oldest_pending,
            pending: gauge(
                registry,
                "commands_pending",
                "Commands without an outcome yet",
            ),
        }
    }

    /// Adds the counts after the commit.
    pub fn committed(&self, counts: CommandCounts) {
        for requested in &counts.requested {
            self.requested.get_or_create(requested).inc();
        }
        for completed in &counts.completed {
            self.completed.get_or_create(completed).inc();
        }
    }
}
