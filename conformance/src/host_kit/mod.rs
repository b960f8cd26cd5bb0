//! The kit for hosts: drives a program around a host, and judges what the host lets a probe do. The protocol and the
//! cases are in `conformance/hosts`.

mod case;
mod components;
mod expectation;
mod judge;
mod program;
mod report;
mod session;

pub use program::ProgramError;
pub use report::{HostFinding, HostReport, HostVerdict};

use self::{case::HostCases, components::Components, session::Session};
use std::{io, process::Command};

/// The error of a check that can't be made.
#[derive(Debug, thiserror::Error)]
pub enum HostKitError {
    /// The probe could not be written for the host to load.
    #[error("the probe can't be written into a temporary folder: {0}")]
    Components(#[source] io::Error),
    /// The program does not start, or does not answer the first request.
    #[error("the program of the host: {0}")]
    Program(#[from] ProgramError),
    /// There is no case with this id.
    #[error("there is no case {0}: `conformance/hosts/cases.json` has them all")]
    UnknownCase(String),
    /// A case of the kit can't be read.
    #[error("a case of the kit: {0}")]
    Case(#[from] serde_json::Error),
}

/// Checks a host: runs each case through this program, which speaks the protocol of `conformance/hosts/README.md` on its
/// stdin and stdout. `probe` is the component of the probe. A program that ends or does not answer is started again for
/// the next case. `only` has the ids of the cases to run; all, if it is empty.
pub fn check_host(
    command: &mut Command,
    probe: &[u8],
    only: &[String],
) -> Result<HostReport, HostKitError> {
    let cases = HostCases::read()?;
    let is_known = |id: &&String| cases.cases.iter().any(|it| it.id == **id);
    if let Some(id) = only.iter().find(|id| !is_known(id)) {
        return Err(HostKitError::UnknownCase(id.clone()));
    }
    let components = Components::write(probe).map_err(HostKitError::Components)?;
    let mut session = Session::start(command)?;
    let findings = cases
        .cases
        .iter()
        .filter(|it| only.is_empty() || only.contains(&it.id))
        .map(|case| match session.exceptions.get(&case.id) {
            Some(reason) => HostFinding::exempt(case, reason.clone()),
            None => judge::finding(case, &cases, &mut session, &components),
        })
        .collect();
    Ok(HostReport {
        host: session.host,
        duties: cases.duties,
        findings,
    })
}
