//! The situation of a call.

use crate::{
    Capabilities, Command, Deployment, Device, PasswordMetrics,
    time::{self, Timestamp},
};
use serde::{Deserialize, Serialize};
#[cfg(feature = "component")]
use wasmtime::component::{ComponentType, Lift, Lower};

/// The input of a call beside its parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(
    feature = "component",
    derive(ComponentType, Lift, Lower),
    component(record)
)]
pub struct Situation {
    /// The device, as of its last sync.
    pub device: Device,
    /// Its pending command.
    pub pending: Option<Command>,
    /// Its latest command.
    pub latest: Option<Command>,
    /// The configuration of the deployment.
    pub deployment: Deployment,
    /// The capabilities of the way to the device.
    pub capabilities: Capabilities,
    /// The device is online.
    pub online: bool,
    /// The time of the call.
    #[serde(with = "time")]
    pub now: Timestamp,
    /// The metrics of the call's password, if it has one.
    pub password: Option<PasswordMetrics>,
}
