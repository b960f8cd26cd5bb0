//! The reference plugin of the password feature.
//!
//! [`rules`] has the decisions, as pure functions. [`own_rule`] has the choices of an implementation. [`component`] is
//! the thin layer around them: it reads the input of a rule from the imports, and makes the effects of its decision.
//! All types are those of the contract (`wit/`).

#[allow(missing_docs, unsafe_code, unreachable_pub, clippy::all)]
pub mod bindings;
pub mod component;
#[cfg(target_family = "wasm")]
mod memory;
pub mod own_rule;
pub mod rules;

// Native builds are for tests and benches, which do not use a component's exports.
#[cfg(all(target_family = "wasm", feature = "export"))]
#[allow(missing_docs, unsafe_code, unreachable_pub, clippy::all)]
mod export {
    use crate::component::Plugin;

    crate::bindings::export!(Plugin with_types_in crate::bindings);
}
