//! The probe as a component.

/// The component, without debug information.
pub const PROBE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/mdm-host-probe.wasm"));
