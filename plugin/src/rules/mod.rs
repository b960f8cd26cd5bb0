//! The rules of the feature, as pure functions.

mod answer;
mod outcome;
mod password;
mod policy;
mod preview;
mod request;
mod version;

pub use answer::{Answer, answer};
pub use outcome::{
    EXPIRED, OverrideChange, cancel, expire, override_change, report_effect, reported,
    superseded_by,
};
pub use password::{effective_rule, faults, strongest};
pub use policy::{asks_for_password, is_met, policy_state, remove_offered};
pub use preview::preview;
pub use request::{Ending, Sending, remove, reset};
pub use version::check_agent;

/// The contract's types, which are plain data.
pub use crate::bindings::mdm::password::types;

#[cfg(test)]
pub(crate) mod samples;
