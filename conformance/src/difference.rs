//! The difference between an expectation and an answer, for the author of a plugin.

use super::{
    call::Answer,
    case::Expectation,
    judge::{Unpaired, matches, pair},
};
use serde_json::Value;

/// The parts of an answer that are not as expected, each in a line that begins with its path. Of several expectations,
/// the one with the fewest differences counts.
pub(super) fn difference(expect: &[Expectation], answer: &Answer) -> Vec<String> {
    let lines = expect.iter().map(|expected| lines(expected, answer));
    lines.min_by_key(Vec::len).unwrap_or_default()
}

fn lines(expected: &Expectation, answer: &Answer) -> Vec<String> {
    let mut lines = Vec::new();
    compare("returns", &expected.returns, &answer.returned, &mut lines);
    let effects = answer.effects.as_array().map_or(&[][..], Vec::as_slice);
    let unexpected = compare_lists("effects", &expected.effects, effects, &mut lines);
    lines.extend(
        unexpected
            .iter()
            .map(|it| format!("effects: not expected {it}")),
    );
    let notes = answer.returned.get("notes").and_then(Value::as_array);
    let forbidden = expected.without_notes.iter();
    let forbidden = forbidden.filter(|note| notes.is_some_and(|notes| notes.contains(note)));
    lines.extend(forbidden.map(|note| format!("returns.notes: not expected {note}")));
    lines
}

fn compare(path: &str, expected: &Value, found: &Value, lines: &mut Vec<String>) {
    match (expected, found) {
        (Value::Object(fields), Value::Object(others)) if is_alike(expected, found) => {
            for (name, expected) in fields {
                let path = format!("{path}.{name}");
                match others.get(name) {
                    Some(found) if name == "options" => differ(&path, expected, found, lines),
                    Some(found) => compare(&path, expected, found, lines),
                    None => lines.push(format!("{path}: expected {expected}, got nothing")),
                }
            }
        }
        (Value::Array(expected), Value::Array(found)) => {
            compare_lists(path, expected, found, lines);
        }
        _ if matches(expected, found) => {}
        _ => differ(path, expected, found, lines),
    }
}

fn differ(path: &str, expected: &Value, found: &Value, lines: &mut Vec<String>) {
    if expected != found {
        lines.push(format!("{path}: expected {expected}, got {found}"));
    }
}

/// Compares lists in any order. Returns the elements beyond the expected ones.
fn compare_lists<'a>(
    path: &str,
    expected: &'a [Value],
    found: &'a [Value],
    lines: &mut Vec<String>,
) -> Vec<&'a Value> {
    let Unpaired { missing, mut left } = pair(expected, found);
    for pattern in missing {
        match left.iter().position(|it| is_alike(pattern, it)) {
            Some(place) => compare(path, pattern, left.remove(place), lines),
            None => lines.push(format!("{path}: expected {pattern}, not there")),
        }
    }
    left
}

/// Returns `true` if both are objects with a field of the same name.
fn is_alike(expected: &Value, found: &Value) -> bool {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            expected.keys().any(|name| found.contains_key(name))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(expected: Value, returned: Value, effects: Value) -> Vec<String> {
        let answer = Answer {
            returned,
            effects,
            changes: vec![],
        };
        difference(
            &serde_json::from_value::<Vec<Expectation>>(expected).unwrap(),
            &answer,
        )
    }

    #[test]
    fn a_difference_names_the_path_and_both_values() {
        assert_eq!(
            of(
                json!([{"returns": {"err": {"agent-too-old": {"required_version": "6.9.0"}}}}]),
                json!({"err": {"agent-too-old": {"agent_version": "6.8.0", "required_version": "7.0.0"}}}),
                json!([]),
            ),
            [r#"returns.err.agent-too-old.required_version: expected "6.9.0", got "7.0.0""#]
        );
        assert_eq!(
            of(
                json!([{"returns": {"err": "nothing-to-remove"}}]),
                json!({"ok": "c1"}),
                json!([])
            ),
            [r#"returns: expected {"err":"nothing-to-remove"}, got {"ok":"c1"}"#]
        );
    }

    #[test]
    fn of_effects_those_that_are_missing_and_those_that_are_too_many_are_shown() {
        let expected = json!([{
            "returns": {},
            "effects": [{"send": {"action": "reset", "expires_at": null}}, {"complete": {"command": "a"}}],
        }]);
        let effects =
            json!([{"send": {"action": "reset", "expires_at": 5}}, {"keep-late-outcome": {}}]);
        assert_eq!(
            of(expected, json!({"ok": "c1"}), effects),
            [
                "effects.send.expires_at: expected null, got 5",
                r#"effects: expected {"complete":{"command":"a"}}, not there"#,
                r#"effects: not expected {"keep-late-outcome":{}}"#,
            ]
        );
    }

    #[test]
    fn of_several_expectations_the_nearest_is_shown() {
        let expected = json!([
            {"returns": {"err": "a"}, "effects": [{"send": {}}]},
            {"returns": {"err": "b"}, "effects": []},
        ]);
        assert_eq!(
            of(expected, json!({"err": "c"}), json!([])),
            [r#"returns.err: expected "b", got "c""#]
        );
        let forbidden = json!([{"returns": {}, "without_notes": ["no-expiry"]}]);
        assert_eq!(
            of(forbidden, json!({"notes": ["no-expiry"]}), json!([])),
            [r#"returns.notes: not expected "no-expiry""#]
        );
    }
}
