//! A password in plaintext is in no table, log, error or output, and a token is in no log.

use mdm_tests::test_environment::{Make, TestEnvironment, staying_client, text};
use std::{fs, path::Path};
use tokio::runtime::Runtime;

/// All log lines, except for the compiler's: a million lines, none during a call.
pub(super) const EVERYTHING: &str = "trace,cranelift_codegen=info,cranelift_frontend=info,wasmtime_internal_cranelift=info,regalloc2=info";

/// It would stand out anywhere.
const PASSWORD: &str = "zebra7QUARTZ94";

#[test]
fn a_password_is_found_in_no_file_of_the_host_and_in_nothing_that_host_or_agent_print() {
    let env = TestEnvironment::with(&["--password-rule", "alphanumeric:8-16"], EVERYTHING).unwrap();
    let mut phone = env.enroll(Make::default()).unwrap();
    let mut printed = String::new();
    let mut reset = |args: &[&str]| {
        let asked = [&["password", "reset", &phone.id, "--yes"], args].concat();
        printed.push_str(&text(&env.admin(&asked, PASSWORD).unwrap()));
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
            super::bad_input::post(&env, &format!("devices/{}/password/reset", phone.id), &body);
        printed.push_str(&format!("{answer:?}"));
    }
    // While it is pending, it lies sealed in the outbox.
    assert_not_found(env.folder());
    phone.switch_on().unwrap();
    let pending = env.ask(&["password", "status", &phone.id], "").unwrap()["latest"].clone();
    assert_eq!(env.outcome(&phone, &pending).unwrap()["status"], "success");
    assert!(phone.opens_with(PASSWORD).unwrap(), "it did travel");
    phone.switch_off().unwrap();
    printed.push_str(&text(
        &env.admin(&["device", "show", &phone.id], "").unwrap(),
    ));
    assert!(!printed.contains(PASSWORD), "{printed}");
    assert!(
        env.host_log().unwrap().contains("TRACE"),
        "the log was not at trace level"
    );
    assert!(
        phone.agent_log().unwrap().contains("TRACE"),
        "the log was not at trace level"
    );
    assert_not_found(env.folder());
}

#[test]
fn a_token_is_found_in_no_log_whoever_it_lets_in() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("metrics.token");
    let env = TestEnvironment::with(
        &["--metrics-token-file", file.to_str().unwrap()],
        EVERYTHING,
    )
    .unwrap();
    let runtime = Runtime::new().unwrap();
    let ask = |path: &str, header: (&str, String), form: Option<&str>| {
        let url = format!("{}{path}", env.url());
        let client = staying_client().unwrap();
        let call = match form {
            Some(form) => client
                .post(url)
                .header("content-type", "application/x-www-form-urlencoded")
                .body(form.to_owned()),
            None => client.get(url),
        };
        runtime
            .block_on(call.header(header.0, header.1).send())
            .unwrap()
    };
    let bearer = |token: &str| ("authorization", format!("Bearer {token}"));
    let nothing = || ("accept", "*/*".to_owned());

    let metrics = fs::read_to_string(&file).unwrap().trim().to_owned();
    assert_eq!(ask("/metrics", bearer(&metrics), None).status(), 200);
    let program = env
        .ask(&["token", "add", "nightly", "--may", "see"], "")
        .unwrap();
    let program = program["token"].as_str().unwrap().to_owned();
    assert_eq!(ask("/api/v1/devices", bearer(&program), None).status(), 200);
    let enrollment = env.ask(&["device", "enroll"], "").unwrap();
    let enrollment = enrollment["token"].as_str().unwrap().to_owned();
    // A device enrolls with its own, and this one is tried in vain.
    let mut phone = env.enroll(Make::default()).unwrap();
    assert_eq!(
        ask("/agent/v1/enroll", bearer(&enrollment), Some("{}")).status(),
        401
    );
    phone.switch_on().unwrap();
    env.wait_online(&phone).unwrap();
    let path = env.first_invitation().unwrap();
    let chosen = "password=tulip-anvil-rainy-42&again=tulip-anvil-rainy-42";
    let answer = ask(&path, nothing(), Some(chosen));
    let session = answer.headers()["set-cookie"].to_str().unwrap();
    let session = session.split(['=', ';']).nth(1).unwrap().to_owned();
    assert_eq!(
        ask(
            "/devices",
            ("cookie", format!("mdm-session={session}")),
            None
        )
        .status(),
        200
    );
    phone.switch_off().unwrap();

    let log = format!("{}{}", env.host_log().unwrap(), phone.agent_log().unwrap());
    assert!(log.contains("TRACE"), "the log was not at trace level");
    let invitation = path.rsplit('/').next().unwrap();
    let (admin, invitation) = (env.token().unwrap(), invitation.to_owned());
    for token in [
        &admin,
        &metrics,
        &program,
        &enrollment,
        &session,
        &invitation,
    ] {
        assert!(token.len() >= 16, "`{token}` is no token");
        assert!(!log.contains(token), "a token is in the log: {token}");
    }
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
