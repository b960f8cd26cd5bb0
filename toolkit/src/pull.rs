//! `mdm-plugin pull`: pulls a plugin from an OCI registry, in the CNCF's WebAssembly artifact format: a manifest with
//! one layer, the component.

use crate::component::size;
use anyhow::{Context as _, bail, ensure};
use clap::Args;
use mdm_terminal::{out, values};
use oci_client::{
    Client, Reference, RegistryOperation,
    client::{Certificate, CertificateEncoding, ClientConfig, ClientProtocol},
    errors::OciDistributionError,
    manifest::{OciDescriptor, OciManifest},
    secrets::RegistryAuth,
};
use serde::Serialize;
use std::{
    env, fs,
    io::{Cursor, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};
use tokio_rustls::rustls::{
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};

/// The media type of the configuration of a WebAssembly artifact.
const CONFIG: &str = "application/vnd.wasm.config.v0+json";

/// The media type of its layer.
const LAYER: &str = "application/wasm";

/// Maximum size of a plugin, in MiB: ten times that of one with an interpreter.
const MAX_BYTES: usize = 64;

/// Timeout of a registry between two packets.
const SILENCE: Duration = Duration::from_secs(30);

#[derive(Args)]
pub(crate) struct Pull {
    /// The plugin: registry/name:tag, or registry/name@sha256:… for what has this digest and nothing else.
    reference: String,
    /// The output file. By default in this folder, named after the last part of its name, as `.wasm`.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The user for the registry. The password is taken from MDM_REGISTRY_PASSWORD.
    #[arg(long, env = "MDM_REGISTRY_USER")]
    user: Option<String>,
    /// A PEM file with the certificate of the authority that vouches for the registry, if the system doesn't
    /// know it.
    #[arg(long, env = "MDM_REGISTRY_CA_FILE", value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Ask without TLS: for a registry on this machine.
    #[arg(long)]
    plain_http: bool,
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
}

impl Pull {
    pub(super) fn run(self) -> anyhow::Result<()> {
        // The cryptography of TLS. A second provider can't be installed, and isn't.
        let _ = ring::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let pulled = runtime.block_on(self.pull());
        // DNS look-up may still block a thread.
        runtime.shutdown_background();
        pulled
    }

    async fn pull(self) -> anyhow::Result<()> {
        let reference = self.reference()?;
        let (client, auth) = (self.client()?, self.credentials()?);
        let (component, digest, manifest) = fetch(&client, &auth, &reference)
            .await
            .with_context(|| format!("{reference} can't be pulled"))?;
        let file = self.output.unwrap_or_else(|| {
            let name = reference.repository();
            let (_, word) = name.rsplit_once('/').unwrap_or(("", name));
            PathBuf::from(format!("{word}.wasm"))
        });
        write(&file, &component).with_context(|| format!("{} can't be written", file.display()))?;
        let pulled = Pulled {
            file,
            size: component.len(),
            digest,
            reference: reference.clone_with_digest(manifest).to_string(),
        };
        if self.json {
            out::line(values::json(&pulled)?)?;
        } else {
            out::text(page(&pulled))?;
        }
        Ok(())
    }

    fn reference(&self) -> anyhow::Result<Reference> {
        let name = &self.reference;
        let reference: Reference = name.parse().with_context(|| {
            format!(
                "`{name}` names no plugin: write it as registry/name:tag or registry/name@sha256:…"
            )
        })?;
        // The library has a default registry for names without one, which the admin did not choose.
        ensure!(
            name.starts_with(reference.registry()),
            "`{name}` names no registry: write it as registry/name:tag, such as localhost:5000/{name}"
        );
        Ok(reference)
    }

    fn credentials(&self) -> anyhow::Result<RegistryAuth> {
        let Some(user) = &self.user else {
            return Ok(RegistryAuth::Anonymous);
        };
        let password = env::var("MDM_REGISTRY_PASSWORD").with_context(|| {
            format!("no password for {user}: put it into MDM_REGISTRY_PASSWORD")
        })?;
        Ok(RegistryAuth::Basic(user.clone(), password))
    }

    fn client(&self) -> anyhow::Result<Client> {
        let authorities = match &self.ca_file {
            Some(file) => authorities(file)?,
            None => Vec::new(),
        };
        let config = ClientConfig {
            protocol: match self.plain_http {
                true => ClientProtocol::Http,
                false => ClientProtocol::Https,
            },
            tls_certs_only: authorities,
            connect_timeout: Some(SILENCE),
            read_timeout: Some(SILENCE),
            // A plugin is the same for every platform.
            platform_resolver: None,
            ..ClientConfig::default()
        };
        // `new` would fall back to defaults on a wrong configuration.
        Client::try_from(config).context("TLS can't be set up")
    }
}

/// The component of this reference, its digest, and that of its manifest. The library verifies both digests.
async fn fetch(
    client: &Client,
    auth: &RegistryAuth,
    reference: &Reference,
) -> anyhow::Result<(Vec<u8>, String, String)> {
    // A pull also signs in, but hides the error.
    let signed_in = client.auth(reference, auth, RegistryOperation::Pull).await;
    signed_in.map_err(explained)?;
    let manifest = client.pull_manifest(reference, auth).await;
    let (manifest, manifest_digest) = manifest.map_err(explained)?;
    let layer = component_of(&manifest)?;
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
    Ok((component, layer.digest.clone(), manifest_digest))
}

/// The single layer of a plugin's manifest.
fn component_of(manifest: &OciManifest) -> anyhow::Result<&OciDescriptor> {
    const PUSH: &str =
        "push the component with a tool for WebAssembly, such as `wkg oci push`, and pull that";
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

/// The error with its remedy.
fn explained(error: OciDistributionError) -> anyhow::Error {
    use OciDistributionError as Error;
    let advice = match &error {
        Error::RequestError(error) if error.is_connect() => {
            "the registry can't be reached: check its name; --ca-file names an authority that the system \
             doesn't know, --plain-http is for a registry without TLS"
        }
        Error::UnauthorizedError { .. } | Error::AuthenticationFailure(_) => {
            "the registry lets nobody in like this: give --user, and the password in MDM_REGISTRY_PASSWORD"
        }
        Error::RegistryError { .. } => {
            "the registry refuses: check the name and the tag, and whether you may read it"
        }
        Error::DigestError(_) => {
            "what came is not what the digest says: it was damaged or altered, so nothing was written"
        }
        // Writing to the buffer fails only if it is full.
        Error::IoError(_) => {
            "the registry sends more than its manifest says: ask who pushed it to do so again"
        }
        _ => "the registry does not answer as one does: is there one at this address?",
    };
    anyhow::Error::new(error).context(advice)
}

fn authorities(file: &Path) -> anyhow::Result<Vec<Certificate>> {
    let certificates: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
    let certificates =
        certificates.with_context(|| format!("the CA file {} can't be read", file.display()))?;
    // An empty list would make the library trust the system's authorities.
    ensure!(
        !certificates.is_empty(),
        "{} holds no PEM certificate",
        file.display()
    );
    let certificate = |der: CertificateDer<'_>| Certificate {
        encoding: CertificateEncoding::Der,
        data: der.to_vec(),
    };
    Ok(certificates.into_iter().map(certificate).collect())
}

/// Writes a file atomically: on an error, the old content stays.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut part = path.as_os_str().to_owned();
    part.push(format!(".{}.part", std::process::id()));
    let part = PathBuf::from(part);
    let write = || {
        let mut file = fs::File::create_new(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&part, path)
    };
    write().inspect_err(|_| {
        // The first error is the relevant one.
        let _ = fs::remove_file(&part);
    })
}

fn page(pulled: &Pulled) -> String {
    let file = pulled.file.display();
    format!(
        "file       {file}\n\
         size       {}\n\
         digest     {}\n\
         pulled as  {}\n\
         \n\
         `mdm-plugin inspect {file}` shows what it wants. `mdm-server serve --trust-digest {}`\n\
         uses no other plugin.\n",
        size(pulled.size),
        pulled.digest,
        pulled.reference,
        pulled.digest
    )
}
