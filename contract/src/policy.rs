//! Policies: the password rules that an admin applied to a device.

use crate::text_enum::contract_enum;
use serde::{Deserialize, Serialize};
#[cfg(feature = "component")]
use wasmtime::component::{ComponentType, Lift, Lower};

contract_enum! {
    /// Android's classes of password quality, weakest first.
    Quality {
        /// Any password, or none.
        Unspecified = "unspecified",
        /// Any password.
        Something = "something",
        /// At least digits.
        Numeric = "numeric",
        /// Digits without a repeating or ordered sequence longer than 3.
        NumericComplex = "numeric-complex",
        /// At least one letter.
        Alphabetic = "alphabetic",
        /// At least one letter and one digit.
        Alphanumeric = "alphanumeric",
        /// At least a letter, a digit and a symbol.
        Complex = "complex",
    }
}

impl Quality {
    /// Returns `true` if a minimum length counts beside it: `DevicePolicyManager.setPasswordMinimumLength` is imposed
    /// from `numeric` upward only.
    pub fn heeds_minimum_length(self) -> bool {
        self >= Self::Numeric
    }
}

contract_enum! {
    /// Android's classes of password complexity (API 31 and later), weakest first.
    Complexity {
        /// No requirement.
        None = "none",
        /// Any PIN, pattern or password.
        Low = "low",
        /// A PIN of 4 or more without sequences; or letters, of 4 or more.
        Medium = "medium",
        /// A PIN of 8 or more without sequences; or letters, of 6 or more.
        High = "high",
    }
}

/// The requirement of a policy on a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "component",
    derive(ComponentType, Lift, Lower),
    component(variant)
)]
pub enum Requirement {
    /// A quality; it clears a complexity.
    #[cfg_attr(feature = "component", component(name = "quality"))]
    Quality(Quality),
    /// A complexity; it clears a quality.
    #[cfg_attr(feature = "component", component(name = "complexity"))]
    Complexity(Complexity),
}

/// The password rules that an admin applied to a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "component",
    derive(ComponentType, Lift, Lower),
    component(record)
)]
pub struct Policy {
    /// A quality or a complexity.
    pub requirement: Requirement,
    /// In characters; 0 asks nothing.
    #[serde(default)]
    #[cfg_attr(feature = "component", component(name = "minimum-length"))]
    pub minimum_length: u32,
}

impl Policy {
    /// The greatest minimum length that Android accepts (`DevicePolicyManager.getPasswordMaximumLength`).
    pub const MAX_MINIMUM_LENGTH: u32 = 16;

    /// Returns `true` if it requires a password.
    pub fn asks_for_password(&self) -> bool {
        match self.requirement {
            Requirement::Quality(quality) => quality != Quality::Unspecified,
            Requirement::Complexity(complexity) => complexity != Complexity::None,
        }
    }
}
