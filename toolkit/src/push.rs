//! `mdm-plugin push`: pushes a plugin to an OCI registry, in the CNCF's WebAssembly artifact format: a manifest with one
//! layer, the component. The annotations are what the plugin says of itself, and its signature.

use crate::{
    component,
    registry::{CONFIG, LAYER, Registry, RegistryOptions, SIGNATURE, explained},
};
use anyhow::{Context as _, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use clap::Args;
use mdm_contract::{
    PluginDescription,
    time::{self, Timestamp},
};
use mdm_password_host::{Inspection, inspect, read_signature};
use mdm_terminal::{out, values};
use oci_client::{
    RegistryOperation,
    client::{Config, ImageLayer},
    manifest::OciImageManifest,
};
use serde::Serialize;
use serde_json::json;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

#[derive(Args)]
pub(crate) struct Push {
    /// The component. If FILE.minisig is there, it is pushed along.
    file: PathBuf,
    #[command(flatten)]
    registry: RegistryOptions,
    /// Print JSON, for scripts.
    #[arg(long)]
    json: bool,
}

/// The result of a push.
#[derive(Serialize)]
struct Pushed {
    /// The reference by digest, which pulls this plugin even if the tag moves.
    reference: String,
    /// The digest of the component, by which a host can pin it.
    digest: String,
    /// It was pushed with a signature.
    is_signed: bool,
}

impl Push {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let Self {
            file,
            registry,
            json,
        } = self;
        let component = component::read(&file)?;
        let description = component::load(&file)?.description().clone();
        let signature = read_signature(&file)?;
        let created = created(&file)?;
        registry.run(async |registry| {
            let pushed = push(&registry, component, &description, signature, created).await;
            let pushed =
                pushed.with_context(|| format!("{} can't be pushed", registry.reference))?;
            match json {
                true => out::line(values::json(&pushed)?)?,
                false => out::text(page(&pushed))?,
            }
            Ok(())
        })
    }
}

/// The time at which a file was last changed: the same file makes the same artifact.
fn created(file: &Path) -> anyhow::Result<Timestamp> {
    let changed = fs::metadata(file)?.modified()?;
    let since = changed.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(since.as_secs() * 1000)
}

async fn push(
    registry: &Registry,
    component: Vec<u8>,
    description: &PluginDescription,
    signature: Option<String>,
    created: Timestamp,
) -> anyhow::Result<Pushed> {
    let Registry {
        reference,
        client,
        auth,
    } = registry;
    ensure!(
        reference.digest().is_none(),
        "a push needs a tag, such as :{}: its digest follows from its content",
        description.version
    );
    let inspection = inspect(&component)?;
    let digest = format!("sha256:{}", inspection.digest);
    let is_signed = signature.is_some();
    let layer = ImageLayer::new(component, LAYER.to_owned(), None);
    let config = config(&inspection, &digest, created)?;
    let annotations = annotations(description, signature);
    let layers = [layer];
    let manifest = OciImageManifest::build(&layers, &config, Some(annotations));
    let signed_in = client.auth(reference, auth, RegistryOperation::Push).await;
    signed_in.map_err(explained)?;
    let pushed = client
        .push(reference, &layers, config, auth, Some(manifest))
        .await;
    pushed.map_err(explained)?;
    let manifest = client.fetch_manifest_digest(reference, auth).await;
    let manifest = manifest.map_err(explained)?;
    Ok(Pushed {
        reference: reference.clone_with_digest(manifest).to_string(),
        digest,
        is_signed,
    })
}

/// The configuration of a WebAssembly artifact.
fn config(inspection: &Inspection, digest: &str, created: Timestamp) -> anyhow::Result<Config> {
    let imports: Vec<&str> = inspection
        .imports
        .iter()
        .map(|it| it.name.as_str())
        .collect();
    let config = json!({
        "created": time::rfc3339(created),
        "architecture": "wasm",
        "os": "wasip2",
        "layerDigests": [digest],
        "component": { "exports": inspection.exports, "imports": imports, "target": null },
    });
    Ok(Config::new(
        serde_json::to_vec(&config)?,
        CONFIG.to_owned(),
        None,
    ))
}

/// The annotations of the manifest: what the plugin says of itself, and its signature.
fn annotations(
    description: &PluginDescription,
    signature: Option<String>,
) -> BTreeMap<String, String> {
    let told = [
        ("org.opencontainers.image.title", &description.name),
        ("org.opencontainers.image.version", &description.version),
        ("org.opencontainers.image.description", &description.summary),
    ];
    let told = told.map(|(name, text)| (name.to_owned(), text.clone()));
    let signature = signature.map(|it| (SIGNATURE.to_owned(), BASE64.encode(it)));
    told.into_iter().chain(signature).collect()
}

fn page(pushed: &Pushed) -> String {
    let signed = match pushed.is_signed {
        true => "yes",
        false => "no: `mdm-plugin sign` makes a signature, and another push takes it along",
    };
    format!(
        "pushed as  {}\ndigest     {}\nsigned     {signed}\n",
        pushed.reference, pushed.digest
    )
}
