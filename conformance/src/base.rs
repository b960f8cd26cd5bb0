//! The base of all cases: a complete situation, command and request. Each case states only its differences.

use super::situation::Situation;
use mdm_contract::Request;
use serde::Deserialize;
use serde_json::{Map, Value};

/// The base, as JSON.
pub(super) const BASE: &str = include_str!("../cases/base.json");

/// The base of all cases.
#[derive(Deserialize)]
pub(super) struct Base {
    situation: Value,
    command: Value,
    request: Value,
}

/// The base situation of all cases: a device owner on Android 14, ready for a reset.
pub fn base_situation() -> serde_json::Result<Situation> {
    base()?.situation_with(&Map::new())
}

/// The base request of all cases.
pub fn base_request() -> serde_json::Result<Request> {
    serde_json::from_value(base()?.request)
}

/// Reads the base.
pub(super) fn base() -> serde_json::Result<Base> {
    serde_json::from_str(BASE)
}

impl Base {
    /// The base situation, merged with `given`: see "`given`" in `cases/README.md`.
    pub(super) fn situation_with(
        &self,
        given: &Map<String, Value>,
    ) -> serde_json::Result<Situation> {
        let mut situation = self.situation.clone();
        for (name, value) in given {
            // The base situation has none of these: they are merged over the base's command.
            let is_command = matches!(name.as_str(), "pending" | "latest" | "command");
            if is_command && value.is_object() {
                situation[name] = self.command.clone();
            }
            merge(&mut situation[name], value);
        }
        // By default, the pending command is the call's command, and the latest is the pending one.
        let is_pending = situation["command"]["status"] == "pending";
        if is_pending && !given.contains_key("pending") {
            situation["pending"] = situation["command"].clone();
        }
        if !given.contains_key("latest") {
            let default = if situation["pending"].is_null() {
                "command"
            } else {
                "pending"
            };
            situation["latest"] = situation[default].clone();
        }
        serde_json::from_value(situation)
    }

    /// A field of the base situation.
    pub(super) fn field(&self, name: &str) -> Value {
        self.situation[name].clone()
    }

    /// The base's command, with these differences.
    pub(super) fn command_with(&self, differences: &Value) -> Value {
        let mut command = self.command.clone();
        merge(&mut command, differences);
        command
    }

    /// The call, with its request merged over the base request.
    pub(super) fn call_with(&self, mut call: Value) -> Value {
        for name in ["reset", "remove", "preview"] {
            if let Some(parameters) = call.get_mut(name).and_then(Value::as_object_mut) {
                let mut request = self.request.clone();
                let own = parameters.remove("request");
                merge(&mut request, &own.unwrap_or_else(|| Map::new().into()));
                parameters.insert("request".into(), request);
            }
        }
        call
    }
}

/// Objects are merged, everything else is replaced (RFC 7396, but null is kept).
pub(super) fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                merge(into.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}
