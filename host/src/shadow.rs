//! Shadow: a candidate decides the same live calls as the active plugin. Its effects are dropped; differences are kept.

use crate::{CallContext, Comparable, Function, Instance, Plugin, PluginError};
use mdm_contract::time::{self, Timestamp};
use parking_lot::{Mutex, MutexGuard};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};
use tokio::sync::Semaphore;

/// The number of differences that are kept: the latest ones.
const MAX_DIFFERENCES: usize = 100;

/// Maximum length of each side of a difference, in bytes of JSON.
const MAX_SIDE: usize = 4 << 10;

/// Maximum number of concurrent calls of the candidate. Further live calls are not compared: the shadow must not slow
/// down the active plugin.
const MAX_CALLS: usize = 2;

/// The name of new commands in comparisons: their ids differ by plugin.
const SENT: &str = "the new command";

/// The comparison of a candidate so far.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ShadowReport {
    /// SHA-256 of the candidate's component, in hex.
    pub digest: String,
    /// The version of the contract that it implements.
    pub contract: String,
    /// The start of the shadow.
    #[serde(with = "time")]
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub since: Timestamp,
    /// The counts per function of the contract.
    pub functions: BTreeMap<String, Comparisons>,
    /// The differences, latest last.
    pub differences: Vec<Difference>,
}

/// The comparison of the live calls of one function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Comparisons {
    /// Both decided the same.
    pub same: u64,
    /// The candidate decided otherwise.
    pub different: u64,
    /// The candidate failed.
    pub failed: u64,
    /// Not compared: the candidate was busy.
    pub skipped: u64,
}

/// A live call that the candidate decided otherwise.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Difference {
    /// The time of the call.
    #[serde(with = "time")]
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub at: Timestamp,
    /// The device that the call was about.
    pub device: String,
    /// The contract's function.
    pub function: String,
    /// The returned value of the active plugin, and its effects.
    pub active: Value,
    /// The returned value of the candidate, and its effects; or its failure.
    pub candidate: Value,
}

/// A candidate in the shadow.
pub(crate) struct Shadow {
    plugin: Arc<Plugin>,
    since: Timestamp,
    places: Arc<Semaphore>,
    notes: Mutex<Notes>,
}

#[derive(Default)]
struct Notes {
    functions: BTreeMap<Function, Comparisons>,
    differences: VecDeque<Difference>,
}

impl Shadow {
    pub(crate) fn new(plugin: Plugin) -> Self {
        Self {
            plugin: Arc::new(plugin),
            since: time::now(),
            places: Arc::new(Semaphore::new(MAX_CALLS)),
            notes: Mutex::default(),
        }
    }

    /// Runs a call on the candidate in the background, after the active plugin has decided it.
    pub(crate) fn compare<T: Comparable>(
        self: &Arc<Self>,
        function: Function,
        decided: &T,
        context: CallContext,
        call: impl FnOnce(&mut Instance, CallContext) -> Result<T, PluginError> + Send + 'static,
    ) {
        let Ok(active) = decided.comparable(SENT) else {
            return;
        };
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            self.notes().functions.entry(function).or_default().skipped += 1;
            return;
        };
        let shadow = Arc::clone(self);
        tokio::task::spawn_blocking(move || {
            let (device, at) = (context.situation.device.id.clone(), context.situation.now);
            let decided = shadow
                .plugin
                .instance()
                .and_then(|mut instance| call(&mut instance, context));
            drop(place);
            let candidate = match &decided {
                Ok(decided) => decided.comparable(SENT).map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            let is_same = candidate
                .as_ref()
                .is_ok_and(|candidate| *candidate == active);
            let mut notes = shadow.notes();
            let comparisons = notes.functions.entry(function).or_default();
            match &candidate {
                Ok(_) if is_same => comparisons.same += 1,
                Ok(_) => comparisons.different += 1,
                Err(_) => comparisons.failed += 1,
            }
            if is_same {
                return;
            }
            if notes.differences.len() == MAX_DIFFERENCES {
                notes.differences.pop_front();
            }
            notes.differences.push_back(Difference {
                at,
                device,
                function: function.to_string(),
                active: told(active),
                candidate: candidate.map_or_else(Value::String, told),
            });
        });
    }

    pub(crate) fn report(&self) -> ShadowReport {
        let notes = self.notes();
        let functions = notes.functions.iter();
        ShadowReport {
            digest: self.plugin.digest(),
            contract: self.plugin.contract().to_owned(),
            since: self.since,
            functions: functions
                .map(|(function, it)| (function.to_string(), *it))
                .collect(),
            differences: notes.differences.iter().cloned().collect(),
        }
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock()
    }
}

/// One side of a difference; a long value is shortened to the beginning of its text.
fn told((returned, effects): (Value, Value)) -> Value {
    let told = json!({"returns": returned, "effects": effects});
    let mut text = told.to_string();
    if text.len() <= MAX_SIDE {
        return told;
    }
    text.truncate(text.floor_char_boundary(MAX_SIDE));
    json!(format!("{text}…"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_side_of_a_difference_takes_more_memory_than_a_few_kibibytes() {
        let small = told((json!({"ok": "x"}), json!([])));
        assert_eq!(small["returns"]["ok"], "x");
        let large = told((json!("ä".repeat(100_000)), json!([])));
        let text = large.as_str().unwrap();
        assert!(text.starts_with("{") && text.len() < MAX_SIDE + 8);
    }
}
