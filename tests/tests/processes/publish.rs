//! A plugin author signs and pushes a plugin; an operator pulls it with its signature, or not at all.

use super::registry::{PASSWORD, Registry, USER};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use mdm_password_component::REFERENCE;
use mdm_password_host::inspect;
use mdm_tests::{
    plugins::CORPORATE,
    test_environment::{program, text},
};
use serde_json::{Value, json};
use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
};
use tempfile::TempDir;

/// The folder of an author or an operator.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn plugin(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program("mdm-plugin").unwrap());
        command
            .args(arguments)
            .current_dir(self.0.path())
            .env_remove("MDM_SIGNING_PASSWORD")
            // No credentials of whoever runs the tests.
            .env("DOCKER_CONFIG", self.0.path());
        command
    }

    fn does(&self, arguments: &[&str]) -> String {
        succeeded(&mut self.plugin(arguments))
    }

    fn fails(&self, arguments: &[&str]) -> String {
        failed(&mut self.plugin(arguments))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// The files in it, by name.
    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let names = entries.map(|it| it.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }
}

fn succeeded(command: &mut Command) -> String {
    let output: Output = command.output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    text(&output)
}

fn failed(command: &mut Command) -> String {
    let output: Output = command.output().unwrap();
    assert!(!output.status.success(), "it succeeded: {}", text(&output));
    text(&output)
}

/// An author with the corporate plugin, and a key without a password.
fn author() -> Desk {
    let author = Desk::new();
    author.write("plugin.wasm", CORPORATE);
    author.does(&["new-key", "acme", "--no-password"]);
    author
}

#[test]
fn what_is_signed_and_pushed_is_pulled_with_its_signature_and_verified() {
    let registry = Registry::start();
    let (author, operator) = (author(), Desk::new());
    author.does(&["sign", "plugin.wasm", "--key", "acme.key"]);
    let reference = registry.reference("acme/corporate:1.0.0");
    let pushed = author.does(&["push", "plugin.wasm", &reference, "--plain-http", "--json"]);
    let pushed: Value = serde_json::from_str(&pushed).unwrap();
    let digest = format!("sha256:{}", inspect(CORPORATE).unwrap().digest);
    assert_eq!(
        (&pushed["digest"], &pushed["is_signed"]),
        (&json!(digest), &json!(true))
    );

    operator.write("acme.pub", &author.read("acme.pub"));
    let by_digest = pushed["reference"].as_str().unwrap();
    let pulled = operator.does(&["pull", by_digest, "--plain-http", "--key", "acme.pub"]);
    assert!(
        pulled.contains("signature  corporate.wasm.minisig"),
        "{pulled}"
    );
    assert_eq!(operator.read("corporate.wasm"), CORPORATE);
    assert_eq!(
        operator.read("corporate.wasm.minisig"),
        author.read("plugin.wasm.minisig")
    );
    let verified = operator.does(&["verify", "corporate.wasm", "--key", "acme.pub"]);
    assert!(verified.contains(&digest), "{verified}");

    let mut altered = CORPORATE.to_vec();
    *altered.last_mut().unwrap() ^= 1;
    operator.write("corporate.wasm", &altered);
    let said = operator.fails(&["verify", "corporate.wasm", "--key", "acme.pub"]);
    assert!(said.contains("corporate.wasm is not verified"), "{said}");
}

#[test]
fn the_artifact_says_of_itself_what_the_plugin_says() {
    let registry = Registry::start();
    let author = author();
    let reference = registry.reference("acme/corporate:1.0.0");
    author.does(&["push", "plugin.wasm", &reference, "--plain-http"]);
    let manifest = registry.manifest("acme/corporate:1.0.0");
    let annotations = &manifest["annotations"];
    let title = &annotations["org.opencontainers.image.title"];
    assert_eq!(title, "corporate-plugin");
    assert!(!annotations["org.opencontainers.image.description"].is_null());
    assert_eq!(annotations["mdm.password.minisig"], Value::Null);
    assert_eq!(
        manifest["config"]["mediaType"],
        "application/vnd.wasm.config.v0+json"
    );
    assert_eq!(manifest["layers"][0]["mediaType"], "application/wasm");
    // The same file makes the same artifact.
    author.does(&["push", "plugin.wasm", &reference, "--plain-http"]);
    assert_eq!(registry.manifest("acme/corporate:1.0.0"), manifest);
}

#[test]
fn a_plugin_without_a_signature_that_is_trusted_is_not_written() {
    let registry = Registry::start();
    let (author, stranger, operator) = (author(), author(), Desk::new());
    operator.write("acme.pub", &author.read("acme.pub"));
    let reference = registry.reference("corporate:1");
    let pull = ["pull", &reference, "--plain-http", "--key", "acme.pub"];
    for (pushed_by, is_signed, says) in [
        (&author, false, "it has no signature"),
        (&stranger, true, "signed with no key that this host knows"),
    ] {
        if is_signed {
            pushed_by.does(&["sign", "plugin.wasm", "--key", "acme.key"]);
        }
        pushed_by.does(&["push", "plugin.wasm", &reference, "--plain-http"]);
        let said = operator.fails(&pull);
        assert!(said.contains(says), "{said}");
        assert_eq!(operator.files(), ["acme.pub"]);
    }
}

#[test]
fn a_pull_leaves_no_signature_of_an_earlier_plugin_beside_the_new_one() {
    let registry = Registry::start();
    let (author, operator) = (author(), Desk::new());
    let reference = registry.reference("corporate:1");
    author.does(&["sign", "plugin.wasm", "--key", "acme.key"]);
    author.does(&["push", "plugin.wasm", &reference, "--plain-http"]);
    operator.does(&["pull", &reference, "--plain-http"]);
    assert_eq!(
        operator.files(),
        ["corporate.wasm", "corporate.wasm.minisig"]
    );
    let unsigned = Desk::new();
    unsigned.write("plugin.wasm", REFERENCE);
    unsigned.does(&["push", "plugin.wasm", &reference, "--plain-http"]);
    operator.does(&["pull", &reference, "--plain-http"]);
    assert_eq!(operator.files(), ["corporate.wasm"]);
}

#[test]
fn the_credentials_of_docker_login_are_used() {
    let registry = Registry::that_asks();
    let author = author();
    let reference = registry.reference("corporate:1");
    let push = ["push", "plugin.wasm", &reference, "--plain-http"];
    let said = author.fails(&push);
    assert!(said.contains("sign in with `docker login`"), "{said}");
    let login = |password: &str| {
        let auth = STANDARD.encode(format!("{USER}:{password}"));
        let (address, _) = reference.split_once('/').unwrap();
        json!({"auths": {address: {"auth": auth}}}).to_string()
    };
    author.write("config.json", login("wrong").as_bytes());
    assert!(author.fails(&push).contains("docker login"));
    author.write("config.json", login(PASSWORD).as_bytes());
    author.does(&push);
    author.does(&["pull", &reference, "--plain-http"]);
    assert_eq!(author.read("corporate.wasm"), CORPORATE);
    author.write("config.json", b"{\"auths\": ");
    let said = author.fails(&push);
    assert!(said.contains("mend Docker's config.json"), "{said}");
}

#[test]
fn a_key_with_a_password_signs_only_with_it_and_only_its_owner_can_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let author = Desk::new();
    author.write("plugin.wasm", CORPORATE);
    let said = author.fails(&["new-key", "acme"]);
    assert!(said.contains("MDM_SIGNING_PASSWORD"), "{said}");
    let with = |arguments: &[&str], password: &str| {
        let mut command = author.plugin(arguments);
        command.env("MDM_SIGNING_PASSWORD", password);
        command
    };
    succeeded(&mut with(&["new-key", "acme"], "open sesame"));
    let mode = fs::metadata(author.path("acme.key")).unwrap().permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    let said = failed(&mut with(&["new-key", "acme"], "open sesame"));
    assert!(said.contains("acme.key is there already"), "{said}");

    let sign = ["sign", "plugin.wasm", "--key", "acme.key"];
    let said = author.fails(&sign);
    assert!(
        said.contains("has a password: put it into MDM_SIGNING_PASSWORD"),
        "{said}"
    );
    let said = failed(&mut with(&sign, "open barley"));
    assert!(said.contains("does not open"), "{said}");
    assert!(!author.path("plugin.wasm.minisig").exists());
    succeeded(&mut with(&sign, "open sesame"));
    author.does(&["verify", "plugin.wasm", "--key", "acme.pub"]);
}

#[test]
fn what_is_no_plugin_is_neither_signed_nor_pushed() {
    let registry = Registry::start();
    let author = author();
    author.write("text.wasm", b"no component");
    let reference = registry.reference("text:1");
    for arguments in [
        &["sign", "text.wasm", "--key", "acme.key"][..],
        &["push", "text.wasm", &reference, "--plain-http"],
    ] {
        let said = author.fails(arguments);
        assert!(said.contains("text.wasm is no plugin"), "{said}");
    }
    let by_digest = registry.reference(&format!("text@sha256:{}", "0".repeat(64)));
    let said = author.fails(&["push", "plugin.wasm", &by_digest, "--plain-http"]);
    assert!(said.contains("a push needs a tag"), "{said}");
    let said = author.fails(&["sign", "plugin.wasm", "--key", "nowhere.key"]);
    assert!(
        said.contains("`mdm-plugin new-key NAME` makes one"),
        "{said}"
    );
    let said = author.fails(&["sign", "plugin.wasm", "--key", "plugin.wasm"]);
    assert!(said.contains("can't be read"), "{said}");
    let said = author.fails(&["verify", "plugin.wasm", "--key", "nonsense"]);
    assert!(said.contains("is no public key of minisign"), "{said}");
}
