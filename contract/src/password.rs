//! The metrics of a password.

use serde::{Deserialize, Serialize};
#[cfg(feature = "component")]
use wasmtime::component::{ComponentType, Lift, Lower};

/// The metrics of a password. A plugin learns nothing else of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "component",
    derive(ComponentType, Lift, Lower),
    component(record)
)]
pub struct PasswordMetrics {
    /// In characters (Unicode scalar values).
    pub length: u32,
    /// The number of digits 0–9.
    pub digits: u32,
    /// The number of letters a–z.
    #[cfg_attr(feature = "component", component(name = "lower-case"))]
    pub lower_case: u32,
    /// The number of letters A–Z.
    #[cfg_attr(feature = "component", component(name = "upper-case"))]
    pub upper_case: u32,
    /// The number of other printable ASCII characters.
    pub symbols: u32,
    /// The number of other characters.
    pub others: u32,
    /// The length of the longest sequence, as Android measures it: 4 for 1111, 1234 and 2468.
    #[cfg_attr(feature = "component", component(name = "longest-sequence"))]
    pub longest_sequence: u32,
    /// The length of the longest run of one character.
    #[cfg_attr(feature = "component", component(name = "longest-repeat"))]
    pub longest_repeat: u32,
    /// The number of different characters.
    pub distinct: u32,
}
