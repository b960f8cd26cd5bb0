//! The result of a call: a decision, which has effects only if the plugin accepted, or the result of a query, which has
//! none.

use super::{contract::*, effect::Effect, import_call::ImportCall};
use serde::{Serialize, Serializer};
use serde_json::Value;

/// The decision of a plugin on a request. In JSON: `{"ok": …}` or `{"err": …}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallOutcome<T> {
    /// It accepted the request.
    Accepted {
        /// The returned value.
        returned: T,
        /// The effects to commit, all or none, in this order.
        effects: Vec<Effect>,
    },
    /// It refused the request. Its effects are dropped.
    Refused(Refusal),
}

impl<T: Serialize> Serialize for CallOutcome<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let name = "CallOutcome";
        match self {
            Self::Accepted { returned, .. } => {
                serializer.serialize_newtype_variant(name, 0, "ok", returned)
            }
            Self::Refused(refusal) => serializer.serialize_newtype_variant(name, 1, "err", refusal),
        }
    }
}

/// A result that can be compared with that of another plugin.
pub trait Comparable: Serialize {
    /// The effects to commit.
    fn effects(&self) -> &[Effect] {
        &[]
    }

    /// The returned value and the effects. Each host makes ids of its own for new commands, so they are all written
    /// as `sent_as`.
    fn comparable(&self, sent_as: &str) -> serde_json::Result<(Value, Value)> {
        let effects: Vec<ImportCall> = self.effects().iter().map(ImportCall::of).collect();
        let mut text = serde_json::to_string(&(self, effects))?;
        for effect in self.effects() {
            if let Effect::Send(command) = effect {
                text = text.replace(&command.id, sent_as);
            }
        }
        serde_json::from_str(&text)
    }
}

impl<T: Serialize> Comparable for CallOutcome<T> {
    fn effects(&self) -> &[Effect] {
        match self {
            Self::Accepted { effects, .. } => effects,
            Self::Refused(_) => &[],
        }
    }
}

impl Comparable for DevicePreview {}

impl Comparable for DeviceStatus {}

impl Comparable for PolicyState {}
