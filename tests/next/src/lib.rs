//! The reference plugin, built against a trial version 1.1 of the contract, which adds an interface.

// Natively nothing calls a component.
#![cfg_attr(not(target_family = "wasm"), allow(dead_code))]

mod component;
mod own_rule;
#[allow(dead_code, unused_imports)]
mod rules;

mod bindings {
    wit_bindgen::generate!({
        path: "wit",
        world: "password-plugin-with-description",
        additional_derives: [PartialEq, Eq],
        generate_all,
    });

    #[cfg(target_family = "wasm")]
    export!(Plugin with_types_in self);
    #[cfg(target_family = "wasm")]
    use crate::component::Plugin;
}

impl bindings::exports::mdm::password::description::Guest for component::Plugin {
    fn describe() -> String {
        "nothing beyond the contract".to_owned()
    }
}
