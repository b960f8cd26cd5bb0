//! The contract outlives the host: the component that this host embeds, byte for byte, in hosts that share
//! no code with it (`tests/foreign-hosts`).

use mdm_password_component::REFERENCE;
use mdm_password_host::inspect;
use mdm_tests::plugins::{CHOICES, breaking, breaking_by};
use std::{
    fs,
    path::Path,
    process::{Command, Output},
};
use tempfile::TempDir;

/// The command of each host, in its folder.
const HOSTS: [(&str, &[&str]); 2] = [
    ("node", &["node", "run.mjs"]),
    ("python", &[".venv/bin/python", "run.py"]),
];

fn run(host: &str, command: &[&str], component: &[u8]) -> (Output, String) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("plugin.wasm");
    fs::write(&file, component).unwrap();
    let output = Command::new(command[0])
        .args(&command[1..])
        .arg(&file)
        .arg(here.join("../conformance/cases"))
        .current_dir(here.join("foreign-hosts").join(host))
        .output()
        .unwrap_or_else(|error| panic!("{host}: {error}: set it up with `cargo xtask examples`"));
    let printed = String::from_utf8(output.stdout.clone()).unwrap();
    (output, printed)
}

/// The numbers in the last line: passed, failed, free.
fn counts(printed: &str) -> Vec<usize> {
    let last = printed.lines().last().unwrap_or_default();
    last.split(", ")
        .filter_map(|part| part.split(' ').next()?.parse().ok())
        .collect()
}

#[test]
fn every_case_passes_in_other_hosts_with_the_very_same_component() {
    let digest = inspect(REFERENCE).unwrap().digest;
    let cases = mdm_conformance::cases().unwrap();
    let free = cases.iter().filter(|case| case.expect.is_empty()).count();
    for (host, command) in HOSTS {
        let (output, printed) = run(host, command, REFERENCE);
        assert!(output.status.success(), "{host}: {printed}{output:?}");
        assert!(
            printed.starts_with(&format!("sha256:{digest}\n")),
            "{host} ran another component: {printed}"
        );
        assert_eq!(
            counts(&printed),
            [cases.len() - free, 0, free],
            "{host}: {printed}"
        );
    }
}

#[test]
fn other_hosts_accept_each_of_the_things_that_the_contract_allows() {
    // The last choice is a rule of its own: these hosts know none.
    for way in CHOICES.chars().filter(|way| *way != 'd') {
        for (host, command) in HOSTS {
            let (output, printed) = run(host, command, &breaking_by(0, way));
            assert!(output.status.success(), "{host}, 0{way}: {printed}");
        }
    }
}

#[test]
fn other_hosts_catch_an_expiry_that_a_plugin_chooses_and_that_is_over_or_beyond_the_calendar() {
    for way in ['c', 'd'] {
        for (host, command) in HOSTS {
            let (output, printed) = run(host, command, &breaking_by(10, way));
            assert_eq!(output.status.code(), Some(1), "{host}: {printed}");
            let case = "FAIL rule 10: when a reset expires that was given no validity";
            assert!(
                printed.lines().any(|line| line == case),
                "{host}: {printed}"
            );
        }
    }
}

#[test]
fn other_hosts_catch_a_plugin_that_breaks_a_rule_by_the_same_cases() {
    for (host, command) in HOSTS {
        let (output, printed) = run(host, command, &breaking(8));
        assert_eq!(output.status.code(), Some(1), "{host}: {printed}");
        let failed: Vec<&str> = printed
            .lines()
            .filter(|it| it.starts_with("FAIL"))
            .collect();
        assert_eq!(
            failed,
            ["FAIL rule 8: the success of a remove ends the override"],
            "{host}"
        );
    }
}
