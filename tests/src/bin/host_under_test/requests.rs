//! The requests of the kit: `conformance/hosts/README.md`.

use mdm_contract::{
    Action, Capabilities, Command, CommandId, Deployment, Device, DeviceOutcome, Request,
    time::{self, Timestamp},
};
use serde::Deserialize;
use std::path::PathBuf;

/// A request.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum KitRequest {
    /// Asks for the name of the host.
    Start {},
    /// Loads a component.
    Use {
        component: PathBuf,
        settings: Option<String>,
    },
    /// Replaces the content of the store.
    Situation(Box<Content>),
    /// Makes a call.
    Call(Box<KitCall>),
    /// Reads the store.
    State {},
}

/// The content of a store with one device.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Content {
    pub(crate) device: Device,
    pub(crate) commands: Vec<Command>,
    pub(crate) deployment: Deployment,
    pub(crate) capabilities: Capabilities,
    pub(crate) online: bool,
    #[serde(with = "time")]
    pub(crate) now: Timestamp,
}

/// A call, and the content that another writer commits meanwhile.
#[derive(Deserialize)]
pub(crate) struct KitCall {
    #[serde(flatten)]
    pub(crate) function: KitFunction,
    pub(crate) meanwhile: Option<Content>,
}

/// A function of the contract with its parameters.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum KitFunction {
    Reset {
        request: Request,
        password: String,
    },
    Remove {
        request: Request,
    },
    Preview {
        action: Action,
        request: Request,
        password: Option<String>,
    },
    Status {},
    PolicyOverride {},
    Report {
        command: CommandId,
        outcome: DeviceOutcome,
    },
    Cancel {
        command: CommandId,
    },
    Expire {
        command: CommandId,
    },
}
