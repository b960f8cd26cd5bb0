//! The choices of an implementation: its own rules, and its settings. The reference has none.

use crate::{
    bindings::exports::mdm::password::plugin::{Description, SettingsFault},
    rules::types::{Action, Refusal, Request, Situation},
};

/// The description of the plugin.
pub fn description() -> Description {
    Description {
        name: env!("CARGO_PKG_NAME").into(),
        version: env!("CARGO_PKG_VERSION").into(),
        summary: env!("CARGO_PKG_DESCRIPTION").into(),
        settings_schema: r#"{"type": "object", "additionalProperties": false}"#.into(),
        default_settings: "{}".into(),
    }
}

/// Checks settings. The schema allows none.
pub fn check_settings(_settings: &str) -> Result<(), Vec<SettingsFault>> {
    Ok(())
}

/// The refusal of a request by an own rule: for a reset also by a stricter password rule, otherwise `other` with a
/// text. A preview may have no password. `guessability` asks the host for that of the secret.
pub fn refusal(
    _action: Action,
    _situation: &Situation,
    _request: &Request,
    _guessability: impl FnOnce() -> u8,
) -> Option<Refusal> {
    None
}

/// The request to decide on. An implementation may set a validity where none was asked for.
pub fn request(request: Request) -> Request {
    request
}
