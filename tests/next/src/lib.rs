//! The reference plugin, built against a draft version 1.1 of the contract, which adds an interface.

// Natively nothing calls a component.
#![cfg_attr(not(target_family = "wasm"), allow(dead_code))]

mod bindings;
mod component;
mod own_rule;
#[allow(dead_code, unused_imports)]
mod rules;

#[cfg(target_family = "wasm")]
bindings::export!(Plugin with_types_in bindings);
#[cfg(target_family = "wasm")]
use component::Plugin;

impl bindings::exports::mdm::password::help::Guest for component::Plugin {
    fn text() -> String {
        "nothing beyond the contract".to_owned()
    }
}
