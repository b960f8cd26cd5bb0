//! Compares the answer of a plugin with the contract.

use super::{call::Answer, case::Expectation};
use mdm_password_host::{Invariant, PluginError};
use serde_json::{Value, json};

/// Returns `true` if a value matches: an object has every expected field, a list has a match for every expected element
/// in any order (both may have more), and anything else is equal. Options are equal, too.
pub(super) fn matches(expected: &Value, found: &Value) -> bool {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => expected.iter().all(|(name, value)| {
            let is_match = |found: &Value| match name.as_str() {
                "options" => value == found,
                _ => matches(value, found),
            };
            found.get(name).is_some_and(is_match)
        }),
        (Value::Array(expected), Value::Array(found)) => pair(expected, found).missing.is_empty(),
        _ => expected == found,
    }
}

/// The elements of two lists that have no match in the other.
pub(super) struct Unpaired<'a> {
    /// Expected elements.
    pub(super) missing: Vec<&'a Value>,
    /// Found elements.
    pub(super) left: Vec<&'a Value>,
}

/// Pairs each expected element with a found one that matches, in any order.
pub(super) fn pair<'a>(expected: &'a [Value], found: &'a [Value]) -> Unpaired<'a> {
    let mut left: Vec<&Value> = found.iter().collect();
    let mut missing = Vec::new();
    for pattern in expected {
        match left.iter().position(|it| matches(pattern, it)) {
            Some(place) => drop(left.remove(place)),
            None => missing.push(pattern),
        }
    }
    Unpaired { missing, left }
}

/// Returns `true` if the answer is as expected.
pub(super) fn is_as_expected(expected: &Expectation, answer: &Answer) -> bool {
    let notes = answer.returned.get("notes").and_then(Value::as_array);
    let is_noted = |note: &Value| notes.is_some_and(|notes| notes.contains(note));
    let effects = answer.effects.as_array().map_or(&[][..], Vec::as_slice);
    let unpaired = pair(&expected.effects, effects);
    matches(&expected.returns, &answer.returned)
        && unpaired.missing.is_empty()
        && unpaired.left.is_empty()
        && !expected.without_notes.iter().any(is_noted)
}

/// The refusal that a call returned or previewed.
pub(super) fn refusal(returned: &Value) -> Option<&Value> {
    returned
        .get("err")
        .or_else(|| returned.get("verdict")?.get("would-be-refused"))
}

/// A breach of the contract beyond the expectation of the case or of the model.
pub(super) struct Breach {
    /// The number of the broken rule, if it is not the rule of the case.
    pub(super) rule: Option<u8>,
    /// The requirement.
    pub(super) expected: Value,
    /// The answer.
    pub(super) got: Value,
}

/// The breach of an invariant, if the call failed because of one.
pub(super) fn broken_invariant(error: &PluginError) -> Option<Breach> {
    let invariant = error.invariant()?;
    let rule = match invariant {
        Invariant::OneInFlight => Some(11),
        Invariant::OneOutcome => Some(2),
        Invariant::Expiry => Some(10),
        _ => None,
    };
    Some(Breach {
        rule,
        expected: json!(format!("in every call: {}", invariant.title())),
        got: json!(error.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_expected_in_so_many_words_is_free() {
        let found = json!({"verdict": {"will-fail": "user-locked"}, "remedy": "none", "notes": ["a", {"b": 1}]});
        for expected in [
            json!({}),
            json!({"verdict": {"will-fail": "user-locked"}}),
            json!({"notes": []}),
            json!({"notes": [{"b": 1}]}),
        ] {
            assert!(matches(&expected, &found), "{expected}");
        }
        for expected in [
            json!({"verdict": "will-fail"}),
            json!({"notes": ["a", "a"]}),
            json!({"notes": ["c"]}),
            json!({"remedy": null}),
            json!({"missing": null}),
            json!("verdict"),
            json!({"notes": {"b": 1}}),
        ] {
            assert!(!matches(&expected, &found), "{expected}");
        }
    }

    #[test]
    fn effects_are_those_expected_and_no_more() {
        let expected = |effects: Value| Expectation {
            returns: Value::Object(serde_json::Map::new()),
            effects: serde_json::from_value(effects).unwrap(),
            without_notes: vec![json!("no-expiry")],
        };
        let answer = |effects: Value, notes: Value| Answer {
            returned: json!({ "notes": notes }),
            effects,
            changes: vec![],
        };
        let one = json!([{"complete": {"command": "a"}}]);
        let two = json!([{"complete": {"command": "b"}}, {"complete": {"command": "a"}}]);
        let quiet = json!([]);
        assert!(is_as_expected(
            &expected(one.clone()),
            &answer(one.clone(), quiet.clone())
        ));
        assert!(!is_as_expected(
            &expected(one.clone()),
            &answer(two.clone(), quiet.clone())
        ));
        assert!(!is_as_expected(
            &expected(two),
            &answer(one.clone(), quiet.clone())
        ));
        assert!(!is_as_expected(
            &expected(json!([])),
            &answer(one.clone(), quiet)
        ));
        assert!(!is_as_expected(
            &expected(one.clone()),
            &answer(one, json!(["no-expiry"]))
        ));
    }
}
