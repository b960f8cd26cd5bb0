// Made from `wit/`. The types are those of `mdm-contract`, so that nothing is converted between the
// component, the store and JSON.
wasmtime::component::bindgen!({
    path: "wit",
    world: "password-plugin",
    with: {
        "mdm:password/types": super::contract,
        "mdm:password/secrets.secret": super::context::Secret,
    },
    imports: { default: trappable },
});
