//! A host says whether it can serve, to whoever asks, and notices by itself when it can again.

use mdm_tests::lab::{Lab, http_client, program, wait_until};
use rusqlite::Connection;
use serde_json::Value;
use std::{
    process::{Command, Stdio},
    time::Duration,
};
use tokio::runtime::Runtime;

/// Asks without a token.
fn ready(url: &str) -> anyhow::Result<(u16, Value)> {
    let request = http_client().get(format!("{url}/ready"));
    Runtime::new()?.block_on(async {
        let answer = request.send().await?;
        Ok((answer.status().as_u16(), answer.json().await?))
    })
}

#[test]
fn a_host_that_can_serve_says_so_to_anybody_however_often_they_ask() {
    let lab = Lab::with(&["--rate-per-address", "1"], "info").unwrap();
    for _ in 0..30 {
        let (status, body) = ready(&lab.url()).unwrap();
        assert_eq!((status, body), (200, serde_json::json!({"degraded": []})));
    }
}

#[test]
fn a_host_whose_store_does_not_answer_is_not_ready_until_it_does_and_tells_strangers_no_more() {
    let lab = Lab::start().unwrap();
    let file = lab.folder().join("data/mdm.db");
    let locked = Connection::open(&file).unwrap();
    locked.execute_batch("begin immediate").unwrap();
    let is = |status: u16| {
        wait_until(&format!("/ready says {status}"), || {
            Ok(ready(&lab.url())?.0 == status)
        })
        .unwrap();
    };
    is(503);
    let (_, problem) = ready(&lab.url()).unwrap();
    assert_eq!(problem["type"], "not-ready");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("did not answer within 2 s"), "{detail}");
    assert!(!detail.contains("mdm.db"), "{detail}");
    locked.execute_batch("rollback").unwrap();
    is(200);
    let log = lab.host_log().unwrap();
    assert_eq!(
        log.matches("ERROR").count(),
        log.matches("not ready").count(),
        "{log}"
    );
}

#[test]
fn a_host_that_can_not_write_is_not_ready_and_needs_no_restart_when_it_can() {
    let folder = tempfile::TempDir::new().unwrap();
    let port = mdm_tests::lab::free_port().unwrap();
    // A file beyond the limit is an error then, as on a full disk, and no signal.
    let mut host = Command::new("sh")
        .args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"])
        .arg(program("mdm-host").unwrap())
        .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--data"])
        .arg(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let url = format!("http://127.0.0.1:{port}");
    let largest = |bytes: &str| {
        let limit = Command::new("prlimit")
            .args([
                "--pid",
                &host.id().to_string(),
                &format!("--fsize={bytes}:"),
            ])
            .status();
        assert!(limit.unwrap().success());
    };
    let is = |status: u16| {
        wait_until(&format!("/ready says {status}"), || {
            Ok(ready(&url)?.0 == status)
        })
    };
    let checked = std::panic::catch_unwind(|| {
        is(200).unwrap();
        largest("0");
        is(503).unwrap();
        std::thread::sleep(Duration::from_millis(1100));
        is(503).unwrap();
        largest("unlimited");
        is(200).unwrap();
    });
    host.kill().unwrap();
    host.wait().unwrap();
    checked.unwrap();
}
