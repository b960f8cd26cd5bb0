//! A plugin of the password feature, with the rules of a company.
//!
//! `own_rule` has the rules of this company: begin there with your own. `rules` has the requirements of the contract,
//! as pure functions. `component` reads their input from the imports, and makes the effects of their decisions.

// Natively nothing calls a component.
#![cfg_attr(not(target_family = "wasm"), allow(dead_code))]

mod bindings;
mod component;
mod own_rule;
#[allow(dead_code, unused_imports)]
mod rules;

// Natively there is no host to export to.
#[cfg(target_family = "wasm")]
bindings::export!(Plugin with_types_in bindings);
#[cfg(target_family = "wasm")]
use component::Plugin;
