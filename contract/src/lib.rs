//! The types of the contract `mdm:password` in Rust and JSON. `wit/types.wit` has their meaning and sources.
//!
//! JSON fields are the contract's words in `snake_case`; the values of enums are its words as they stand
//! (`device-owner`); flags are the list of their names. Times are RFC 3339 in UTC.
//!
//! Features: `component` derives the component model's types, for hosts; `schema` derives OpenAPI schemas, for servers.

mod command;
mod decision;
mod deployment;
mod device;
mod display;
mod flags;
mod outcome;
mod password;
mod plugin;
mod policy;
mod preview;
mod request;
mod situation;
pub mod text;
pub mod text_enum;
pub mod time;

pub use command::{Command, NewCommand};
pub use decision::{AgentTooOld, DeviceStatus, PasswordFault, PolicyState, Refusal, ReportEffect};
pub use deployment::{BadMinimumVersion, Characters, Deployment, MinimumVersion, PasswordRule};
pub use device::{
    AcceptedPasswords, Capabilities, Condition, Device, ManagementMode, Ownership, PolicyOverride,
    TokenState,
};
pub use outcome::{DeviceFailure, DeviceOutcome, Failure, Outcome, Status};
pub use password::PasswordMetrics;
pub use plugin::{PluginDescription, SettingsFault};
pub use policy::{Complexity, Policy, Quality, Requirement};
pub use preview::{DevicePreview, Note, Remedy, Verdict, Wait};
pub use request::{Action, CommandId, Request, Requester, ResetOptions};
pub use situation::Situation;
