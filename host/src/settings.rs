//! The settings of a plugin: a JSON object that only the plugin understands.

use crate::error::PluginError;
use mdm_contract::SettingsFault;
use serde_json::Value;

/// Maximum length of settings, and of their schema, in bytes.
const MAX_SETTINGS: usize = 64 << 10;

/// The error of settings for a plugin. The plugin's settings stay as they are.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// They are too long.
    #[error("the settings have {0} bytes, and may have {MAX_SETTINGS}")]
    TooLarge(usize),
    /// They are not JSON.
    #[error("the settings are not JSON: {0}")]
    NotJson(String),
    /// They are JSON, and not an object.
    #[error("the settings are not a JSON object, such as {{}}")]
    NotAnObject,
    /// The plugin refuses them.
    #[error("the plugin refuses the settings: {}", listed(.0))]
    Refused(Vec<SettingsFault>),
    /// The plugin failed on them.
    #[error("the plugin could not check the settings: {0}")]
    CheckFailed(PluginError),
}

/// Checks that a text is a JSON object of at most 64 KiB.
pub(crate) fn check_object(text: &str) -> Result<(), SettingsError> {
    if text.len() > MAX_SETTINGS {
        return Err(SettingsError::TooLarge(text.len()));
    }
    let value: Value =
        serde_json::from_str(text).map_err(|error| SettingsError::NotJson(error.to_string()))?;
    match value.is_object() {
        true => Ok(()),
        false => Err(SettingsError::NotAnObject),
    }
}

/// The faults of settings, in one line.
fn listed(faults: &[SettingsFault]) -> String {
    let line = |fault: &SettingsFault| match fault.field.as_str() {
        "" => fault.message.clone(),
        field => format!("{field}: {}", fault.message),
    };
    faults.iter().map(line).collect::<Vec<_>>().join("; ")
}
