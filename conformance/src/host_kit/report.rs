//! The findings about a host.

use super::case::HostCase;
use serde::Serialize;
use std::collections::BTreeMap;

/// The findings of the kit about a host.
#[derive(Clone, Debug, Serialize)]
pub struct HostReport {
    /// The name that the host gave.
    pub host: String,
    /// The titles of the duties, by their numbers in `wit/README.md`.
    pub duties: BTreeMap<u8, String>,
    /// One for each case.
    pub findings: Vec<HostFinding>,
}

/// The verdict on a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostVerdict {
    /// The host kept its promise.
    Kept,
    /// The host broke its promise.
    Broken,
    /// The host says that it can't pass the case; it was not tried.
    Exempt,
}

/// The finding about one case.
#[derive(Clone, Debug, Serialize)]
pub struct HostFinding {
    /// The number of the duty in `wit/README.md`.
    pub duty: u8,
    /// The id of the case.
    pub id: String,
    /// The title of the case.
    pub case: String,
    /// The verdict.
    pub verdict: HostVerdict,
    /// The reasons: each fault, or the host's words.
    pub reasons: Vec<String>,
}

impl HostReport {
    /// The cases in which the host broke its promise.
    pub fn broken(&self) -> impl Iterator<Item = &HostFinding> {
        let is_broken = |it: &&HostFinding| it.verdict == HostVerdict::Broken;
        self.findings.iter().filter(is_broken)
    }
}

impl HostFinding {
    /// A case that was run, with its faults.
    pub(super) fn run(case: &HostCase, reasons: Vec<String>) -> Self {
        let verdict = match reasons.is_empty() {
            true => HostVerdict::Kept,
            false => HostVerdict::Broken,
        };
        Self::new(case, verdict, reasons)
    }

    /// A case that the host can't pass.
    pub(super) fn exempt(case: &HostCase, reason: String) -> Self {
        Self::new(case, HostVerdict::Exempt, vec![reason])
    }

    fn new(case: &HostCase, verdict: HostVerdict, reasons: Vec<String>) -> Self {
        Self {
            duty: case.duty,
            id: case.id.clone(),
            case: case.case.clone(),
            verdict,
            reasons,
        }
    }
}
