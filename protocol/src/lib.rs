//! The agent protocol: the messages of [`sync`], the [`sealing`] that keeps a password between the server's memory and
//! the device, the [`signature`] of each message by its sender's own key, and of each [`answer`]; [`succession`] proves
//! the order of a device's keys. With the feature `mqtt`, [`broker`] connects to the broker of the wake-ups.

pub mod answer;
mod base_mode;
#[cfg(feature = "mqtt")]
pub mod broker;
pub mod sealing;
pub mod signature;
pub mod signing_key;
pub mod succession;
pub mod sync;
