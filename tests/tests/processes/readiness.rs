//! Readiness: a server reports if it can serve, and recovers by itself.

use mdm_tests::{
    postgres::Postgres,
    test_environment::{TestEnvironment, free_port, http_client, program, ready, wait_until},
};
use rusqlite::Connection;
use serde_json::Value;
use std::{
    fs::{self, File},
    process::{Child, Command, Stdio},
    time::Instant,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

#[test]
fn a_host_that_can_serve_says_so_to_anybody_however_often_they_ask() {
    let env = TestEnvironment::with(&["--rate-per-address", "1"], "info").unwrap();
    for _ in 0..30 {
        let (status, body) = ready(&env.url()).unwrap();
        assert_eq!((status, body), (200, serde_json::json!({"degraded": []})));
    }
}

#[test]
fn a_host_whose_store_does_not_answer_is_not_ready_until_it_does_and_tells_strangers_no_more() {
    let env = TestEnvironment::start().unwrap();
    let file = env.folder().join("data/mdm.db");
    let locked = Connection::open(&file).unwrap();
    locked.execute_batch("begin immediate").unwrap();
    let is = |status: u16| {
        wait_until(&format!("/ready says {status}"), || {
            Ok(ready(&env.url())?.0 == status)
        })
        .unwrap();
    };
    is(503);
    let (_, problem) = ready(&env.url()).unwrap();
    assert_eq!(problem["type"], "not-ready");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("did not answer within 2 s"), "{detail}");
    assert!(!detail.contains("mdm.db"), "{detail}");
    locked.execute_batch("rollback").unwrap();
    is(200);
    let log = env.host_log().unwrap();
    assert_eq!(
        log.matches("ERROR").count(),
        log.matches("not ready").count(),
        "{log}"
    );
}

/// A host that may take its time until it serves.
struct Host {
    folder: TempDir,
    process: Child,
    url: String,
}

impl Host {
    fn start(options: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let address = format!("127.0.0.1:{}", free_port().unwrap());
        Self {
            process: Self::process(&folder, &address, options),
            folder,
            url: format!("http://{address}"),
        }
    }

    fn start_again(&mut self, options: &[&str]) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        let address = self.url.trim_start_matches("http://");
        self.process = Self::process(&self.folder, address, options);
    }

    fn process(folder: &TempDir, address: &str, options: &[&str]) -> Child {
        let log = File::create(folder.path().join("host.log")).unwrap();
        // Ignores the signal, so that a write beyond the limit is an error, as on a full disk.
        Command::new("sh")
            .args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"])
            .arg(program("mdm-server").unwrap())
            .args(["serve", "--listen", address, "--data"])
            .arg(folder.path().join("data"))
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap()
    }

    /// Waits until `/ready` has this status, and gives what it says.
    fn is(&self, status: u16) -> Value {
        let mut said = Value::Null;
        wait_until(&format!("/ready says {status}"), || {
            let (now, body) = ready(&self.url)?;
            said = body;
            Ok(now == status)
        })
        .unwrap();
        said
    }

    /// No file of it gets larger than this.
    fn limit_files(&self, bytes: &str) {
        let pid = self.process.id().to_string();
        let limit = Command::new("prlimit")
            .args(["--pid", &pid, &format!("--fsize={bytes}:")])
            .status();
        assert!(limit.unwrap().success());
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("host.log")).unwrap()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_host_that_can_not_write_is_not_ready_and_needs_no_restart_when_it_can() {
    let host = Host::start(&[]);
    host.is(200);
    host.limit_files("0");
    host.is(503);
    host.limit_files("unlimited");
    host.is(200);
}

#[test]
fn a_host_whose_database_is_away_lives_and_waits_and_tells_only_its_log_where_it_looks() {
    let port = free_port().unwrap();
    let store = format!("postgres://mdm:quartz-secret@127.0.0.1:{port}/mdm?sslmode=disable");
    let mut host = Host::start(&["--store", &store]);
    let problem = host.is(503);
    assert_eq!(problem["type"], "not-ready");
    wait_until("it has tried again", || {
        Ok(host.log().matches("trying again").count() >= 2)
    })
    .unwrap();
    let problem_now = host.is(503).to_string();
    for inner in ["quartz", "127.0.0.1", &port.to_string()] {
        assert!(!problem_now.contains(inner), "{problem_now}");
    }
    assert!(host.process.try_wait().unwrap().is_none(), "it is gone");
    let health = http_client().get(format!("{}/health", host.url));
    let health = Runtime::new().unwrap().block_on(health.send());
    assert_eq!(health.unwrap().status(), 200);
    assert!(!host.log().contains("quartz"), "{}", host.log());
}

#[test]
fn a_hundred_calls_that_the_store_fails_leave_a_line_a_second_in_the_log() {
    let mut database = Postgres::start().unwrap();
    let store = database.database("mdm").unwrap();
    let env = TestEnvironment::with(&["--store", &store, "--rate-per-address", "100000"], "info")
        .unwrap();
    let token = env.token().unwrap();
    database.stop().unwrap();
    let started = Instant::now();
    let client = http_client();
    Runtime::new().unwrap().block_on(async {
        for _ in 0..100 {
            let call = client.get(format!("{}/api/v1/devices", env.url()));
            let answer = call.bearer_auth(&token).send().await.unwrap();
            assert_eq!(answer.status(), 503);
        }
    });
    let log = env.host_log().unwrap();
    let lines = log.matches("the store failed a request").count();
    let seconds = usize::try_from(started.elapsed().as_secs()).unwrap();
    assert!((1..=seconds + 1).contains(&lines), "{lines} in {seconds} s");
}

#[test]
fn a_host_opens_when_its_database_comes_and_is_ready_again_when_it_comes_back() {
    let mut database = Postgres::start().unwrap();
    let store = database.database("mdm").unwrap();
    database.stop().unwrap();
    let mut host = Host::start(&["--store", &store]);
    for _ in 0..2 {
        host.is(503);
        database.start_again().unwrap();
        host.is(200);
        database.kill().unwrap();
    }
    let mut detail = String::new();
    wait_until("it says where to look", || {
        detail = host.is(503)["detail"].to_string();
        Ok(detail.contains("the host's log says why"))
    })
    .unwrap();
    let log = host.log();
    let mut lines = log.lines().filter(|line| line.contains("not ready"));
    let says_why = |line: &str| line.contains("ERROR") && line.contains("the store failed: ");
    assert!(lines.any(says_why), "{log}");
    assert!(host.process.try_wait().unwrap().is_none(), "it is gone");
}

#[test]
fn a_host_whose_database_is_that_of_a_newer_host_says_so_and_opens_once_it_is_not() {
    let database = Postgres::start().unwrap();
    let store = database.database("mdm").unwrap();
    let mut host = Host::start(&["--store", &store]);
    host.is(200);
    let form = |number: &str| {
        let query = format!("update schema_history set version = {number}");
        database.ask("mdm", &query).unwrap()
    };
    form("version + 1000");
    host.start_again(&["--store", &store]);
    wait_until("it says that the database is newer", || {
        Ok(host.is(503)["detail"].as_str().unwrap().contains("newer"))
    })
    .unwrap();
    form("version - 1000");
    host.is(200);
}

#[test]
fn a_host_that_the_database_does_not_let_in_says_so_without_the_password_and_opens_once_it_does() {
    let database = Postgres::start().unwrap();
    let trusting = database.database("mdm").unwrap();
    let ask = |query: &str| database.ask("mdm", query).unwrap();
    ask(
        "create role guest login password 'the-right-one'; alter database mdm owner to guest; \
         alter schema public owner to guest",
    );
    let rules = database.folder().join("data/pg_hba.conf");
    let others = fs::read_to_string(&rules).unwrap();
    let first = "host all guest 127.0.0.1/32 scram-sha-256";
    fs::write(&rules, format!("{first}\n{others}")).unwrap();
    ask("select pg_reload_conf()");
    let store = trusting.replace("//mdm@", "//guest:quartz-secret@");
    let host = Host::start(&["--store", &store]);
    says_in_its_log_alone(&host, "password authentication failed for user \"guest\"");
    ask("alter role guest password 'quartz-secret'");
    host.is(200);
}

#[test]
fn a_host_whose_database_is_not_there_says_so_and_opens_once_it_is() {
    let database = Postgres::start().unwrap();
    let store = database.url("missing");
    let store = store.replace("//mdm@", "//mdm:quartz-secret@");
    let host = Host::start(&["--store", &store]);
    says_in_its_log_alone(&host, "database \"missing\" does not exist");
    database.database("missing").unwrap();
    host.is(200);
}

/// It listens and is not ready; why is in its log, and strangers learn where to look. The password is nowhere.
fn says_in_its_log_alone(host: &Host, why: &str) {
    wait_until(&format!("its log says: {why}"), || {
        Ok(host.log().contains(why))
    })
    .unwrap();
    let problem = host.is(503);
    assert_eq!(problem["type"], "not-ready");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("the host's log says why"), "{detail}");
    assert!(!detail.contains(why), "{detail}");
    assert!(!host.log().contains("quartz"), "{}", host.log());
}

#[test]
fn a_host_whose_own_file_is_that_of_a_newer_host_says_so_ends_and_changes_nothing() {
    let mut host = Host::start(&[]);
    host.is(200);
    host.process.kill().unwrap();
    host.process.wait().unwrap();
    let file = host.folder.path().join("data/mdm.db");
    // As a host might leave it that keeps no log beside it.
    let newer = "pragma journal_mode = delete; update schema_history set version = 99";
    Connection::open(&file)
        .unwrap()
        .execute_batch(newer)
        .unwrap();
    let before = fs::read(&file).unwrap();
    host.start_again(&[]);
    assert!(!host.process.wait().unwrap().success());
    let log = host.log();
    assert!(log.contains("run a newer server"), "{log}");
    assert!(log.contains("schema version 99"), "{log}");
    assert!(fs::read(&file).unwrap() == before, "the file was changed");
}

#[test]
fn an_option_that_names_no_database_ends_the_host_at_once() {
    let mut host = Host::start(&["--store", "mysql://quartz-secret@127.0.0.1/mdm"]);
    let mut ended = None;
    wait_until("it ends", || {
        ended = host.process.try_wait()?;
        Ok(ended.is_some())
    })
    .unwrap();
    assert!(!ended.unwrap().success());
    let log = host.log();
    assert!(log.contains("--store") && !log.contains("quartz"), "{log}");
}
