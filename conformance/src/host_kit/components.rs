//! The components that a host is given, as files.

use super::case::ComponentKind;
use std::{
    fs, io,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// An import of the probe, and one of the same length that no contract has.
const IMPORT: (&[u8], &[u8]) = (b"mdm:password/logging@", b"mdm:password/reading@");

/// The name of the probe, and one of the same length with a control character.
const NAME: (&[u8], &[u8]) = (b"the-probe-plugin", b"the-probe\x1b[2Jplug");

/// A folder of components. It is removed with this value.
pub(super) struct Components(TempDir);

impl Components {
    /// Writes every component.
    pub(super) fn write(probe: &[u8]) -> io::Result<Self> {
        let components = Self(TempDir::new()?);
        for (kind, bytes) in [
            (ComponentKind::Probe, probe.to_vec()),
            (ComponentKind::ForeignImport, replaced(probe, IMPORT)),
            (ComponentKind::ControlCharacter, replaced(probe, NAME)),
            (ComponentKind::NoComponent, b"no component".to_vec()),
        ] {
            fs::write(components.path(kind), bytes)?;
        }
        Ok(components)
    }

    /// The file of a component.
    pub(super) fn path(&self, kind: ComponentKind) -> PathBuf {
        let folder: &Path = self.0.path();
        folder.join(match kind {
            ComponentKind::Probe => "probe.wasm",
            ComponentKind::ForeignImport => "foreign-import.wasm",
            ComponentKind::ControlCharacter => "control-character.wasm",
            ComponentKind::NoComponent => "no-component.wasm",
        })
    }
}

/// The component with each occurrence of a text replaced by another one of the same length.
fn replaced(component: &[u8], (text, by): (&[u8], &[u8])) -> Vec<u8> {
    let mut bytes = component.to_vec();
    for place in 0..bytes.len().saturating_sub(text.len()) {
        if bytes[place..].starts_with(text) {
            bytes[place..place + by.len()].copy_from_slice(by);
        }
    }
    bytes
}
