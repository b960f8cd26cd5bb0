//! Commands to devices.

use crate::{
    Action, CommandId, DeviceOutcome, ResetOptions, Status,
    time::{self, Timestamp},
};
use serde::{Deserialize, Serialize};
#[cfg(feature = "component")]
use wasmtime::component::{ComponentType, Lift, Lower};

/// One order to one device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "component",
    derive(ComponentType, Lift, Lower),
    component(record)
)]
pub struct Command {
    /// Its id.
    pub id: CommandId,
    /// The action.
    pub action: Action,
    /// The options of a reset.
    pub options: ResetOptions,
    /// It leaves `pending` once.
    pub status: Status,
    /// When an admin asked for it.
    #[serde(with = "time")]
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    #[cfg_attr(feature = "component", component(name = "requested-at"))]
    pub requested_at: Timestamp,
    /// When its status left `pending`.
    #[serde(with = "time::option", default)]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime))]
    #[cfg_attr(feature = "component", component(name = "completed-at"))]
    pub completed_at: Option<Timestamp>,
    /// When its time is over.
    #[serde(with = "time::option", default)]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime))]
    #[cfg_attr(feature = "component", component(name = "expires-at"))]
    pub expires_at: Option<Timestamp>,
    /// The outcome that the device reported after the command had been completed otherwise.
    #[serde(default)]
    #[cfg_attr(feature = "component", component(name = "late-outcome"))]
    pub late_outcome: Option<DeviceOutcome>,
}

/// A command that a plugin sends.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "component",
    derive(ComponentType, Lift, Lower),
    component(record)
)]
pub struct NewCommand {
    /// The action.
    pub action: Action,
    /// The options of a reset.
    pub options: ResetOptions,
    /// When its time is over.
    #[cfg_attr(feature = "component", component(name = "expires-at"))]
    pub expires_at: Option<Timestamp>,
}
