//! A plugin of the password feature, with the rules of a company.
//!
//! `own_rule` is what is different here, and the place to begin with rules of your own. `rules` is what
//! the contract requires, as pure functions; `component` asks the imports for what they need, and
//! carries out what they decide.

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
