//! The deployment: the operator's configuration of the feature.

use crate::{AcceptedPasswords, text_enum::contract_enum};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
#[cfg(feature = "component")]
use wasmtime::component::{ComponentType, Lift, Lower};

contract_enum! {
    /// The characters that a password rule asks for.
    Characters {
        /// Digits 0–9 and nothing else.
        Digits = "digits",
        /// At least one letter and one digit; symbols are allowed.
        Alphanumeric = "alphanumeric",
    }
}

/// A rule for passwords that are set from the dashboard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "component",
    derive(ComponentType, Lift, Lower),
    component(record)
)]
pub struct PasswordRule {
    /// The allowed or required characters.
    pub characters: Characters,
    /// In characters (Unicode scalar values).
    #[cfg_attr(feature = "component", component(name = "minimum-length"))]
    pub minimum_length: u32,
    /// In characters (Unicode scalar values).
    #[cfg_attr(feature = "component", component(name = "maximum-length"))]
    pub maximum_length: u32,
}

impl PasswordRule {
    /// The effective rule for a device: this one, narrowed to the passwords that the device accepts. If both exclude
    /// each other, its minimum is above its maximum.
    pub fn narrowed_to(&self, accepted: &AcceptedPasswords) -> Self {
        let accepted_minimum = match self.characters {
            Characters::Digits => accepted.minimum_pin_length,
            Characters::Alphanumeric => accepted.minimum_length,
        };
        Self {
            characters: self.characters,
            minimum_length: self.minimum_length.max(accepted_minimum),
            maximum_length: self.maximum_length.min(accepted.maximum_length),
        }
    }
}

impl Default for PasswordRule {
    /// Exactly 4 digits.
    fn default() -> Self {
        Self {
            characters: Characters::Digits,
            minimum_length: 4,
            maximum_length: 4,
        }
    }
}

/// The operator's configuration of the feature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(
    feature = "component",
    derive(ComponentType, Lift, Lower),
    component(record)
)]
pub struct Deployment {
    /// The password rule.
    #[cfg_attr(feature = "component", component(name = "password-rule"))]
    pub password_rule: PasswordRule,
    /// The text of a [`MinimumVersion`].
    #[cfg_attr(feature = "component", component(name = "minimum-agent-version"))]
    pub minimum_agent_version: String,
}

impl Default for Deployment {
    /// The default password rule and the default minimum version.
    fn default() -> Self {
        Self {
            password_rule: PasswordRule::default(),
            minimum_agent_version: MinimumVersion::default().to_string(),
        }
    }
}

/// A minimum version of agents: `MAJOR.MINOR.PATCH`, without a pre-release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MinimumVersion(String);

impl Default for MinimumVersion {
    /// 6.9.0, the first agent that carries out the feature's commands.
    fn default() -> Self {
        Self("6.9.0".into())
    }
}

impl fmt::Display for MinimumVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for MinimumVersion {
    type Err = BadMinimumVersion;

    fn from_str(text: &str) -> Result<Self, BadMinimumVersion> {
        let is_number = |part: &str| {
            let is_canonical = part == "0" || !part.starts_with('0');
            let is_digits = part.bytes().all(|byte| byte.is_ascii_digit());
            is_canonical && is_digits && part.parse::<u32>().is_ok()
        };
        match text.split('.').count() == 3 && text.split('.').all(is_number) {
            true => Ok(Self(text.to_owned())),
            false => Err(BadMinimumVersion(text.to_owned())),
        }
    }
}

/// The text is not a minimum version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a version such as 6.9.0: three numbers, without a pre-release")]
pub struct BadMinimumVersion(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minimum_version_has_three_numbers_and_no_pre_release() {
        for good in ["6.9.0", "0.0.0", "10.20.30"] {
            assert_eq!(good.parse::<MinimumVersion>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "6",
            "6.9",
            "6.9.0.1",
            "6.9.0-rc.1",
            "6.9.0+1",
            "06.9.0",
            "6..0",
            "+6.9.0",
            "a.b.c",
            "4294967296.0.0",
        ] {
            assert!(bad.parse::<MinimumVersion>().is_err(), "{bad}");
        }
    }
}
