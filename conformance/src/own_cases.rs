//! The cases of a plugin's author, for the plugin's own rules. They have the form of the kit's cases, without a rule of
//! the feature, and may have settings.

use super::{
    base::base,
    case::{Case, Written},
    finding::Finding,
    judge_case::judge_as_written,
};
use mdm_password_host::Plugin;
use serde::Deserialize;
use serde_json::{Map, Value};

/// A file of cases of a plugin's author.
pub struct OwnCases {
    /// Its title.
    pub title: String,
    /// The settings of the plugin in these cases, a JSON object. `None` is its default settings.
    pub settings: Option<String>,
    cases: Vec<Case>,
}

/// The JSON form of a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    title: String,
    settings: Option<Map<String, Value>>,
    cases: Vec<Written>,
}

impl OwnCases {
    /// Reads a file. Errors with the place of the fault.
    pub fn parse(text: &str) -> serde_json::Result<Self> {
        let file: File = serde_json::from_str(text)?;
        let base = base()?;
        let cases = file.cases.into_iter();
        Ok(Self {
            title: file.title,
            settings: file.settings.map(|it| Value::Object(it).to_string()),
            cases: cases
                .map(|written| Case::new(None, &base, written))
                .collect::<serde_json::Result<_>>()?,
        })
    }

    /// Runs the cases, with a plugin that has their settings. A case is judged as it is written: its password is the
    /// one that it names, or that of the kit's base. A case without expectation is the plugin's choice.
    pub fn run(&self, plugin: &Plugin) -> Vec<Finding> {
        let cases = self.cases.iter();
        cases.map(|case| judge_as_written(plugin, case)).collect()
    }
}
