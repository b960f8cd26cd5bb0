//! The agent on the simulated device, under random actions of the user and power cuts: a command is applied at most
//! once, has one outcome, and leaves the device with its policy. The agent's preflight agrees with Android's answer.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod phone;
mod power_cuts;
mod properties;
mod rules;
