//! A host and its agents as processes of their own, driven through the commands that a user types.
//! [`lab`] starts them, [`plugins`] has the plugins for them, [`story`] is what the demo tells, and [`swaps`]
//! swaps the plugin under load; [`load`] is the load env. [`memory`] measures that of a process and looks through it,
//! [`processor`] how much it makes the processors work, [`counted`] reads what a host has counted. [`frozen`] stops processes for a while.
//! [`as_agent`] speaks
//! for an agent, and [`device_info`] is what one tells; [`stranger`] stands between it and its host. [`debian`] finds programs of others: [`broker`] and [`postgres`] start two. [`browser`] looks at the dashboard: [`scene`] is a
//! fleet to look at, and [`pages`] are the pages. [`schemathesis`] holds the API against its document.
//! [`faults`] breaks all of it under load, by [`proxy`] and [`preload`], too, and the [`checker`] decides what may come of that.

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
