//! What the host says to an agent and to an admin: the [`words`] that all of them use, the messages of
//! [`sync`], the [`decisions`] that an admin is told, the [`sealing`] that keeps a password between the
//! host's memory and the device, and the [`signature`] of each message, by its sender's own key, and of each [`answer`];
//! [`succession`] proves that keys followed on others. [`broker`] is how both reach what tells agents to sync. [`escape`] is how both show what others have written.
//!
//! JSON fields are the contract's words in `snake_case`; the values of enums are its words as they
//! stand (`device-owner`). Times are RFC 3339 in UTC.

pub mod answer;
mod base_mode;
pub mod broker;
pub mod decisions;
pub mod escape;
#[cfg(feature = "log")]
pub mod log_fields;
pub mod sealing;
mod sentences;
pub mod signature;
pub mod signing_key;
pub mod succession;
pub mod sync;
pub mod time;
pub mod word;
pub mod words;
