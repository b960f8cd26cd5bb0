//! The reference plugin of the password feature.
//!
//! [`rules`] holds the decisions: pure functions from what is known of a device to what is to happen. [`own_rule`] is
//! what an implementation may choose. [`component`] is the thin layer around them: it asks the imports for what a
//! rule needs, and carries its decision out. The types of both are those of the contract (`wit/`).

#[allow(missing_docs, unsafe_code, unreachable_pub, clippy::all)]
pub mod bindings;
pub mod component;
#[cfg(target_family = "wasm")]
mod memory;
pub mod own_rule;
pub mod rules;

// Natively the crate serves tests and benches, which have no use for a component's exports.
#[cfg(all(target_family = "wasm", feature = "export"))]
#[allow(missing_docs, unsafe_code, unreachable_pub, clippy::all)]
mod export {
    use crate::component::Plugin;

    crate::bindings::export!(Plugin with_types_in crate::bindings);
}
