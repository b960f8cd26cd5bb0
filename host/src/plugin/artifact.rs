//! Compiled components, kept between starts of the host. An artifact is machine code: it is loaded
//! only if this host made it, which a keyed digest over the whole of it shows.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::{
    fs, io,
    path::{Path, PathBuf},
};
use wasmtime::{Engine, component::Component};

/// A folder of compiled components, and the key that vouches for them.
pub struct Artifacts {
    folder: PathBuf,
    key: [u8; 32],
}

const TAG_LENGTH: usize = 32;

impl Artifacts {
    /// Opens a folder, which is made if it isn't there. `key` must be this host's own secret.
    pub fn open(folder: &Path, key: [u8; 32]) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            key,
        })
    }

    /// The compiled form of the component of this digest, if it is here, is intact, and was made by
    /// this host with this engine.
    pub(super) fn find(&self, engine: &Engine, digest: &[u8; 32]) -> Option<Component> {
        let file = fs::read(self.path(digest)).ok()?;
        let (tag, code) = file.split_at_checked(TAG_LENGTH)?;
        self.mac(digest, code)?.verify_slice(tag).ok()?;
        load_trusted(engine, code)
    }

    /// Keeps the compiled form of a component. What can't be kept is compiled again the next time.
    pub(super) fn keep(&self, component: &Component, digest: &[u8; 32]) {
        let Ok(code) = component.serialize() else {
            return;
        };
        let Some(mac) = self.mac(digest, &code) else {
            return;
        };
        let mut file = mac.finalize().into_bytes().to_vec();
        file.extend(code);
        let path = self.path(digest);
        let temporary = path.with_extension(format!("new-{}", std::process::id()));
        let kept = fs::write(&temporary, file).and_then(|()| fs::rename(&temporary, &path));
        if let Err(error) = kept {
            tracing::warn!(%error, path = %path.display(), "a compiled plugin was not kept");
        }
    }

    fn path(&self, digest: &[u8; 32]) -> PathBuf {
        let name: String = digest[..16]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        self.folder.join(name).with_extension("compiled")
    }

    fn mac(&self, digest: &[u8; 32], code: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::new_from_slice(&self.key).ok()?;
        mac.update(digest);
        mac.update(code);
        Some(mac)
    }
}

#[allow(unsafe_code)]
fn load_trusted(engine: &Engine, code: &[u8]) -> Option<Component> {
    // SAFETY: `deserialize` runs what it is given as machine code. The caller has verified, with a
    // key that only this host has, that these bytes are what this host's `Component::serialize`
    // wrote; wasmtime itself refuses those of another version or other settings.
    unsafe { Component::deserialize(engine, code) }.ok()
}
