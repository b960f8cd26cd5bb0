//! Made from `wit/`: the contract's types, the imports, and the shape of the exports.

wit_bindgen::generate!({
    path: "wit",
    world: "password-plugin-with-help",
    additional_derives: [PartialEq, Eq],
    generate_all,
});
