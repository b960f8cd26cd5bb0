//! A host and its agents as processes of their own, driven through the commands that a user types.
//! [`lab`] starts them, [`plugins`] has the plugins for them, [`story`] is what the demo tells, and [`swaps`]
//! swaps the plugin under load. [`memory`] looks through that of a process.

pub mod lab;
pub mod memory;
pub mod plugins;
pub mod story;
pub mod swaps;
