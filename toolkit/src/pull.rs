//! `mdm-plugin pull`: pulls a plugin from an OCI registry, in the CNCF's WebAssembly artifact format: a manifest with
//! one layer, the component.

use crate::{
    atomic,
    component::size,
    registry::{CONFIG, LAYER, Registry, RegistryOptions, SIGNATURE, explained},
    trusted_keys,
};
use anyhow::{Context as _, bail, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use clap::Args;
use mdm_password_host::signature_file;
use mdm_terminal::{out, values};
use oci_client::{
    RegistryOperation,
    manifest::{OciDescriptor, OciImageManifest, OciManifest},
};
use serde::Serialize;
use std::{fs, io::Cursor, path::PathBuf};

/// Maximum size of a plugin, in MiB: ten times that of one with an interpreter.
const MAX_BYTES: usize = 64;

#[derive(Args)]
pub(crate) struct Pull {
    #[command(flatten)]
    registry: RegistryOptions,
    /// The output file. By default in this folder, named after the last part of its name, as `.wasm`.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write only what is signed with this public key of minisign, or with the one in this file. Can be given more than
    /// once.
    #[arg(long = "key", value_name = "KEY")]
    keys: Vec<String>,
    /// Print JSON, for scripts.
    #[arg(long)]
    json: bool,
}

/// The result of a pull.
#[derive(Serialize)]
struct Pulled {
    /// The file that it is in.
    file: PathBuf,
    /// Its size in bytes.
    size: usize,
    /// Its digest, by which a host can pin it.
    digest: String,
    /// The reference by digest, which pulls the same plugin even if the tag moves.
    reference: String,
    /// The file of its signature, if it was pushed with one.
    signature: Option<PathBuf>,
}

/// A plugin as it came.
struct Fetched {
    component: Vec<u8>,
    digest: String,
    manifest_digest: String,
    signature: Option<String>,
}

impl Pull {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let Self {
            registry,
            output,
            keys,
            json,
        } = self;
        let trust = trusted_keys::trust(&keys)?;
        registry.run(async |registry| {
            let reference = &registry.reference;
            let refused = || format!("{reference} can't be pulled");
            let fetched = fetch(&registry).await.with_context(refused)?;
            trust
                .check(&fetched.component, fetched.signature.as_deref())
                .with_context(refused)?;
            let file = output.unwrap_or_else(|| {
                let name = reference.repository();
                let (_, word) = name.rsplit_once('/').unwrap_or(("", name));
                PathBuf::from(format!("{word}.wasm"))
            });
            let signature = write(&file, &fetched)?;
            let pulled = Pulled {
                file,
                size: fetched.component.len(),
                digest: fetched.digest,
                reference: reference
                    .clone_with_digest(fetched.manifest_digest)
                    .to_string(),
                signature,
            };
            match json {
                true => out::line(values::json(&pulled)?)?,
                false => out::text(page(&pulled))?,
            }
            Ok(())
        })
    }
}

/// Writes the plugin, and its signature beside it, whose file is returned. A signature of before is removed.
fn write(file: &PathBuf, fetched: &Fetched) -> anyhow::Result<Option<PathBuf>> {
    let beside = signature_file(file);
    let unwritten = |path: &PathBuf| format!("{} can't be written", path.display());
    // First, so that the plugin never lies beside the signature of another one.
    if let Err(error) = fs::remove_file(&beside)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Err(error).with_context(|| unwritten(&beside));
    }
    atomic::write(file, &fetched.component).with_context(|| unwritten(file))?;
    let Some(signature) = &fetched.signature else {
        return Ok(None);
    };
    atomic::write(&beside, signature.as_bytes()).with_context(|| unwritten(&beside))?;
    Ok(Some(beside))
}

/// Fetches the plugin. The library verifies the digests of manifest and component.
async fn fetch(registry: &Registry) -> anyhow::Result<Fetched> {
    let Registry {
        reference,
        client,
        auth,
    } = registry;
    // A pull also signs in, but hides the error.
    let signed_in = client.auth(reference, auth, RegistryOperation::Pull).await;
    signed_in.map_err(explained)?;
    let manifest = client.pull_manifest(reference, auth).await;
    let (manifest, manifest_digest) = manifest.map_err(explained)?;
    let manifest = of_webassembly(&manifest)?;
    let layer = component_of(manifest)?;
    let declared = usize::try_from(layer.size).unwrap_or(usize::MAX);
    ensure!(
        declared <= MAX_BYTES << 20,
        "it has {declared} bytes, and the limit is {MAX_BYTES} MiB: leave out of it what a plugin doesn't need"
    );
    let mut component = vec![0; declared];
    let mut space = Cursor::new(&mut component[..]);
    // By digest only: a layer's URLs can name other places than the admin's registry.
    let digest = layer.digest.as_str();
    let came_whole = client.pull_blob(reference, digest, &mut space).await;
    came_whole.map_err(explained)?;
    let came = space.position();
    ensure!(
        came == declared as u64,
        "{came} bytes came, and its manifest says {declared}: ask who pushed it to do so again"
    );
    let signature = manifest
        .annotations
        .as_ref()
        .and_then(|it| it.get(SIGNATURE));
    Ok(Fetched {
        component,
        digest: layer.digest.clone(),
        manifest_digest,
        signature: signature.map(|it| decoded(it.as_str())).transpose()?,
    })
}

/// The signature in an annotation.
fn decoded(annotation: &str) -> anyhow::Result<String> {
    let bytes = BASE64.decode(annotation).ok();
    bytes
        .and_then(|it| String::from_utf8(it).ok())
        .with_context(|| format!("its annotation {SIGNATURE} is no signature in base64: {PUSH}"))
}

/// The remedy for an artifact that is no plugin.
const PUSH: &str =
    "push the component with a tool for WebAssembly, such as `mdm-plugin push`, and pull that";

/// The manifest of a WebAssembly artifact.
fn of_webassembly(manifest: &OciManifest) -> anyhow::Result<&OciImageManifest> {
    let manifest = match manifest {
        OciManifest::Image(manifest) => manifest,
        OciManifest::ImageIndex(_) => bail!(
            "it is a list of artifacts for several platforms: name one of them by its digest, or {PUSH}"
        ),
    };
    let kind = &manifest.config.media_type;
    ensure!(
        kind == CONFIG,
        "it is of type {kind}, not {CONFIG}, so it is no WebAssembly: {PUSH}"
    );
    Ok(manifest)
}

/// The single layer of a plugin's manifest.
fn component_of(manifest: &OciImageManifest) -> anyhow::Result<&OciDescriptor> {
    let [layer] = &manifest.layers[..] else {
        bail!(
            "it has {} layers, and a plugin has one: {PUSH}",
            manifest.layers.len()
        );
    };
    let kind = &layer.media_type;
    ensure!(
        kind == LAYER,
        "its layer is of type {kind}, not {LAYER}, so it is no component: {PUSH}"
    );
    ensure!(
        layer.digest.starts_with("sha256:"),
        "its layer is named by {}, and plugins are known by SHA-256: {PUSH}",
        layer.digest
    );
    Ok(layer)
}

fn page(pulled: &Pulled) -> String {
    let file = pulled.file.display();
    let signature = match &pulled.signature {
        Some(signature) => signature.display().to_string(),
        None => "none".to_owned(),
    };
    format!(
        "file       {file}\n\
         size       {}\n\
         digest     {}\n\
         pulled as  {}\n\
         signature  {signature}\n\
         \n\
         `mdm-plugin inspect {file}` shows what it wants. `mdm-server serve --trust-digest {}`\n\
         uses no other plugin.\n",
        size(pulled.size),
        pulled.digest,
        pulled.reference,
        pulled.digest
    )
}
