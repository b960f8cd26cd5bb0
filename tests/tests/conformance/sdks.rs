//! The SDKs, as `cargo xtask sdks` has packed them: hosts in other languages, which share no code with ours. The
//! contract holds there, too, with the same component byte for byte.

use crate::languages::target;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use mdm_agent_protocol::sealing::{Binding, Payload, PrivateKey, Sealed};
use mdm_conformance::{HostVerdict, check_host};
use mdm_contract::{Action, Command as PasswordCommand, ResetOptions, Status};
use mdm_password_component::REFERENCE;
use mdm_password_host::inspect;
use mdm_tests::plugins::{CHOICES, PROBE, breaking, breaking_by};
use serde_json::{Value, json};
use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};
use tempfile::TempDir;

/// An SDK.
struct Sdk {
    folder: PathBuf,
    program: PathBuf,
    extension: &'static str,
    /// The cases of the kit for hosts that its runtime can't pass.
    exceptions: &'static [&'static str],
}

impl Sdk {
    /// A test program of the SDK.
    fn command(&self, test: &str) -> Command {
        let mut command = Command::new(&self.program);
        let name = match self.extension {
            "py" => test.replace('-', "_"),
            _ => test.to_owned(),
        };
        let file = format!("{name}.{}", self.extension);
        command.arg(self.folder.join("tests").join(file));
        command
    }

    /// Runs the cases of the conformance kit on a component.
    fn cases(&self, component: &[u8]) -> (Output, String) {
        let folder = TempDir::new().unwrap();
        let file = written(&folder, "plugin.wasm", component);
        let cases = concat!(env!("CARGO_MANIFEST_DIR"), "/../conformance/cases");
        let output = self.command("cases").arg(file).arg(cases).output();
        let output = output.unwrap_or_else(|error| {
            panic!(
                "{}: {error}: run `cargo xtask sdks`",
                self.program.display()
            )
        });
        let printed = String::from_utf8(output.stdout.clone()).unwrap();
        (output, printed)
    }
}

fn sdks() -> [Sdk; 2] {
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk");
    let node = Sdk {
        folder: sdk.join("node"),
        program: "node".into(),
        extension: "js",
        exceptions: &[],
    };
    let python = Sdk {
        folder: sdk.join("python"),
        program: target().join("sdks/python/.venv/bin/python"),
        extension: "py",
        exceptions: &["return-many-elements"],
    };
    [node, python]
}

fn written(folder: &TempDir, name: &str, component: &[u8]) -> PathBuf {
    let file = folder.path().join(name);
    fs::write(&file, component).unwrap();
    file
}

/// Runs a command that must succeed, and returns what it printed.
fn succeeds(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}{complained}");
    printed
}

/// The numbers in the last line: passed, failed, free.
fn counts(printed: &str) -> Vec<usize> {
    let last = printed.lines().last().unwrap_or_default();
    last.split(", ")
        .filter_map(|part| part.split(' ').next()?.parse().ok())
        .collect()
}

#[test]
fn every_case_passes_in_each_sdk_with_the_very_same_component() {
    let digest = inspect(REFERENCE).unwrap().digest;
    let cases = mdm_conformance::cases().unwrap();
    let free = cases.iter().filter(|case| case.expect.is_empty()).count();
    for sdk in sdks() {
        let (output, printed) = sdk.cases(REFERENCE);
        assert!(output.status.success(), "{printed}{output:?}");
        assert!(
            printed.starts_with(&format!("sha256:{digest}\n")),
            "another component ran: {printed}"
        );
        assert_eq!(counts(&printed), [cases.len() - free, 0, free], "{printed}");
    }
}

#[test]
fn the_sdks_accept_each_of_the_things_that_the_contract_allows() {
    // The last choice is a rule of its own: the programs of the SDKs know none.
    for way in CHOICES.chars().filter(|way| *way != 'd') {
        for sdk in sdks() {
            let (output, printed) = sdk.cases(&breaking_by(0, way));
            assert!(output.status.success(), "0{way}: {printed}");
        }
    }
}

#[test]
fn the_sdks_catch_an_expiry_that_is_over_or_beyond_the_calendar() {
    for way in ['c', 'd'] {
        for sdk in sdks() {
            let (output, printed) = sdk.cases(&breaking_by(10, way));
            assert_eq!(output.status.code(), Some(1), "{printed}");
            let case = "FAIL rule 10: when a reset expires that was given no validity";
            assert!(printed.lines().any(|line| line == case), "{printed}");
        }
    }
}

#[test]
fn the_sdks_catch_a_plugin_that_breaks_a_rule_by_the_same_cases() {
    for sdk in sdks() {
        let (output, printed) = sdk.cases(&breaking(8));
        assert_eq!(output.status.code(), Some(1), "{printed}");
        let failed: Vec<&str> = printed
            .lines()
            .filter(|it| it.starts_with("FAIL"))
            .collect();
        assert_eq!(
            failed,
            ["FAIL rule 8: the success of a remove ends the override"]
        );
    }
}

#[test]
fn the_sdks_keep_every_promise_of_a_host_but_what_their_runtime_cannot() {
    for sdk in sdks() {
        let report = check_host(&mut sdk.command("host-under-test"), PROBE, &[]).unwrap();
        let broken: Vec<_> = report.broken().collect();
        assert!(broken.is_empty(), "{}: {broken:#?}", report.host);
        let is_exempt = |verdict| verdict == HostVerdict::Exempt;
        let exempt = report.findings.iter().filter(|it| is_exempt(it.verdict));
        let exempt: Vec<&str> = exempt.map(|it| it.id.as_str()).collect();
        assert_eq!(exempt, sdk.exceptions, "{}", report.host);
    }
}

#[test]
fn our_agent_opens_what_the_sdks_seal() {
    let (private_key, public_key) = PrivateKey::generate();
    let (token_key, _) = PrivateKey::generate();
    let device = "0198c1de-0000-7000-8000-0000000000d0";
    for (action, options, expires_at, password) in [
        (
            Action::Reset,
            ResetOptions::LOCK_NOW,
            Some(1_767_614_400_250),
            Some("p\u{e4}ss 7294"),
        ),
        (Action::Remove, ResetOptions::default(), None, None),
    ] {
        let command = PasswordCommand {
            id: "0198c1de-0000-7000-8000-000000000001".into(),
            action,
            options,
            status: Status::Pending,
            requested_at: 1_767_610_800_000,
            completed_at: None,
            expires_at,
            late_outcome: None,
        };
        let given = json!({
            "public_key": public_key,
            "token_key": STANDARD.encode(&*token_key.to_bytes()),
            "device": device,
            "command": command,
            "password": password,
        });
        for sdk in sdks() {
            let sealed = Sealed::from_bytes(&sealed(&sdk, &given)).unwrap();
            let binding = Binding::of(device, &command);
            let opened = Payload::open(&sealed, &private_key, &binding).unwrap();
            assert_eq!(*opened.password, password.unwrap_or_default().as_bytes());
            assert_eq!(*opened.token_key.to_bytes(), *token_key.to_bytes());
            let mut other = command.clone();
            other.id = device.into();
            assert!(Payload::open(&sealed, &private_key, &Binding::of(device, &other)).is_err());
        }
    }
}

fn sealed(sdk: &Sdk, given: &Value) -> Vec<u8> {
    let mut command = sdk.command("seal");
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    write!(stdin, "{given}").unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    STANDARD.decode(output.stdout.trim_ascii()).unwrap()
}

#[test]
fn the_sdks_pass_their_own_tests() {
    let folder = TempDir::new().unwrap();
    let reference = written(&folder, "reference.wasm", REFERENCE);
    let probe = written(&folder, "probe.wasm", PROBE);
    let [node, python] = sdks();
    for command in [
        Command::new("npm").arg("test").current_dir(&node.folder),
        Command::new(&python.program)
            .args(["-m", "unittest", "discover", "tests"])
            .current_dir(&python.folder),
        Command::new(&python.program)
            .args(["-m", "mypy"])
            .current_dir(&python.folder),
    ] {
        succeeds(
            command
                .env("MDM_REFERENCE", &reference)
                .env("MDM_PROBE", &probe),
        );
    }
}

#[test]
fn each_example_runs_from_its_package_in_a_fresh_folder() {
    let folder = TempDir::new().unwrap();
    let reference = written(&folder, "reference.wasm", REFERENCE);
    let [node, python] = sdks();
    for (program, example) in [
        (&node.program, "sdks/node/example/tiny-mdm.js"),
        (&python.program, "sdks/python/example/tiny_mdm.py"),
    ] {
        let mut command = Command::new(program);
        let printed = succeeds(command.arg(target().join(example)).arg(&reference));
        assert!(printed.contains("phone-1 sets a password of 4 digits"));
        assert!(printed.contains(r#""status": "success""#), "{printed}");
    }
}
