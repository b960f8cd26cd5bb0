//! Compiled plugins, and which of them have passed the conformance kit, kept between starts of the host, or made
//! ahead of time. Such an artifact is machine code: it is loaded only if this host made it, which a keyed digest over
//! the whole of it shows. It holds the component that it was made from, too, so that another version of this host can
//! compile that again.

use super::{digest::hex, error::LoadError};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io,
    path::{Path, PathBuf},
};
use wasmtime::{Engine, component::Component};

/// The first bytes of an artifact. After them come the engine's fingerprint, the component's digest, the
/// keyed digest over all but itself, the component with its length before it, and the code.
const MAGIC: &[u8; 16] = b"mdm-plugin-code\n";
const ENGINE_LENGTH: usize = 8;
const DIGEST_LENGTH: usize = 32;
const TAG_LENGTH: usize = 32;
const LENGTH_LENGTH: usize = 8;

/// The purpose of the key, in the derivation from a host's secret: a counter, then words.
const KEY_PURPOSE: &[u8] = b"\0\0\0\0compiled plugins";

/// A folder of compiled plugins, and the key that vouches for them.
pub struct Artifacts {
    folder: PathBuf,
    key: [u8; 32],
}

/// The parts of an artifact.
struct Parts<'a> {
    engine: &'a [u8],
    digest: &'a [u8],
    tag: &'a [u8],
    component: &'a [u8],
    code: &'a [u8],
}

/// The component in a plugin's file: the file itself, or the component inside an artifact. Loading verifies the
/// artifact; this function does not.
pub fn component_of(file: &[u8]) -> Result<&[u8], LoadError> {
    match Artifacts::is_artifact(file) {
        true => Ok(Parts::of(file).ok_or(LoadError::Altered)?.component),
        false => Ok(file),
    }
}

impl Artifacts {
    /// Derives the key that authenticates compiled plugins from the host's secret.
    #[allow(clippy::expect_used)]
    pub fn key_of(host_secret: &[u8; 32]) -> [u8; 32] {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(host_secret).expect("HMAC takes a key of any length");
        mac.update(KEY_PURPOSE);
        mac.finalize().into_bytes().into()
    }

    /// Opens a folder, and creates it if it is missing. `key` must be this host's own secret.
    pub fn open(folder: &Path, key: [u8; 32]) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            key,
        })
    }

    /// Returns `true` if these are the bytes of an artifact, of this host or another.
    pub(super) fn is_artifact(bytes: &[u8]) -> bool {
        bytes.starts_with(MAGIC)
    }

    /// The plugin of an artifact, and its component's digest. Errors if the artifact is not of this host.
    pub(super) fn load(
        &self,
        engine: &Engine,
        artifact: &[u8],
    ) -> Result<(Component, [u8; 32]), LoadError> {
        let parts = Parts::of(artifact).ok_or(LoadError::Altered)?;
        let mac = self.mac(&parts);
        mac.verify_slice(parts.tag)
            .map_err(|_| LoadError::Altered)?;
        if parts.engine != fingerprint(engine) {
            return Err(LoadError::OtherEngine);
        }
        let digest = parts.digest.try_into().map_err(|_| LoadError::Altered)?;
        let component = load_trusted(engine, parts.code).ok_or(LoadError::OtherEngine)?;
        Ok((component, digest))
    }

    /// The artifact of a component.
    pub(super) fn make(
        &self,
        engine: &Engine,
        compiled: &Component,
        component: &[u8],
        digest: &[u8; 32],
    ) -> Result<Vec<u8>, LoadError> {
        let code = compiled
            .serialize()
            .map_err(|error| LoadError::Engine(format!("{error:#}")))?;
        let parts = Parts {
            engine: &fingerprint(engine),
            digest,
            tag: &[],
            component,
            code: &code,
        };
        let tag = self.mac(&parts).finalize().into_bytes();
        Ok(Parts { tag: &tag, ..parts }.to_bytes())
    }

    /// The stored plugin of this component digest, if it is here and authentic.
    pub(super) fn find(&self, engine: &Engine, digest: &[u8; 32]) -> Option<Component> {
        let path = self.path(digest);
        let artifact = fs::read(&path).ok()?;
        match self.load(engine, &artifact) {
            Ok((component, of)) if of == *digest => Some(component),
            Ok(_) => None,
            Err(error) => {
                tracing::warn!(%error, path = %path.display(), "a stored plugin is compiled again");
                None
            }
        }
    }

    /// Keeps an artifact, to be found at the next start.
    pub(super) fn keep(&self, artifact: &[u8], digest: &[u8; 32]) {
        let path = self.path(digest);
        let temporary = path.with_extension(format!("new-{}", std::process::id()));
        let kept = fs::write(&temporary, artifact).and_then(|()| fs::rename(&temporary, &path));
        if let Err(error) = kept {
            tracing::warn!(%error, path = %path.display(), "a compiled plugin was not stored");
        }
    }

    /// Returns `true` if this host noted that the plugin of this identity has passed this version of the conformance
    /// kit.
    pub fn has_passed(&self, identity: &str, kit: &str) -> bool {
        let Ok(note) = fs::read(self.note_path(identity)) else {
            return false;
        };
        self.note_mac(identity, kit).verify_slice(&note).is_ok()
    }

    /// Notes that it has, for the next start.
    pub fn note_passed(&self, identity: &str, kit: &str) {
        let path = self.note_path(identity);
        let note = self.note_mac(identity, kit).finalize().into_bytes();
        if let Err(error) = fs::write(&path, note) {
            tracing::warn!(%error, path = %path.display(), "the passed check of a plugin was not stored");
        }
    }

    fn note_path(&self, identity: &str) -> PathBuf {
        self.folder.join(identity).with_extension("passed")
    }

    fn note_mac(&self, identity: &str, kit: &str) -> Hmac<Sha256> {
        let mut mac = self.keyed();
        mac.update(b"passed\n");
        mac.update(identity.as_bytes());
        mac.update(kit.as_bytes());
        mac
    }

    fn path(&self, digest: &[u8; 32]) -> PathBuf {
        let name = hex(&digest[..16]);
        self.folder.join(name).with_extension("compiled")
    }

    #[allow(clippy::expect_used)]
    fn keyed(&self) -> Hmac<Sha256> {
        Hmac::new_from_slice(&self.key).expect("HMAC takes a key of any length")
    }

    fn mac(&self, parts: &Parts<'_>) -> Hmac<Sha256> {
        let mut mac = self.keyed();
        mac.update(parts.engine);
        mac.update(parts.digest);
        mac.update(&length(parts.component));
        mac.update(parts.component);
        mac.update(parts.code);
        mac
    }
}

impl<'a> Parts<'a> {
    fn of(artifact: &'a [u8]) -> Option<Self> {
        let rest = artifact.strip_prefix(MAGIC)?;
        let (engine, rest) = rest.split_at_checked(ENGINE_LENGTH)?;
        let (digest, rest) = rest.split_at_checked(DIGEST_LENGTH)?;
        let (tag, rest) = rest.split_at_checked(TAG_LENGTH)?;
        let (length, rest) = rest.split_at_checked(LENGTH_LENGTH)?;
        let length = u64::from_le_bytes(length.try_into().ok()?);
        let (component, code) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        Some(Self {
            engine,
            digest,
            tag,
            component,
            code,
        })
    }

    fn to_bytes(&self) -> Vec<u8> {
        let length = length(self.component);
        let Self {
            engine,
            digest,
            tag,
            component,
            code,
        } = self;
        [
            MAGIC.as_slice(),
            engine,
            digest,
            tag,
            &length,
            component,
            code,
        ]
        .concat()
    }
}

fn length(component: &[u8]) -> [u8; LENGTH_LENGTH] {
    (component.len() as u64).to_le_bytes()
}

/// Fingerprint of the engine's version and settings, for a clear error on artifacts of another engine. wasmtime itself
/// refuses those that the fingerprint misses.
fn fingerprint(engine: &Engine) -> [u8; ENGINE_LENGTH] {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.finish().to_le_bytes()
}

#[allow(unsafe_code)]
fn load_trusted(engine: &Engine, code: &[u8]) -> Option<Component> {
    // SAFETY: `deserialize` runs its input as machine code. These bytes come from this host's `Component::serialize`:
    // verified with a key that only this host has. wasmtime refuses those of another version or settings.
    unsafe { Component::deserialize(engine, code) }.ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, Runtime};
    use mdm_password_component::REFERENCE;

    #[test]
    fn the_key_of_a_host_is_always_the_same_or_all_kept_plugins_would_be_void() {
        let key = Artifacts::key_of(&[7; 32]);
        let known = "7e884c8f4f27c4a6806e0faa5413d38abbcab2c23f6124c0ba0a1c201ab13c58";
        assert_eq!(hex(&key), known);
    }

    #[test]
    fn an_artifact_of_another_engine_is_refused_for_that_reason_even_if_this_host_made_it() {
        let limits = Limits {
            instances: 1,
            ..Limits::default()
        };
        let runtime = Runtime::new(limits).unwrap();
        let folder = std::env::temp_dir().join(format!("mdm-artifact-{}", std::process::id()));
        let artifacts = Artifacts::open(&folder, [7; 32]).unwrap();
        let artifact = runtime.compile_ahead(REFERENCE, &artifacts).unwrap();
        let parts = Parts::of(&artifact).unwrap();
        assert_eq!(component_of(&artifact).unwrap(), REFERENCE);
        let other: Vec<u8> = parts.engine.iter().map(|byte| !byte).collect();
        let parts = Parts {
            engine: &other,
            ..parts
        };
        let tag = artifacts.mac(&parts).finalize().into_bytes();
        let of_another = Parts { tag: &tag, ..parts }.to_bytes();
        assert!(runtime.load(&artifact, Some(&artifacts)).is_ok());
        let refused = runtime.load(&of_another, Some(&artifacts)).map(|_| ());
        assert!(
            matches!(refused, Err(LoadError::OtherEngine)),
            "{refused:?}"
        );
        fs::remove_dir_all(folder).unwrap();
    }
}
