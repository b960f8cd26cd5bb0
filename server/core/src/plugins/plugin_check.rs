//! The check before a plugin decides: it passes the conformance kit. That it has is noted by its digest and the version
//! of the kit, so that a later start is fast.

use crate::error::ServerError;
use mdm_conformance::{Finding, Thoroughness};
use mdm_password_component::REFERENCE;
use mdm_password_host::{Artifacts, LoadError, Plugin};
use sha2::{Digest as _, Sha256};

/// How many random sequences of calls a check makes.
const SEQUENCES: u32 = 50;

/// The most failed cases that a refusal names.
const MAX_NAMED: usize = 5;

/// Errors with `DoesNotConform` if a plugin does not do what the contract requires, also for devices in these groups.
pub(super) fn check(
    plugin: &Plugin,
    artifacts: Option<&Artifacts>,
    groups: Vec<String>,
) -> Result<(), ServerError> {
    let thoroughness = Thoroughness {
        seed: 1,
        sequences: SEQUENCES,
        shrink: false,
        groups,
    };
    let conformance = mdm_conformance::check(plugin, &thoroughness)
        .map_err(|error| LoadError::Engine(error.to_string()))?;
    let name = |finding: &Finding| finding.case.clone();
    let failed: Vec<String> = conformance.failures().map(name).collect();
    if !failed.is_empty() {
        return Err(ServerError::DoesNotConform {
            failed: failed.len(),
            cases: conformance.findings.len(),
            first: failed.into_iter().take(MAX_NAMED).collect(),
        });
    }
    if let Some(artifacts) = artifacts {
        artifacts.note_passed(&plugin.digest(), &mdm_conformance::version());
    }
    Ok(())
}

/// The same for a plugin that the host is about to start with, unless it was built together with the host, or has
/// passed before.
pub(super) fn check_at_start(
    plugin: &Plugin,
    artifacts: Option<&Artifacts>,
) -> Result<(), ServerError> {
    let has_passed = |it: &Artifacts| it.has_passed(&plugin.digest(), &mdm_conformance::version());
    if is_reference(plugin) || artifacts.is_some_and(has_passed) {
        return Ok(());
    }
    let digest = plugin.digest();
    tracing::info!(plugin = digest, "checks the plugin against the contract");
    check(plugin, artifacts, Vec::new())
}

fn is_reference(plugin: &Plugin) -> bool {
    plugin.has_digest(&Sha256::digest(REFERENCE).into())
}
