//! Shared by the targets: a host in this process that is called as strangers call it, over a store that asserts the
//! design's laws.

// A panic is how a fuzz target reports.
#![allow(clippy::expect_used)]

mod host;
mod situation;
mod store;

pub use host::{Answer, Host};
pub use situation::{COMPLETED, DEVICE, GROUP, PENDING, SIGNING_KEY, Situation};
pub use store::OneDevice;

/// A plugin that hands its host whatever bytes its device's group has, one in each character.
pub const GUEST: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/mdm-fuzz-guest.wasm"));
