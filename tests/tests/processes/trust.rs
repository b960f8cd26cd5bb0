//! A server that trusts certain plugins uses no others.

use mdm_password_host::inspect;
use mdm_tests::{
    plugins::{CORPORATE, NEXT},
    test_environment::{TestEnvironment, program, text},
};
use minisign::KeyPair;
use std::{
    fs,
    io::Cursor,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

struct Files {
    folder: TempDir,
}

impl Files {
    fn new() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
        }
    }

    fn plugin(&self, name: &str, component: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name).with_extension("wasm");
        fs::write(&path, component).unwrap();
        path
    }

    /// Signs a plugin as `minisign -Sm FILE` does.
    fn sign(&self, plugin: &Path, keys: &KeyPair, signed: &[u8]) {
        let signature = minisign::sign(None, &keys.sk, Cursor::new(signed), None, None).unwrap();
        let beside = format!("{}.minisig", plugin.display());
        fs::write(beside, signature.into_string()).unwrap();
    }
}

fn keys() -> (KeyPair, String) {
    let keys = KeyPair::generate_unencrypted_keypair().unwrap();
    let public = keys.pk.to_base64();
    (keys, public)
}

fn digest(component: &[u8]) -> String {
    format!("sha256:{}", inspect(component).unwrap().digest)
}

fn use_plugin(env: &TestEnvironment, plugin: &Path) -> Result<(), String> {
    let args = ["plugin", "use", plugin.to_str().unwrap(), "--json"];
    let output = env.admin(&args, "").unwrap();
    match output.status.success() {
        true => Ok(()),
        false => Err(text(&output)),
    }
}

#[test]
fn a_pinned_plugin_is_used_and_another_is_not() {
    let env = TestEnvironment::with(&["--trust-digest", &digest(CORPORATE)], "info").unwrap();
    let files = Files::new();
    use_plugin(&env, &files.plugin("pinned", CORPORATE)).unwrap();
    let other = files.plugin("other", NEXT);
    let refused = use_plugin(&env, &other).unwrap_err();
    assert!(
        refused.contains("does not trust") && refused.contains("it has no signature"),
        "{refused}"
    );
    let shadow = ["plugin", "shadow", other.to_str().unwrap()];
    let problem = env.refused(&shadow, "").unwrap();
    assert_eq!(problem["type"], "no-plugin");
}

#[test]
fn a_plugin_signed_with_a_key_that_the_host_knows_is_used_also_after_a_restart() {
    let (ours, public) = keys();
    let (theirs, _) = keys();
    let mut env = TestEnvironment::with(&["--trust-key", &public], "info").unwrap();
    let files = Files::new();
    let plugin = files.plugin("plugin", CORPORATE);
    files.sign(&plugin, &theirs, CORPORATE);
    let refused = use_plugin(&env, &plugin).unwrap_err();
    assert!(refused.contains("no key that this host knows"), "{refused}");
    files.sign(&plugin, &ours, NEXT);
    let refused = use_plugin(&env, &plugin).unwrap_err();
    assert!(refused.contains("or was altered"), "{refused}");
    fs::write(format!("{}.minisig", plugin.display()), "no signature").unwrap();
    let refused = use_plugin(&env, &plugin).unwrap_err();
    assert!(refused.contains("can't be read"), "{refused}");
    files.sign(&plugin, &ours, CORPORATE);
    use_plugin(&env, &plugin).unwrap();

    env.kill_host().unwrap();
    env.start_host().unwrap();
    let shown = env.ask(&["plugin", "show"], "").unwrap();
    assert_eq!(
        format!("sha256:{}", shown["active"]["digest"].as_str().unwrap()),
        digest(CORPORATE)
    );
}

#[test]
fn a_host_does_not_start_with_a_plugin_that_it_does_not_trust() {
    let files = Files::new();
    let plugin = files.plugin("plugin", CORPORATE);
    let start = |more: &[&str]| {
        let mut host = Command::new(program("mdm-server").unwrap());
        let data = files.folder.path().join("data");
        host.args(["serve", "--listen", "127.0.0.1:0", "--plugin"]);
        host.arg(&plugin).arg("--data").arg(data).args(more);
        let output = host.output().unwrap();
        assert!(!output.status.success(), "it started");
        text(&output)
    };
    let said = start(&["--trust-digest", &digest(NEXT)]);
    assert!(said.contains("does not trust plugin"), "{said}");
    let said = start(&["--trust-digest", "sha256:12"]);
    assert!(said.contains("is no SHA-256 digest"), "{said}");
    let said = start(&["--trust-key", "12"]);
    assert!(said.contains("is no public key of minisign"), "{said}");
}
