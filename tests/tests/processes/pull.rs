//! A plugin is pulled from a registry as it was pushed, or not at all.

use super::{
    registry::{PASSWORD, Push, Registry, USER},
    tls::Certificates,
};
use mdm_password_component::REFERENCE;
use mdm_password_host::inspect;
use mdm_tests::{
    plugins::CORPORATE,
    test_environment::{TestEnvironment, program, text},
};
use serde_json::Value;
use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
};
use tempfile::TempDir;

const LAYER: &str = "application/wasm";
const PLUGIN: Push<'static> = Push::layers(&[(LAYER, REFERENCE)]);

/// The folder into which an admin pulls.
struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
        }
    }

    fn pull(&self, reference: &str, more: &[&str]) -> Command {
        let mut command = Command::new(program("mdm-plugin").unwrap());
        command
            .args(["pull", reference])
            .args(more)
            .current_dir(self.folder.path())
            // No credentials of whoever runs the tests.
            .env("DOCKER_CONFIG", self.folder.path());
        command
    }

    fn pulled(&self, reference: &str, more: &[&str]) -> Value {
        let more = [more, &["--json"]].concat();
        let output = self.pull(reference, &more).output().unwrap();
        assert!(output.status.success(), "{}", text(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The error of a pull by plain HTTP that must be refused, and write nothing.
    fn refused(&self, reference: &str) -> String {
        refusal(self.pull(reference, &["--plain-http"]), self)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
        entries.map(|it| name(it).into_string().unwrap()).collect()
    }
}

fn refusal(mut pull: Command, desk: &Desk) -> String {
    let output: Output = pull.output().unwrap();
    assert!(!output.status.success(), "it was pulled: {}", text(&output));
    assert_eq!(desk.files(), [""; 0], "something was written");
    text(&output)
}

fn digest(component: &[u8]) -> String {
    format!("sha256:{}", inspect(component).unwrap().digest)
}

#[test]
fn what_is_pulled_is_what_was_pushed_and_can_be_pinned_and_used() {
    let registry = Registry::start();
    let corporate = Push::layers(&[(LAYER, CORPORATE)]);
    let manifest = registry.push("acme/corporate-plugin:1.0", &corporate);
    let desk = Desk::new();
    let reference = registry.reference("acme/corporate-plugin:1.0");
    let pulled = desk.pulled(&reference, &["--plain-http"]);
    assert_eq!(pulled["file"], "corporate-plugin.wasm");
    assert_eq!(pulled["size"], CORPORATE.len());
    assert_eq!(pulled["digest"], digest(CORPORATE));
    let by_digest = registry.reference(&format!("acme/corporate-plugin@{manifest}"));
    assert_eq!(pulled["reference"], by_digest);
    let file = desk.file("corporate-plugin.wasm");
    assert!(fs::read(&file).unwrap() == CORPORATE);
    assert_eq!(desk.files(), ["corporate-plugin.wasm"], "and nothing else");

    let check = ["check", "--sequences", "5"];
    let mut check_it = Command::new(program("mdm-plugin").unwrap());
    let checked = check_it.args(check).arg(&file).output().unwrap();
    assert!(checked.status.success(), "{}", text(&checked));
    let pin = pulled["digest"].as_str().unwrap();
    let env = TestEnvironment::with(&["--trust-digest", pin], "info").unwrap();
    let used = env
        .ask(&["plugin", "use", file.to_str().unwrap()], "")
        .unwrap();
    assert_eq!(
        format!("sha256:{}", used["active"]["digest"].as_str().unwrap()),
        pin
    );
}

#[test]
fn by_its_digest_the_same_plugin_is_pulled_after_its_tag_has_moved() {
    let registry = Registry::start();
    let first = registry.push("plugin:latest", &PLUGIN);
    registry.push("plugin:latest", &Push::layers(&[(LAYER, CORPORATE)]));
    let desk = Desk::new();
    let output = ["--plain-http", "--output", "here.wasm"];
    let pull = |name: &str| desk.pulled(&registry.reference(name), &output);
    assert_eq!(pull("plugin:latest")["digest"], digest(CORPORATE));
    let pulled = pull(&format!("plugin@{first}"));
    assert_eq!(pulled["digest"], digest(REFERENCE));
    let written = fs::read(desk.file("here.wasm")).unwrap();
    assert!(written == REFERENCE, "the file is replaced");
}

#[test]
fn a_name_behind_which_there_is_nothing_is_refused_with_what_to_do() {
    let registry = Registry::start();
    registry.push("plugin:1.0", &PLUGIN);
    let nobody = format!("plugin@sha256:{}", "0".repeat(64));
    let desk = Desk::new();
    for name in ["plugin:2.0", "another:1.0", &nobody] {
        let said = desk.refused(&registry.reference(name));
        assert!(
            said.contains("check the name and the tag"),
            "{name}: {said}"
        );
    }
    for (reference, says) in [
        ("plugin:1.0", "names no registry"),
        ("acme/plugin:1.0", "names no registry"),
        ("Not a name", "names no plugin"),
        // The port of the discard protocol, which is closed.
        ("127.0.0.1:9/plugin:1.0", "can't be reached"),
    ] {
        let said = desk.refused(reference);
        assert!(said.contains(says), "{reference}: {said}");
    }
}

#[test]
fn what_was_altered_in_the_registry_is_noticed_and_the_file_of_before_stays() {
    let registry = Registry::start();
    let manifest = registry.push("plugin:1.0", &PLUGIN);
    registry.tamper(&digest(REFERENCE));
    let desk = Desk::new();
    let reference = registry.reference("plugin:1.0");
    let said = desk.refused(&reference);
    assert!(said.contains("damaged or altered"), "{said}");
    let before = desk.file("plugin.wasm");
    fs::write(&before, "before").unwrap();
    let output = desk.pull(&reference, &["--plain-http"]).output().unwrap();
    assert!(!output.status.success());
    assert_eq!(fs::read_to_string(&before).unwrap(), "before");
    assert_eq!(desk.files(), ["plugin.wasm"]);

    registry.tamper(&manifest);
    let by_digest = registry.reference(&format!("plugin@{manifest}"));
    // This registry notices it itself.
    let said = Desk::new().refused(&by_digest);
    assert!(said.contains("can't be pulled"), "{said}");
}

#[test]
fn what_is_no_plugin_by_its_manifest_is_refused_with_the_reason() {
    let registry = Registry::start();
    let one = &[(LAYER, REFERENCE)][..];
    let picture = Push {
        config: "application/vnd.oci.image.config.v1+json",
        ..Push::layers(one)
    };
    let sized = |size: usize| Push {
        size: Some(i64::try_from(size).unwrap()),
        ..Push::layers(one)
    };
    let two = [(LAYER, REFERENCE), (LAYER, CORPORATE)];
    let archive = [("application/vnd.oci.image.layer.v1.tar", REFERENCE)];
    for (name, push, says) in [
        ("picture", picture, "so it is no WebAssembly"),
        ("archive", Push::layers(&archive), "so it is no component"),
        ("two", Push::layers(&two), "it has 2 layers"),
        ("none", Push::layers(&[]), "it has 0 layers"),
        ("huge", sized((64 << 20) + 1), "the limit is 64 MiB"),
        (
            "longer",
            sized(REFERENCE.len() - 1),
            "sends more than its manifest says",
        ),
        (
            "shorter",
            sized(REFERENCE.len() + 1),
            "and its manifest says",
        ),
    ] {
        registry.push(name, &push);
        let said = Desk::new().refused(&registry.reference(name));
        assert!(said.contains(says), "{name}: {said}");
    }
}

#[test]
fn a_registry_that_asks_who_is_there_gets_the_password_from_the_environment() {
    let registry = Registry::that_asks();
    registry.push("plugin:1.0", &PLUGIN);
    let desk = Desk::new();
    let pull = |user: &[&str], password: Option<&str>| {
        let more = [user, &["--plain-http"]].concat();
        let mut pull = desk.pull(&registry.reference("plugin:1.0"), &more);
        if let Some(password) = password {
            pull.env("MDM_REGISTRY_PASSWORD", password);
        }
        pull
    };
    let user = ["--user", USER];
    for (pull, says) in [
        (pull(&[], None), "lets nobody in like this: sign in"),
        (pull(&user, Some("sesame")), "lets nobody in like this"),
        (pull(&user, None), "put it into MDM_REGISTRY_PASSWORD"),
    ] {
        let said = refusal(pull, &desk);
        assert!(said.contains(says), "no `{says}`: {said}");
    }
    let output = pull(&user, Some(PASSWORD)).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    assert!(fs::read(desk.file("plugin.wasm")).unwrap() == REFERENCE);
    assert!(!text(&output).contains(PASSWORD));
}

#[test]
fn by_tls_a_plugin_is_pulled_from_a_registry_whose_authority_is_known_and_from_no_other() {
    let certificates = Certificates::new();
    let path = |name| certificates.path(name);
    let registry = Registry::with_tls(&path("certificate"), &path("key"), &path("authority"));
    registry.push("plugin:1.0", &PLUGIN);
    let (another, desk) = (Certificates::new(), Desk::new());
    let reference = registry.reference("plugin:1.0");
    let theirs = another.path("authority");
    let theirs = ["--ca-file", theirs.to_str().unwrap()];
    for more in [&[][..], &theirs] {
        let said = refusal(desk.pull(&reference, more), &desk);
        assert!(said.contains("certificate"), "it says why: {said}");
    }
    let empty = Desk::new();
    fs::write(empty.file("empty.pem"), "").unwrap();
    let file = empty.file("empty.pem");
    let said = refusal(
        desk.pull(&reference, &["--ca-file", file.to_str().unwrap()]),
        &desk,
    );
    assert!(said.contains("holds no PEM certificate"), "{said}");
    let ours = path("authority");
    let pulled = desk.pulled(&reference, &["--ca-file", ours.to_str().unwrap()]);
    assert_eq!(pulled["digest"], digest(REFERENCE));
}
