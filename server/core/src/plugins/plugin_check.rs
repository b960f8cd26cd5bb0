//! Conformance check of a plugin before it is activated. The result is recorded by the plugin's identity and the kit's
//! version, so that a later start is fast.

use crate::error::ServerError;
use mdm_conformance::{Finding, Thoroughness};
use mdm_password_component::REFERENCE;
use mdm_password_host::{Artifacts, LoadError, Plugin};
use sha2::{Digest as _, Sha256};

/// Number of random call sequences in a check.
const SEQUENCES: u32 = 50;

/// Limit of failed cases in an error.
const MAX_NAMED: usize = 5;

/// Errors with `DoesNotConform` if a plugin does not conform to the contract, also for devices in these groups.
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
        artifacts.note_passed(&plugin.identity(), &mdm_conformance::version());
    }
    Ok(())
}

/// Checks a plugin of the server's start, unless it was built together with the server or has passed before.
pub(super) fn check_at_start(
    plugin: &Plugin,
    artifacts: Option<&Artifacts>,
) -> Result<(), ServerError> {
    let has_passed =
        |it: &Artifacts| it.has_passed(&plugin.identity(), &mdm_conformance::version());
    if is_reference(plugin) || artifacts.is_some_and(has_passed) {
        return Ok(());
    }
    let digest = plugin.digest();
    tracing::info!(plugin = digest, "checks the plugin against the contract");
    check(plugin, artifacts, Vec::new())
}

fn is_reference(plugin: &Plugin) -> bool {
    plugin.has_default_settings() && plugin.has_digest(&Sha256::digest(REFERENCE).into())
}
