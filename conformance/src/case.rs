//! The cases: a situation, a call, and the requirements of the contract. They are data (`conformance/cases`), so that
//! hosts in other languages can use them.

use super::{
    base::{BASE, Base, base},
    call::Call,
    situation::Situation,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

const FILES: [&str; 12] = [
    include_str!("../cases/rule-01.json"),
    include_str!("../cases/rule-02.json"),
    include_str!("../cases/rule-03.json"),
    include_str!("../cases/rule-04.json"),
    include_str!("../cases/rule-05.json"),
    include_str!("../cases/rule-06.json"),
    include_str!("../cases/rule-07.json"),
    include_str!("../cases/rule-08.json"),
    include_str!("../cases/rule-09.json"),
    include_str!("../cases/rule-10.json"),
    include_str!("../cases/rule-11.json"),
    include_str!("../cases/rule-12.json"),
];

/// The requirements of the contract on a call.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// The required part of the returned value.
    pub returns: Value,
    /// The exact effects.
    #[serde(default)]
    pub effects: Vec<Value>,
    /// Notes that a preview must not have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without_notes: Vec<Value>,
}

/// One case.
#[derive(Clone)]
pub struct Case {
    /// The number of the rule that it proves. `None` in a case of a plugin's author.
    pub rule: Option<u8>,
    /// A title.
    pub case: String,
    /// The situation.
    pub situation: Situation,
    /// The case is about this password, not about any that the plugin accepts.
    pub names_password: bool,
    /// The call.
    pub call: Call,
    /// The differences from the base's situation, as they are written.
    pub given: Value,
    /// The call, as it is written.
    pub written_call: Value,
    /// The accepted answers. Empty if the implementation chooses.
    pub expect: Vec<Expectation>,
}

/// The rule that the cases of a file prove.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseFile {
    rule: u8,
    title: String,
    cases: Vec<Written>,
}

/// The JSON form of a case: its situation has only the differences from the base.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    case: String,
    #[serde(default)]
    given: Map<String, Value>,
    call: Value,
    expect: Option<Expected>,
}

/// The accepted answer, or several if the contract allows more than one.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Expected {
    This(Expectation),
    OneOf(Vec<Expectation>),
}

impl From<Expected> for Vec<Expectation> {
    fn from(expected: Expected) -> Self {
        match expected {
            Expected::This(this) => vec![this],
            Expected::OneOf(these) => these,
        }
    }
}

impl Case {
    /// Merges a case over the base.
    pub(super) fn new(rule: Option<u8>, base: &Base, written: Written) -> serde_json::Result<Self> {
        Ok(Self {
            rule,
            names_password: written.given.contains_key("password"),
            situation: base.situation_with(&written.given)?,
            case: written.case,
            call: serde_json::from_value(base.call_with(written.call.clone()))?,
            given: Value::Object(written.given),
            written_call: written.call,
            expect: written.expect.map(Vec::from).unwrap_or_default(),
        })
    }

    /// The same case, for a device that is also in these groups.
    pub(super) fn in_groups(&self, groups: &[String]) -> Self {
        let mut case = self.clone();
        case.case = format!("{}, for a device in {}", case.case, groups.join(", "));
        case.situation.device.groups.extend_from_slice(groups);
        case
    }
}

/// The version of the kit: that of this host, and a digest of the cases.
pub fn version() -> String {
    let mut digest = Sha256::new();
    for file in [BASE].into_iter().chain(FILES) {
        digest.update(file);
    }
    let digest: String = digest
        .finalize()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{}-{digest}", env!("CARGO_PKG_VERSION"))
}

/// The numbers and titles of the rules that the cases prove.
pub fn rules() -> serde_json::Result<BTreeMap<u8, String>> {
    files()
        .map(|file| file.map(|it| (it.rule, it.title)))
        .collect()
}

fn files() -> impl Iterator<Item = serde_json::Result<CaseFile>> {
    FILES.into_iter().map(serde_json::from_str)
}

/// Reads the cases.
pub fn cases() -> serde_json::Result<Vec<Case>> {
    let base = base()?;
    let mut cases = Vec::new();
    for file in files() {
        let file = file?;
        for written in file.cases {
            cases.push(Case::new(Some(file.rule), &base, written)?);
        }
    }
    Ok(cases)
}
