//! The load env: simulated fleets on a real host, mixed load for a bounded time, and what came of it.
//! [`fleet`] fills a [`database`], [`agent`] and [`connection`] are who calls, [`mix`] is the load, and [`times`] and
//! [`document`] tell of it.

pub mod agent;
pub mod connection;
pub mod database;
pub mod document;
pub mod fleet;
pub mod mix;
pub mod times;
