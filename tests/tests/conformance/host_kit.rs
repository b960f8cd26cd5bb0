//! The kit for hosts: our host keeps its promises, and hosts that break one are caught by the cases of that duty.

use mdm_conformance::{HostReport, HostVerdict, check_host};
use mdm_tests::plugins::PROBE;
use std::{collections::BTreeSet, process::Command};

/// The program around our host, with one promise broken.
fn our_host(wrong: Option<&str>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_host-under-test"));
    command.args(wrong.iter().flat_map(|name| ["--wrong", name]));
    command
}

fn checked(mut host: Command, only: &[&str]) -> HostReport {
    let only: Vec<String> = only.iter().map(|&id| id.to_owned()).collect();
    check_host(&mut host, PROBE, &only).unwrap()
}

/// The ids of the broken cases.
fn broken(report: &HostReport) -> BTreeSet<&str> {
    report.broken().map(|it| it.id.as_str()).collect()
}

#[test]
fn our_host_keeps_every_promise_and_asks_for_no_exception() {
    let report = checked(our_host(None), &[]);
    assert!(report.findings.len() > 60);
    for finding in &report.findings {
        assert_eq!(finding.verdict, HostVerdict::Kept, "{finding:#?}");
    }
    let duties: BTreeSet<u8> = report.findings.iter().map(|it| it.duty).collect();
    assert!(duties.iter().eq(report.duties.keys()), "each has a case");
}

#[test]
fn a_host_that_writes_over_what_another_writer_committed_is_caught() {
    let report = checked(our_host(Some("ignores-versions")), &[]);
    let duties: BTreeSet<u8> = report.broken().map(|it| it.duty).collect();
    assert_eq!(duties, [10].into());
    assert_eq!(report.broken().count(), 4);
}

#[test]
fn a_host_that_stores_a_password_unsealed_or_after_its_command_has_ended_is_caught() {
    let report = checked(our_host(Some("stores-plaintext")), &["reset", "send-twice"]);
    assert_eq!(broken(&report), ["reset"].into());
    let reasons = &report.findings[0].reasons;
    assert_eq!(*reasons, ["the password is stored without being sealed"]);
    let report = checked(our_host(Some("keeps-sealed")), &[]);
    assert_eq!(broken(&report), ["replace"].into());
}

#[test]
fn a_host_that_loses_its_settings_by_refused_ones_is_caught() {
    let report = checked(our_host(Some("forgets-settings")), &[]);
    assert!(broken(&report).contains("settings-against-schema"));
    assert!(report.broken().all(|it| it.duty == 17));
}

#[test]
fn a_host_that_shows_control_characters_of_a_plugin_is_caught() {
    let report = checked(our_host(Some("shows-control-characters")), &[]);
    assert_eq!(broken(&report), ["log-ten-thousand"].into());
}

#[test]
fn a_host_without_a_time_limit_is_caught_and_does_not_stop_the_kit() {
    let report = checked(
        our_host(Some("has-no-time-limit")),
        &["spin", "count-calls"],
    );
    assert_eq!(broken(&report), ["spin"].into());
    let spin = report.broken().next().unwrap();
    assert_eq!(spin.reasons, ["no answer to `call` in 10 s"]);
}

#[test]
fn a_program_that_ends_or_speaks_another_language_is_said_to() {
    let error = check_host(&mut Command::new("true"), PROBE, &[]).unwrap_err();
    let says = "the program of the host: it ended instead of answering `start`";
    assert_eq!(error.to_string(), says);
    let talks = &["-c", "echo hello; cat > /dev/null"];
    let error = check_host(Command::new("sh").args(talks), PROBE, &[]).unwrap_err();
    assert!(error.to_string().contains("hello"), "{error}");
    let error = check_host(&mut our_host(None), PROBE, &["nothing".into()]).unwrap_err();
    assert!(error.to_string().contains("there is no case nothing"));
    let error = check_host(&mut Command::new("/nowhere"), PROBE, &[]).unwrap_err();
    assert!(error.to_string().contains("it can't be started"), "{error}");
}
