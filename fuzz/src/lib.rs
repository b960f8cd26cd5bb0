//! Shared by the targets: a server in this process, over a store that asserts the design's laws.

// A fuzz target reports by a panic.
#![allow(clippy::expect_used)]

mod host;
mod situation;
mod store;

pub use host::{Answer, Host};
pub use situation::{COMPLETED, DEVICE, GROUP, PENDING, SIGNING_KEY, Situation};
pub use store::OneDevice;

/// A plugin that passes raw bytes to its host: those in its device's group, one per character.
pub const GUEST: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/mdm-fuzz-guest.wasm"));
