//! The reference plugin as a component.

/// The component, without debug information.
pub const REFERENCE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/mdm-password-plugin.wasm"));
