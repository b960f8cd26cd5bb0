//! A registry of its own on the loopback, as a process, and what others push into it.

use mdm_tests::{
    debian,
    test_environment::{TIMEOUT, free_port},
};
use oci_client::{
    Client, Reference,
    client::{Certificate, CertificateEncoding, ClientConfig, ClientProtocol, Config, ImageLayer},
    manifest::OciImageManifest,
    secrets::RegistryAuth,
};
use serde_json::{Value, json};
use std::{
    fs,
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};
use tempfile::TempDir;

const PROGRAM: &str = "usr/bin/docker-registry";

/// The user of a registry, the password, and the password's hash.
pub(super) const USER: &str = "acme";
pub(super) const PASSWORD: &str = "open sesame";
const HASH: &str = "$2b$04$vkVergt7yTerL9FnraRAWuuJea5AEV8Rv5hTw5wu9cmCyE/1ykfQS";

/// A running registry. It ends with this, and so does what was pushed into it.
pub(super) struct Registry {
    folder: TempDir,
    address: String,
    authority: Option<PathBuf>,
    /// The file of users, which the registry reads again and again.
    users: Option<TempDir>,
    process: Child,
}

/// A push: the types and the content of a WebAssembly artifact by default.
pub(super) struct Push<'a> {
    pub(super) config: &'a str,
    pub(super) layers: &'a [(&'a str, &'a [u8])],
    /// The size of the first layer, where the manifest is not to tell the true one.
    pub(super) size: Option<i64>,
}

impl<'a> Push<'a> {
    pub(super) const fn layers(layers: &'a [(&'a str, &'a [u8])]) -> Self {
        Self {
            config: "application/vnd.wasm.config.v0+json",
            layers,
            size: None,
        }
    }
}

impl Registry {
    /// One that lets everybody in, by plain HTTP.
    pub(super) fn start() -> Self {
        Self::with(json!({}), json!({}), None)
    }

    /// One that asks who is there.
    pub(super) fn that_asks() -> Self {
        let users = TempDir::new().unwrap();
        let file = users.path().join("users");
        fs::write(&file, format!("{USER}:{HASH}\n")).unwrap();
        let auth = json!({"htpasswd": {"realm": "lab", "path": file}});
        let mut registry = Self::with(json!({}), auth, None);
        registry.users = Some(users);
        registry
    }

    /// One that speaks TLS, with this certificate of 127.0.0.1.
    pub(super) fn with_tls(certificate: &Path, key: &Path, authority: &Path) -> Self {
        let tls = json!({"certificate": certificate, "key": key});
        Self::with(tls, json!({}), Some(authority.to_owned()))
    }

    fn with(tls: Value, auth: Value, authority: Option<PathBuf>) -> Self {
        let folder = TempDir::new().unwrap();
        let address = format!("127.0.0.1:{}", free_port().unwrap());
        // JSON is valid YAML.
        let config = json!({
            "version": "0.1",
            "log": {"level": "error"},
            "storage": {"filesystem": {"rootdirectory": folder.path().join("data")}},
            "http": {"addr": address, "tls": tls},
            "auth": auth,
        });
        let file = folder.path().join("config.yml");
        fs::write(&file, config.to_string()).unwrap();
        let process = debian::program(PROGRAM)
            .unwrap()
            .arg("serve")
            .arg(&file)
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!(
                    "{PROGRAM}: {error}: `cargo xtask test` sets it up, or install Debian's package"
                )
            });
        let mut registry = Self {
            folder,
            address,
            authority,
            users: None,
            process,
        };
        registry.wait();
        registry
    }

    fn wait(&mut self) {
        let deadline = Instant::now() + TIMEOUT;
        while TcpStream::connect(&self.address).is_err() {
            let ended = self.process.try_wait().unwrap();
            assert!(ended.is_none(), "the registry did not start: {ended:?}");
            assert!(Instant::now() < deadline, "the registry does not listen");
            sleep(Duration::from_millis(5));
        }
    }

    /// The reference of a plugin in it: `127.0.0.1:…/` and this name.
    pub(super) fn reference(&self, name: &str) -> String {
        format!("{}/{name}", self.address)
    }

    /// Pushes an artifact, and gives the digest of its manifest.
    pub(super) fn push(&self, name: &str, push: &Push<'_>) -> String {
        let reference: Reference = self.reference(name).parse().unwrap();
        let layers: Vec<ImageLayer> = push
            .layers
            .iter()
            .map(|(kind, bytes)| ImageLayer::new(bytes.to_vec(), (*kind).to_owned(), None))
            .collect();
        let config = Config::new(&b"{}"[..], push.config.to_owned(), None);
        let mut manifest = OciImageManifest::build(&layers, &config, None);
        if let Some(size) = push.size {
            manifest.layers[0].size = size;
        }
        let auth = RegistryAuth::Basic(USER.to_owned(), PASSWORD.to_owned());
        let client = self.client();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let pushed = client.push(&reference, &layers, config, &auth, Some(manifest));
            pushed.await.unwrap();
            client
                .fetch_manifest_digest(&reference, &auth)
                .await
                .unwrap()
        })
    }

    /// The manifest of an artifact in it.
    pub(super) fn manifest(&self, name: &str) -> Value {
        let reference: Reference = self.reference(name).parse().unwrap();
        let auth = RegistryAuth::Basic(USER.to_owned(), PASSWORD.to_owned());
        let client = self.client();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (manifest, _) = runtime
            .block_on(client.pull_manifest(&reference, &auth))
            .unwrap();
        serde_json::to_value(manifest).unwrap()
    }

    fn client(&self) -> Client {
        // The client wants to know what TLS is done with, also where it speaks plain HTTP.
        let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
        let authority = self.authority.as_ref().map(|file| Certificate {
            encoding: CertificateEncoding::Pem,
            data: fs::read(file).unwrap(),
        });
        let config = ClientConfig {
            protocol: match &authority {
                Some(_) => ClientProtocol::Https,
                None => ClientProtocol::Http,
            },
            tls_certs_only: authority.into_iter().collect(),
            ..ClientConfig::default()
        };
        Client::try_from(config).unwrap()
    }

    /// Changes one bit of what is stored under this digest, as who can write to the registry's disk can.
    pub(super) fn tamper(&self, digest: &str) {
        let hex = digest.strip_prefix("sha256:").unwrap();
        let blobs = self
            .folder
            .path()
            .join("data/docker/registry/v2/blobs/sha256");
        let file = blobs.join(&hex[..2]).join(hex).join("data");
        let mut bytes = fs::read(&file).unwrap();
        // A space or a digit, in JSON: what it says is changed, not that it can be read.
        let place = bytes.iter().rposition(|it| it.is_ascii_digit()).unwrap();
        bytes[place] ^= 1;
        fs::write(&file, bytes).unwrap();
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // A process that is gone already needs no killing.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
