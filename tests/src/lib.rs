//! A server and its agents as processes, driven by the commands that a user types.
//!
//! - [`test_environment`] starts them, [`story`] is the demo, [`plugins`] has plugins for them, [`swaps`] swaps
//!   plugins under
//!   load, and [`load`] is the load test.
//! - [`as_agent`] and [`device_info`] play an agent; [`stranger`] stands between an agent and its server.
//! - [`broker`] and [`postgres`] start programs that [`debian`] finds.
//! - [`browser`] drives the dashboard: [`scene`] is a fleet to look at, [`pages`] are the pages.
//! - [`schemathesis`] holds the API against its document.
//! - [`faults`] injects faults under load, also by [`proxy`] and [`preload`]; [`checker`] judges the history.
//! - [`memory`], [`processor`] and [`counted`] read memory, processor time and metrics; [`frozen`] stops processes
//!   for a while.

pub mod as_agent;
pub mod broker;
pub mod browser;
pub mod checker;
pub mod counted;
pub mod debian;
pub mod device_info;
pub mod faults;
pub mod frozen;
pub mod load;
pub mod memory;
pub mod pages;
pub mod plugins;
pub mod postgres;
pub mod preload;
pub mod processor;
pub mod proxy;
pub mod scene;
pub mod schemathesis;
pub mod story;
pub mod stranger;
pub mod swaps;
pub mod test_environment;
