//! The cases for hosts, as data.

use super::expectation::Expectation;
use crate::base::{Base, base, merge};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// All cases.
pub(super) struct HostCases {
    /// The titles of the duties, by their numbers in `wit/README.md`.
    pub(super) duties: BTreeMap<u8, String>,
    pub(super) cases: Vec<HostCase>,
    /// The password of each reset. It must not show up anywhere.
    pub(super) password: String,
    /// The differences of all cases from the base's situation.
    given: Map<String, Value>,
    base: Base,
}

/// The file of all cases.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    duties: BTreeMap<u8, String>,
    password: String,
    given: Map<String, Value>,
    cases: Vec<HostCase>,
}

/// A case: steps on one device.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HostCase {
    /// Names the case in a host's list of exceptions.
    pub(super) id: String,
    /// The number of the duty that it is about.
    pub(super) duty: u8,
    /// A title.
    pub(super) case: String,
    /// The differences from the situation of all cases.
    #[serde(default)]
    pub(super) given: Map<String, Value>,
    pub(super) steps: Vec<Step>,
}

/// A step, and its expectation.
#[derive(Deserialize)]
pub(super) struct Step {
    #[serde(flatten)]
    pub(super) action: Action,
    pub(super) expect: Expectation,
}

/// A request to the program.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Action {
    /// Load a component with settings.
    Use {
        /// The component.
        component: ComponentKind,
        /// The settings: a text, or an object that is sent as its text.
        settings: Option<Value>,
        /// The number of spaces that follow the settings.
        #[serde(default)]
        pad: usize,
    },
    /// Make a call, and perhaps let another writer commit meanwhile.
    Call(Map<String, Value>),
}

/// The components that the kit can give to a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ComponentKind {
    /// The probe.
    Probe,
    /// The probe with an import outside the contract.
    ForeignImport,
    /// The probe with a control character in its name.
    ControlCharacter,
    /// Bytes that are no component.
    NoComponent,
}

impl HostCases {
    /// Reads the cases.
    pub(super) fn read() -> serde_json::Result<Self> {
        let File {
            duties,
            password,
            given,
            cases,
        } = serde_json::from_str(include_str!("../../hosts/cases.json"))?;
        Ok(Self {
            duties,
            cases,
            password,
            given,
            base: base()?,
        })
    }

    /// The content of the host's store: the base's situation with these differences over it. `commands` is a list, each
    /// merged over the base's command.
    pub(super) fn situation(&self, differences: &[&Map<String, Value>]) -> Value {
        let fields = ["device", "deployment", "capabilities", "online", "now"];
        let mut situation: Value = fields
            .into_iter()
            .map(|name| (name, self.base.field(name)))
            .collect();
        situation["commands"] = json!([]);
        let differences = [&self.given].into_iter().chain(differences.iter().copied());
        for (name, value) in differences.flatten() {
            match (name.as_str(), value) {
                ("commands", Value::Array(list)) => {
                    let commands = list.iter().map(|it| self.base.command_with(it));
                    situation["commands"] = commands.collect();
                }
                _ => merge(&mut situation[name], value),
            }
        }
        situation
    }

    /// A call, with its request merged over the base's, and the password of a reset.
    pub(super) fn call(&self, call: &Map<String, Value>) -> Value {
        let mut call = self.base.call_with(Value::Object(call.clone()));
        for (name, password) in [("reset", json!(self.password)), ("preview", Value::Null)] {
            if let Some(parameters) = call.get_mut(name).and_then(Value::as_object_mut) {
                parameters.entry("password").or_insert(password);
            }
        }
        call
    }
}
