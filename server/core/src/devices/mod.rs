//! Devices as admins see and manage them.

mod administration;
mod fleet;

pub use administration::{Devices, EnrollmentToken};
pub use fleet::DevicePage;
