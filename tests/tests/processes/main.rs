//! The programs as a user runs them: real processes, real HTTP, a real database.

mod answers;
mod bad_input;
mod power_cuts;
mod secrets;
