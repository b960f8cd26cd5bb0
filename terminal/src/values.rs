//! Escapes foreign texts in whole responses, so that they neither control the terminal nor forge a line.

use crate::escape::{self, Escaped};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// Escapes every text in a response, so that a page shows plain text.
pub fn escaped<T: Serialize + DeserializeOwned>(answer: &T) -> serde_json::Result<T> {
    let mut value = serde_json::to_value(answer)?;
    escape_texts(&mut value);
    serde_json::from_value(value)
}

/// A response as escaped JSON, for scripts and terminals.
pub fn json<T: Serialize + ?Sized>(answer: &T) -> serde_json::Result<String> {
    Ok(escape::json(&serde_json::to_string_pretty(answer)?))
}

fn escape_texts(value: &mut Value) {
    match value {
        Value::String(text) => *text = Escaped(text).to_string(),
        Value::Array(values) => values.iter_mut().for_each(escape_texts),
        Value::Object(fields) => {
            let escape = |(name, mut value)| {
                escape_texts(&mut value);
                (Escaped(&name as &String).to_string(), value)
            };
            *fields = std::mem::take(fields).into_iter().map(escape).collect();
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
