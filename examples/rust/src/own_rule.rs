//! The rules of this company beyond the contract, and their settings. Change them to yours.
//!
//! A plugin may have a stricter password rule than the deployment, may choose the expiry of a command without a
//! validity, and may refuse a reset or a remove in its own words (`Refusal::Other`).

use crate::{
    bindings::{
        exports::mdm::password::plugin::{Description, SettingsFault},
        mdm::password::settings,
    },
    rules::types::{Action, PasswordFault, Refusal, Request, Situation},
};
use serde::Deserialize;

/// The settings that an operator can choose.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Settings {
    /// Minimum length in characters.
    minimum_length: u32,
    /// Minimum zxcvbn score: 3 is "safely unguessable". Passwords known from breaches score lower.
    minimum_guessability: u8,
    /// The validity of a command without one, in hours.
    valid_for_hours: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            minimum_length: 8,
            minimum_guessability: 3,
            valid_for_hours: 24,
        }
    }
}

const SCHEMA: &str = r#"{
  "type": "object",
  "properties": {
    "minimum-length": {
      "type": "integer", "minimum": 4, "maximum": 16,
      "description": "Minimum length of a password, in characters"
    },
    "minimum-guessability": {
      "type": "integer", "minimum": 0, "maximum": 4,
      "description": "Minimum zxcvbn score of a password: 3 is safely unguessable"
    },
    "valid-for-hours": {
      "type": "integer", "minimum": 1, "maximum": 8760,
      "description": "Validity of a command without one, in hours"
    }
  },
  "additionalProperties": false
}"#;

const DEFAULTS: &str = r#"{"minimum-length": 8, "minimum-guessability": 3, "valid-for-hours": 24}"#;

/// The description of the plugin.
pub fn description() -> Description {
    Description {
        name: env!("CARGO_PKG_NAME").into(),
        version: env!("CARGO_PKG_VERSION").into(),
        summary: env!("CARGO_PKG_DESCRIPTION").into(),
        settings_schema: SCHEMA.into(),
        default_settings: DEFAULTS.into(),
    }
}

/// Checks settings beyond the schema.
pub fn check_settings(settings: &str) -> Result<(), Vec<SettingsFault>> {
    let fault = |field: &str, message: String| {
        Err(vec![SettingsFault {
            field: field.into(),
            message,
        }])
    };
    match serde_json::from_str::<Settings>(settings) {
        Err(error) => fault("", error.to_string()),
        Ok(settings) if settings.minimum_length < 6 && settings.minimum_guessability > 2 => fault(
            "/minimum-length",
            "a password of less than 6 characters has no score above 2".into(),
        ),
        Ok(_) => Ok(()),
    }
}

/// The settings that the operator has chosen. The host gives only settings that `check_settings` has accepted.
fn settings() -> Settings {
    serde_json::from_str(&settings::get()).unwrap_or_default()
}

/// The refusal of a request by an own rule. The guessability is read last: it takes a host up to a millisecond.
pub fn refusal(
    action: Action,
    situation: &Situation,
    _request: &Request,
    guessability: impl FnOnce() -> u8,
) -> Option<Refusal> {
    let password = match (action, &situation.password) {
        (Action::Reset, Some(password)) => password,
        _ => return None,
    };
    let settings = settings();
    let mut faults = Vec::new();
    if password.length < settings.minimum_length {
        faults.push(PasswordFault::TooShort(settings.minimum_length));
    }
    if password.lower_case + password.upper_case == 0 {
        faults.push(PasswordFault::NeedsLetter);
    }
    if password.digits == 0 {
        faults.push(PasswordFault::NeedsDigit);
    }
    if faults.is_empty() && guessability() < settings.minimum_guessability {
        faults.push(PasswordFault::Guessable);
    }
    (!faults.is_empty()).then_some(Refusal::PasswordRefused(faults))
}

/// A command without a validity gets one.
pub fn request(request: Request) -> Request {
    Request {
        valid_for: request
            .valid_for
            .or_else(|| Some(settings().valid_for_hours * 3600)),
        ..request
    }
}
