//! The settings of a plugin: a JSON object that only the plugin understands, and the JSON Schema that it describes them
//! by.

use crate::error::PluginError;
use jsonschema::{PatternOptions, Validator, error::ValidationErrorKind};
use mdm_contract::SettingsFault;
use serde_json::Value;

/// Maximum length of settings, and of their schema, in bytes.
const MAX_SETTINGS: usize = 64 << 10;

/// Maximum number of faults that an error lists.
const MAX_FAULTS: usize = 20;

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
    /// They don't fit the plugin's JSON Schema.
    #[error("the settings don't fit the plugin's schema: {}", listed(.0))]
    OtherShape(Vec<SettingsFault>),
    /// The plugin refuses them.
    #[error("the plugin refuses the settings: {}", listed(.0))]
    Refused(Vec<SettingsFault>),
    /// The plugin failed on them.
    #[error("the plugin could not check the settings: {0}")]
    CheckFailed(PluginError),
}

/// The JSON Schema of a plugin's settings.
#[derive(Debug)]
pub(crate) struct SettingsSchema(Validator);

impl SettingsSchema {
    /// Parses a schema. It can't refer to other documents, and its patterns run in linear time: the plugin's author is
    /// not trusted. Errors with the reason.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let schema = object(text).map_err(|error| error.to_string())?;
        let built = jsonschema::options()
            .with_pattern_options(PatternOptions::regex())
            .build(&schema);
        built
            .map(Self)
            .map_err(|error| format!("it is no JSON Schema: {}", error.masked()))
    }

    /// Checks that settings are a JSON object of at most 64 KiB that fits the schema.
    pub(crate) fn check(&self, settings: &str) -> Result<(), SettingsError> {
        let settings = object(settings)?;
        let errors = self.0.iter_errors(&settings).take(MAX_FAULTS);
        let faults: Vec<SettingsFault> = errors
            .map(|error| SettingsFault {
                field: error.instance_path().to_string(),
                message: match error.kind() {
                    ValidationErrorKind::FalseSchema => "nothing can be set here".into(),
                    _ => error.masked().to_string(),
                },
            })
            .collect();
        match faults.is_empty() {
            true => Ok(()),
            false => Err(SettingsError::OtherShape(faults)),
        }
    }
}

/// Parses a JSON object of at most 64 KiB.
fn object(text: &str) -> Result<Value, SettingsError> {
    if text.len() > MAX_SETTINGS {
        return Err(SettingsError::TooLarge(text.len()));
    }
    let value: Value =
        serde_json::from_str(text).map_err(|error| SettingsError::NotJson(error.to_string()))?;
    match value.is_object() {
        true => Ok(value),
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

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = r#"{
        "type": "object",
        "properties": {
            "minimum-length": {"type": "integer", "minimum": 4},
            "ticket": {"type": "string", "pattern": "^[A-Z]+-[0-9]+$"}
        },
        "additionalProperties": false
    }"#;

    fn refused(settings: &str) -> String {
        let schema = SettingsSchema::parse(SCHEMA).unwrap();
        schema.check(settings).unwrap_err().to_string()
    }

    #[test]
    fn settings_of_another_shape_are_refused_by_field() {
        let schema = SettingsSchema::parse(SCHEMA).unwrap();
        schema
            .check(r#"{"minimum-length": 8, "ticket": "IT-1"}"#)
            .unwrap();
        insta::assert_snapshot!(
            [
                refused(r#"{"minimum-length": "8", "ticket": "none"}"#),
                refused(r#"{"minimum-length": 3}"#),
                refused(r#"{"minimun-length": 8}"#),
                refused("[]"),
                refused("{"),
                refused(&format!(r#"{{"ticket": "{}"}}"#, "x".repeat(64 << 10))),
            ]
            .join("\n")
        );
    }

    #[test]
    fn a_schema_refers_to_no_other_document_and_has_bounded_patterns() {
        for (bad, why) in [
            (r#"{"$ref": "https://example.org/schema.json"}"#, "remote"),
            (r#"{"$ref": "file:///etc/passwd"}"#, "file"),
            (r#"{"type": "text"}"#, "unknown type"),
            (
                r#"{"properties": {"a": {"pattern": "(a+)+\\1"}}}"#,
                "back-reference",
            ),
            (
                r#"{"properties": {"a": {"pattern": "(((a{1000}){1000}){1000})"}}}"#,
                "too large",
            ),
        ] {
            assert!(SettingsSchema::parse(bad).is_err(), "{why}");
        }
    }
}
