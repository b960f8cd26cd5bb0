//! The progress of a bulk, and its failures.

use mdm_contract::Status;
use serde::{Deserialize, Serialize};

/// The columns of a bulk's progress, over its commands; `commands` is how many there are. Statuses are JSON.
pub const PROGRESS: &str = r#"count(*) as commands,
    count(*) filter (where status = '"pending"') as pending,
    count(*) filter (where status = '"success"') as success,
    count(*) filter (where status = '{"failed":"cancelled"}') as cancelled,
    count(*) filter (where status = '{"failed":"expired"}') as expired,
    count(*) filter (where status like '{"failed":{"superseded":%') as superseded"#;

/// The group of a failure, in SQL: the id in `superseded` differs from device to device.
pub const WHY: &str =
    r#"case when status like '{"failed":{"superseded":%' then 'superseded' else status end"#;

/// The progress of a bulk: numbers of devices. Devices without a command yet are in none of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BulkProgress {
    /// The command has no outcome yet.
    pub pending: u64,
    /// That carried their command out.
    pub success: u64,
    /// That could not carry their command out.
    pub failed: u64,
    /// The command was cancelled.
    pub cancelled: u64,
    /// The command has expired.
    pub expired: u64,
    /// The command was replaced by a later one.
    pub superseded: u64,
    /// That get no command: it was refused.
    pub refused: u64,
}

/// The reason why a device has no command of a bulk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DeviceError {
    /// Which problem, in a word.
    #[serde(rename = "type")]
    pub kind: String,
    /// A sentence for people: what happened, and what to do next.
    pub detail: String,
}

/// The number of devices on which a bulk failed for the same reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BulkFailures {
    /// The outcome of their commands, or why they have none.
    pub why: Result<Status, DeviceError>,
    /// The number of devices.
    pub devices: u64,
}

impl BulkProgress {
    /// Adds the failed commands: those of this total that have no other count.
    pub fn of_commands(self, commands: u64) -> Self {
        let counted = self.answered() - self.refused;
        Self {
            failed: commands.saturating_sub(counted),
            ..self
        }
    }

    /// Devices with a command, or with a reason why they get none.
    pub fn answered(&self) -> u64 {
        self.pending + self.completed()
    }

    /// Finished devices: their command has its outcome, or they get none.
    pub fn completed(&self) -> u64 {
        let ended = self.cancelled + self.expired + self.superseded;
        self.success + self.failed + ended + self.refused
    }
}
