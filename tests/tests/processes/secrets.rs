//! A password in plaintext is in no table, log, error or output.

use mdm_tests::lab::{Lab, Make, text};
use std::{fs, path::Path};

/// It would stand out anywhere.
const PASSWORD: &str = "zebra7QUARTZ94";

#[test]
fn a_password_is_found_in_no_file_of_the_host_and_in_nothing_that_host_or_agent_print() {
    let lab = Lab::with(&["--password-rule", "alphanumeric:8-16"], "trace").unwrap();
    let mut phone = lab.enroll(Make::default()).unwrap();
    let mut printed = String::new();
    let mut reset = |args: &[&str]| {
        let asked = [&["password", "reset", &phone.id, "--yes"], args].concat();
        printed.push_str(&text(&lab.admin(&asked, PASSWORD).unwrap()));
    };
    reset(&[]);
    reset(&[]); // a conflict
    reset(&["--valid-for", "0"]); // bad terms
    for body in [
        format!(r#"{{"password": "{PASSWORD}", "password": 1}}"#),
        format!(r#"{{"{PASSWORD}": "{PASSWORD}"}}"#),
        format!(r#"{{"password": ["{PASSWORD}"]}}"#),
        format!(r#""{PASSWORD}"#),
        format!(r#""{PASSWORD}""#),
    ] {
        let answer =
            super::bad_input::post(&lab, &format!("devices/{}/password/reset", phone.id), &body);
        printed.push_str(&format!("{answer:?}"));
    }
    // While it is pending, it lies sealed in the outbox.
    assert_not_found(lab.folder());
    phone.switch_on().unwrap();
    let pending = lab.ask(&["password", "status", &phone.id], "").unwrap()["latest"].clone();
    assert_eq!(lab.outcome(&phone, &pending).unwrap()["status"], "success");
    assert!(phone.opens_with(PASSWORD).unwrap(), "it did travel");
    phone.switch_off().unwrap();
    printed.push_str(&text(
        &lab.admin(&["device", "show", &phone.id], "").unwrap(),
    ));
    assert!(!printed.contains(PASSWORD), "{printed}");
    assert!(
        lab.host_log().unwrap().contains("TRACE"),
        "the log was not at trace level"
    );
    assert!(
        phone.agent_log().unwrap().contains("TRACE"),
        "the log was not at trace level"
    );
    assert_not_found(lab.folder());
}

/// Looks through every file: the database and its log, the host's log, and everything of the devices.
fn assert_not_found(folder: &Path) {
    let mut files = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = fs::read(&path).unwrap();
            let found = bytes
                .windows(PASSWORD.len())
                .any(|it| it == PASSWORD.as_bytes());
            assert!(!found, "the password is in {}", path.display());
            files += 1;
        }
    }
    assert!(files >= 6, "only {files} files were looked through");
}
