//! OCI registries: the options that name one, the client, and errors with their remedies.

use crate::credentials;
use anyhow::{Context as _, ensure};
use clap::Args;
use oci_client::{
    Client, Reference,
    client::{Certificate, CertificateEncoding, ClientConfig, ClientProtocol},
    errors::OciDistributionError,
    secrets::RegistryAuth,
};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use tokio_rustls::rustls::{
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};

/// The media type of the configuration of a WebAssembly artifact.
pub(crate) const CONFIG: &str = "application/vnd.wasm.config.v0+json";

/// The media type of its layer.
pub(crate) const LAYER: &str = "application/wasm";

/// The annotation of its manifest with the minisign signature of the component: its file in base64, because some
/// clients write line breaks into JSON as they are.
pub(crate) const SIGNATURE: &str = "mdm.password.minisig";

/// Timeout of a registry between two packets.
const SILENCE: Duration = Duration::from_secs(30);

/// A plugin in a registry, and how the registry is reached.
#[derive(Args)]
pub(crate) struct RegistryOptions {
    /// The plugin: registry/name:tag, or registry/name@sha256:… for what has this digest and nothing else.
    #[arg(value_name = "REFERENCE")]
    reference: String,
    /// The user for the registry. The password is taken from MDM_REGISTRY_PASSWORD. By default those of
    /// `docker login`.
    #[arg(long, env = "MDM_REGISTRY_USER")]
    user: Option<String>,
    /// A PEM file with the certificate of the authority that vouches for the registry, if the system doesn't
    /// know it.
    #[arg(long, env = "MDM_REGISTRY_CA_FILE", value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Ask without TLS: for a registry on this machine.
    #[arg(long)]
    plain_http: bool,
}

/// A plugin in a registry, and the client that reaches it.
pub(crate) struct Registry {
    pub(crate) reference: Reference,
    pub(crate) client: Client,
    pub(crate) auth: RegistryAuth,
}

impl RegistryOptions {
    /// Runs a task with the registry.
    pub(crate) fn run<F: Future<Output = anyhow::Result<()>>>(
        self,
        task: impl FnOnce(Registry) -> F,
    ) -> anyhow::Result<()> {
        // The cryptography of TLS. A second provider can't be installed, and isn't.
        let _ = ring::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let reference = self.reference()?;
        let registry = Registry {
            client: self.client()?,
            auth: credentials::of(self.user.as_deref(), reference.resolve_registry())?,
            reference,
        };
        let done = runtime.block_on(task(registry));
        // DNS look-up may still block a thread.
        runtime.shutdown_background();
        done
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

/// The error with its remedy.
pub(crate) fn explained(error: OciDistributionError) -> anyhow::Error {
    use OciDistributionError as Error;
    let advice = match &error {
        Error::RequestError(error) if error.is_connect() => {
            "the registry can't be reached: check its name; --ca-file names an authority that the system \
             doesn't know, --plain-http is for a registry without TLS"
        }
        Error::UnauthorizedError { .. }
        | Error::AuthenticationFailure(_)
        | Error::ServerError {
            code: 401 | 403, ..
        } => {
            "the registry lets nobody in like this: sign in with `docker login`, or give --user, and the password in \
             MDM_REGISTRY_PASSWORD"
        }
        Error::RegistryError { .. } => {
            "the registry refuses: check the name and the tag, and your permissions"
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
