//! The agent of a managed device, and the simulated Android device behind it.
//!
//! [`device`] is the device: what its user, another admin and Android itself do. It answers the agent as Android's
//! `DevicePolicyManager` does, with a bare yes or no. The rest is the agent: [`sync`] exchanges signed [`call`]s with
//! the host, [`apply`] carries commands out, and `wake_up` subscribes to wake-ups. State that must survive a power cut
//! is in [`durable`] files.

pub mod apply;
mod backoff;
pub mod call;
pub mod cli;
pub mod device;
pub mod durable;
pub mod enroll;
pub mod error;
pub mod keys;
pub mod preflight;
pub mod rotation;
pub mod show;
pub mod state;
pub mod sync;
pub mod token;
mod wake_up;
