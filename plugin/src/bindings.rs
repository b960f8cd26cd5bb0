// Made from `wit/`: the contract's types, the imports, and the shape of the exports.
wit_bindgen::generate!({
    path: "../wit",
    world: "password-plugin",
    additional_derives: [PartialEq, Eq],
    generate_all,
});

// Natively the crate serves tests and benches, which have no use for a component's exports.
#[cfg(target_family = "wasm")]
export!(Plugin with_types_in self);
#[cfg(target_family = "wasm")]
use crate::component::Plugin;
