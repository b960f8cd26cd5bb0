// Made from `wit/`: the contract's types, the imports, and the shape of the exports.
wit_bindgen::generate!({
    path: "../wit",
    world: "password-plugin",
    additional_derives: [PartialEq, Eq],
    generate_all,
    pub_export_macro: true,
});

// Natively the crate serves tests and benches, which have no use for a component's exports.
#[cfg(all(target_family = "wasm", feature = "export"))]
export!(Plugin with_types_in self);
#[cfg(all(target_family = "wasm", feature = "export"))]
use crate::component::Plugin;
