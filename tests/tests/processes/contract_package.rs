//! The contract is a package for WIT's own tools: what is published is what others get.

use super::registry::Registry;
use mdm_tests::{debian, test_environment::text};
use std::{fs, process::Command};
use tempfile::TempDir;

/// Runs `wkg` in the folder of the contract, as its maintainer does.
fn wkg(folder: &TempDir, arguments: &[&str]) {
    let config = folder.path().join("config.toml");
    let mut command: Command = debian::program("bin/wkg").unwrap();
    let output = command
        .args(arguments)
        .arg("--config")
        .arg(config)
        .arg("--cache")
        .arg(folder.path().join("cache"))
        .current_dir(folder.path().join("wit"))
        .env("RUST_BACKTRACE", "0")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output));
}

#[test]
fn wkg_builds_and_publishes_the_contract_and_gets_the_same_bytes_from_the_registry() {
    let registry = Registry::start();
    let folder = TempDir::new().unwrap();
    let wit = folder.path().join("wit");
    fs::create_dir(&wit).unwrap();
    let contract = concat!(env!("CARGO_MANIFEST_DIR"), "/../wit");
    for file in fs::read_dir(contract).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), wit.join(file.file_name())).unwrap();
    }
    let address = registry.reference("");
    let address = address.trim_end_matches('/');
    let config = format!(
        "[namespace_registries]\n\
         mdm = \"{address}\"\n\
         [registry.\"{address}\"]\n\
         type = \"oci\"\n\
         [registry.\"{address}\".oci]\n\
         registry = \"{address}\"\n\
         protocol = \"http\"\n"
    );
    fs::write(folder.path().join("config.toml"), config).unwrap();
    wkg(
        &folder,
        &["build", "--wit-dir", ".", "--output", "../contract.wasm"],
    );
    wkg(&folder, &["publish", "../contract.wasm"]);
    wkg(
        &folder,
        &[
            "get",
            "mdm:password@1.0.0",
            "--format",
            "wasm",
            "--output",
            "../got.wasm",
        ],
    );
    let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
    assert_eq!(read("contract.wasm"), read("got.wasm"));
    let annotations = registry.manifest("mdm/password:1.0.0")["annotations"].clone();
    assert_eq!(annotations["org.opencontainers.image.version"], "1.0.0");
    assert_eq!(
        annotations["org.opencontainers.image.licenses"],
        "Apache-2.0"
    );
    // As its readers do: in the text form.
    wkg(
        &folder,
        &[
            "get",
            "mdm:password@1.0.0",
            "--format",
            "wit",
            "--output",
            "../got.wit",
        ],
    );
    let text = String::from_utf8(read("got.wit")).unwrap();
    assert!(text.contains("world password-plugin"), "{text}");
}
