//! The provenance of a build: an in-toto statement (v1) with SLSA's provenance (v1) as its predicate.

use super::closure::Closure;
use serde_json::{Value, json};
use std::env;

/// The builder, unless MDM_BUILDER names another.
const BUILDER: &str = "urn:mdm-password:cargo-xtask-attest";

/// A commit, and where it is from.
pub(super) struct Source {
    pub(super) uri: String,
    pub(super) commit: String,
}

/// The statement on a component with this digest.
pub(super) fn of(
    closure: &Closure,
    source: &Source,
    digest: &str,
    lock: &str,
) -> anyhow::Result<Value> {
    let Source { uri, commit } = source;
    let mut materials = vec![
        json!({"uri": format!("git+{uri}@{commit}"), "digest": {"gitCommit": commit}}),
        json!({"uri": "Cargo.lock", "digest": {"sha256": lock}}),
    ];
    materials.extend(closure.crates.iter().filter_map(|(named, facts)| {
        let checksum = facts.checksum.as_ref()?;
        Some(json!({"uri": named.purl(), "digest": {"sha256": checksum}}))
    }));
    let builder = env::var("MDM_BUILDER").unwrap_or_else(|_| BUILDER.to_owned());
    Ok(json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "plugin.wasm", "digest": {"sha256": digest}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "urn:mdm-password:component",
                "externalParameters": {
                    "source": format!("git+{uri}@{commit}"),
                    "package": closure.root.name,
                },
                "internalParameters": {
                    "rustc": mdm_toolchain::compiler()?,
                    "target": mdm_toolchain::TARGET,
                    "command": "cargo xtask attest",
                },
                "resolvedDependencies": materials,
            },
            "runDetails": {"builder": {"id": builder}},
        },
    }))
}
