//! The description of a plugin by itself: the checks of a host before it shows or uses it.

use crate::{error::LoadError, settings::SettingsSchema};
use mdm_contract::PluginDescription;

const MAX_NAME: usize = 64;
const MAX_VERSION: usize = 64;
const MAX_SUMMARY: usize = 1024;

/// Checks a description as `wit/plugin.wit` bounds it, and returns the schema of the settings. Its texts are shown to
/// operators, so they have no control characters.
pub(crate) fn check_description(
    description: &PluginDescription,
) -> Result<SettingsSchema, LoadError> {
    for (field, text, longest) in [
        ("name", &description.name, MAX_NAME),
        ("version", &description.version, MAX_VERSION),
        ("summary", &description.summary, MAX_SUMMARY),
    ] {
        if text.trim().is_empty() {
            return wrong(field, "it is empty".into());
        }
        if text.len() > longest {
            return wrong(
                field,
                format!("it has {} bytes, where {longest} are allowed", text.len()),
            );
        }
        if text.chars().any(char::is_control) {
            return wrong(field, "it has control characters".into());
        }
    }
    let schema = SettingsSchema::parse(&description.settings_schema)
        .or_else(|why| wrong("settings-schema", why))?;
    schema
        .check(&description.default_settings)
        .or_else(|error| wrong("default-settings", error.to_string()))?;
    Ok(schema)
}

fn wrong<T>(field: &'static str, why: String) -> Result<T, LoadError> {
    Err(LoadError::BadDescription { field, why })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn description() -> PluginDescription {
        PluginDescription {
            name: "acme".into(),
            version: "1.0.0".into(),
            summary: "Rules of Acme.".into(),
            settings_schema: r#"{"type": "object"}"#.into(),
            default_settings: "{}".into(),
        }
    }

    #[test]
    fn a_description_is_bounded_and_has_no_control_characters() {
        assert!(check_description(&description()).is_ok());
        let changes: [fn(&mut PluginDescription); 9] = [
            |it| it.name.clear(),
            |it| it.name = "n".repeat(65),
            |it| it.name = "a\u{1b}[2J".into(),
            |it| it.version = "1\n2".into(),
            |it| it.summary = "s".repeat(1 << 20),
            |it| it.settings_schema = "true".into(),
            |it| it.default_settings = "[".into(),
            |it| it.settings_schema = r#"{"required": ["ticket"]}"#.into(),
            |it| it.default_settings = format!("{{\"a\": \"{}\"}}", "x".repeat(64 << 10)),
        ];
        for change in changes {
            let mut bad = description();
            change(&mut bad);
            let error = check_description(&bad).unwrap_err();
            assert!(matches!(error, LoadError::BadDescription { .. }), "{error}");
        }
    }
}
