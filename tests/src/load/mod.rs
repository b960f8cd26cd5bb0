//! Load tests: simulated fleets on a real server, mixed load for a bounded time, and the results.
//! [`fleet`] fills a [`database`], [`agent`] and [`connection`] are who calls, [`mix`] is the load, and [`times`] and
//! [`document`] tell of it.

pub mod agent;
pub mod connection;
pub mod database;
pub mod document;
pub mod fleet;
pub mod mix;
pub mod times;
