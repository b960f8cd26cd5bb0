//! The difference of a plugin's settings before and after a change, for the audit trail.

use mdm_password_host::Plugin;
use serde_json::{Map, Value};

/// Maximum length of the text, in characters.
const MAX_TEXT: usize = 2000;

/// The fields that a change of the active plugin changes, as JSON Pointers with their values before and after. The
/// settings before those of another plugin are its default ones. Returns `None` if no field changes.
pub(super) fn settings_change(active: &Plugin, next: &Plugin) -> Option<String> {
    let before = match active.digest() == next.digest() {
        true => active.settings(),
        false => &next.description().default_settings,
    };
    change(before, next.settings())
}

fn change(before: &str, after: &str) -> Option<String> {
    let parsed = |text| serde_json::from_str(text).unwrap_or(Value::Null);
    let mut lines = Vec::new();
    compare("", &parsed(before), &parsed(after), &mut lines);
    let text = format!("settings: {}", lines.join(", "));
    let is_longer = text.chars().nth(MAX_TEXT).is_some();
    match (lines.is_empty(), is_longer) {
        (true, _) => None,
        (false, false) => Some(text),
        (false, true) => Some(text.chars().take(MAX_TEXT).chain(['…']).collect()),
    }
}

fn compare(field: &str, before: &Value, after: &Value, lines: &mut Vec<String>) {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            compare_fields(field, before, after, lines)
        }
        _ if before == after => {}
        _ => lines.push(format!("{field} {before} → {after}")),
    }
}

fn compare_fields(
    parent: &str,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    lines: &mut Vec<String>,
) {
    let added = after.keys().filter(|key| !before.contains_key(*key));
    for key in before.keys().chain(added) {
        let field = format!("{parent}/{}", key.replace('~', "~0").replace('/', "~1"));
        match (before.get(key), after.get(key)) {
            (Some(before), Some(after)) => compare(&field, before, after, lines),
            (Some(before), None) => lines.push(format!("{field} {before} removed")),
            (None, Some(after)) => lines.push(format!("{field} {after} added")),
            (None, None) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_names_each_field_with_its_values() {
        let before = r#"{"length": 6, "ticket": {"required": false, "pattern": "A"}, "old": [1]}"#;
        let after = r#"{"ticket": {"pattern": "A", "required": true}, "length": 8, "a/b": "new"}"#;
        assert_eq!(
            change(before, after).unwrap(),
            "settings: /length 6 → 8, /old [1] removed, /ticket/required false → true, /a~1b \"new\" added"
        );
        assert_eq!(change(after, after), None);
        assert_eq!(change("{ }", "{}"), None);
    }

    #[test]
    fn a_long_change_is_cut() {
        let after = format!(r#"{{"a": "{}"}}"#, "ü".repeat(5000));
        let text = change("{}", &after).unwrap();
        assert_eq!(text.chars().count(), MAX_TEXT + 1);
        assert!(text.ends_with('…'));
    }
}
