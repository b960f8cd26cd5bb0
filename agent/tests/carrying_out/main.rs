//! Whatever the user does and whenever the power is cut: a command is applied at most once, has one
//! outcome, and leaves the device with the policy that it should have. And what the agent checks before is
//! what Android answers.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod phone;
mod power_cuts;
mod properties;
mod rules;
