//! Hosts and databases that are frozen (SIGSTOP): others wait for them no longer than a bound that is known.

use super::replicas::Pair;
use mdm_tests::{
    frozen::Frozen,
    postgres::Postgres,
    test_environment::{
        Device, Make, TestEnvironment, free_port, http_client, ready, text, wait_until,
    },
};
use serde_json::{Value, json};
use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};
use tokio::runtime::Runtime;

/// The time in which a frozen leader must be replaced.
const REPLACEMENT_TIMEOUT: Duration = Duration::from_secs(15);

/// The longest that a call waits for a database that answers nothing, and the time of a busy machine.
const CALL_BOUND: Duration = Duration::from_secs(18);

/// The value of a metric.
fn metric(env: &TestEnvironment, name: &str) -> anyhow::Result<f64> {
    let text = metrics(env)?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let value = line.ok_or_else(|| anyhow::anyhow!("no {name} in {text}"))?;
    Ok(value.trim().parse()?)
}

fn metrics(env: &TestEnvironment) -> anyhow::Result<String> {
    let token = std::fs::read_to_string(env.folder().join("metrics.token"));
    let token = match token {
        Ok(token) => token.trim().to_owned(),
        Err(_) => env.token()?,
    };
    let call = http_client().get(format!("{}/metrics", env.url()));
    Runtime::new()?.block_on(async {
        let answer = call.bearer_auth(token).send().await?;
        anyhow::ensure!(answer.status() == 200, "{}", answer.status());
        Ok(answer.text().await?)
    })
}

fn leads(env: &TestEnvironment) -> anyhow::Result<bool> {
    Ok(metric(env, "mdm_leader ")? == 1.0)
}

fn expiring_reset(env: &TestEnvironment, phone: &Device) -> Value {
    let reset = ["password", "reset", &phone.id, "--yes", "--valid-for", "1"];
    env.ask(&reset, "1357").unwrap()
}

#[test]
fn a_frozen_leader_is_replaced_within_15_seconds_and_leads_no_more_when_it_thaws() {
    let pair = Pair::start(&[]);
    let phone = pair.phone();
    // The one that has started first leads.
    let (leader, other) = (&pair.one, &pair.two);
    let frozen = Frozen::process(leader.host_process().unwrap()).unwrap();
    let started = Instant::now();
    let command = expiring_reset(other, &phone);
    let completed = other.outcome(&phone, &command).unwrap();
    assert_eq!(
        completed["status"],
        json!({"failed": "expired"}),
        "{completed}"
    );
    let took = started.elapsed();
    assert!(took < REPLACEMENT_TIMEOUT, "it was replaced after {took:?}");
    frozen.thaw();
    wait_until("the one that was frozen leads no more", || {
        Ok(!leads(leader)? && leads(other)?)
    })
    .unwrap();
}

#[test]
fn a_replica_that_freezes_within_a_transaction_costs_the_others_less_than_5_seconds() {
    let pair = Pair::start(&["--rate-per-address", "100000"]);
    let phone = pair.phone();
    let (writer, other) = (&pair.one, &pair.two);
    let load = Load::on(writer);
    let mut frozen = None;
    wait_until(
        "a replica freezes while it holds the lock of all writers",
        || {
            let it = Frozen::process(writer.host_process()?)?;
            // Statements that it has sent are executed first.
            thread::sleep(Duration::from_millis(100));
            let query = "select count(*) from pg_locks join pg_stat_activity using (pid) \
            where locktype = 'advisory' and granted and state = 'idle in transaction'";
            if pair.postgres.ask("mdm", query)? == "1" {
                frozen = Some(it);
            } else {
                it.thaw();
                thread::sleep(Duration::from_millis(7));
            }
            Ok(frozen.is_some())
        },
    )
    .unwrap();
    let started = Instant::now();
    let reset = ["password", "reset", &phone.id, "--yes"];
    let answer = other.admin(&reset, "1357").unwrap();
    let took = started.elapsed();
    assert!(answer.status.success(), "{}", text(&answer));
    assert!(took < Duration::from_secs(5), "it took {took:?}");
    drop(frozen);
    load.end();
    wait_until("the one that was frozen serves again", || {
        Ok(
            ready(&writer.url())?.0 == 200
                && writer.ask(&["device", "show", &phone.id], "").is_ok(),
        )
    })
    .unwrap();
    let verified = pair.one.verify_audit(&[]).unwrap();
    assert!(verified.status.success(), "{}", text(&verified));
}

/// Calls that write, one after the other on some connections, until it ends.
struct Load {
    stop: std::sync::Arc<std::sync::atomic::AtomicBool>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Load {
    fn on(env: &TestEnvironment) -> Self {
        let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let (url, token) = (env.url(), env.token().unwrap());
        let threads = (0..4).map(|_| {
            let (stop, url, token) = (stop.clone(), url.clone(), token.clone());
            thread::spawn(move || {
                let runtime = Runtime::new().unwrap();
                let client = http_client();
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    let call = client
                        .post(format!("{url}/api/v1/enrollment-tokens"))
                        .bearer_auth(&token)
                        .timeout(Duration::from_secs(30))
                        .json(&json!({}));
                    // A host that is frozen answers nothing.
                    let _ = runtime.block_on(async { call.send().await });
                }
            })
        });
        Self {
            threads: threads.collect(),
            stop,
        }
    }

    fn end(self) {
        self.stop.store(true, std::sync::atomic::Ordering::Relaxed);
        for thread in self.threads {
            thread.join().unwrap();
        }
    }
}

#[test]
fn a_database_that_hangs_keeps_no_call_longer_than_its_bound_and_the_metrics_not_at_all() {
    let postgres = Postgres::start().unwrap();
    let url = postgres.database("mdm").unwrap();
    let folder = tempfile::TempDir::new().unwrap();
    let token = folder.path().join("metrics.token");
    let reader = [
        "--store",
        &url,
        "--metrics-token-file",
        token.to_str().unwrap(),
    ];
    let env = TestEnvironment::with(&reader, "info").unwrap();
    std::fs::copy(&token, env.folder().join("metrics.token")).unwrap();
    let phone = env.enroll(Make::default()).unwrap();
    let frozen = Frozen::family(postgres.process().unwrap()).unwrap();
    let timed = |args: &[&str], input: &str| {
        let started = Instant::now();
        let refused = env.refused(args, input).unwrap();
        let took = started.elapsed();
        assert!(took < CALL_BOUND, "{args:?} took {took:?}");
        refused
    };
    thread::scope(|scope| {
        let read = scope.spawn(|| timed(&["device", "show", &phone.id], ""));
        let write = scope.spawn(|| timed(&["device", "enroll"], ""));
        for _ in 0..3 {
            let started = Instant::now();
            assert_eq!(metric(&env, "mdm_ready ").unwrap(), 0.0);
            assert!(
                started.elapsed() < Duration::from_secs(5),
                "{:?}",
                started.elapsed()
            );
        }
        for answer in [read.join().unwrap(), write.join().unwrap()] {
            assert_eq!(answer["type"], "store-failed", "{answer}");
        }
    });
    // And again, where nothing waits any more.
    timed(&["device", "show", &phone.id], "");
    let log = env.host_log().unwrap();
    assert!(log.contains("the database has not answered for"), "{log}");
    frozen.thaw();
    wait_until("the host serves again", || {
        Ok(ready(&env.url())?.0 == 200 && env.ask(&["device", "show", &phone.id], "").is_ok())
    })
    .unwrap();
}

#[test]
fn a_host_that_starts_at_a_database_that_hangs_says_so_and_opens_once_it_answers() {
    let postgres = Postgres::start().unwrap();
    let url = postgres.database("mdm").unwrap();
    let frozen = Frozen::family(postgres.process().unwrap()).unwrap();
    let env = TestEnvironment::stranger(&["--store", &url]).unwrap();
    wait_until("its log says twice what it waits for", || {
        let log = env.host_log()?;
        let said = log.lines().filter(|line| {
            line.contains("the database has not answered for 5 s") && line.contains("trying again")
        });
        Ok(said.count() >= 2)
    })
    .unwrap();
    assert_eq!(ready(&env.url()).unwrap().0, 503);
    frozen.thaw();
    wait_until("it opens", || Ok(ready(&env.url())?.0 == 200)).unwrap();
}

#[test]
fn a_leader_that_lost_its_lease_while_it_was_frozen_writes_nothing_as_a_leader() {
    let pair = Pair::start(&["--webhooks-to-private-networks"]);
    let phone = pair.phone();
    // The one that has started first leads.
    let (leader, other) = (&pair.one, &pair.two);
    let receiver = TcpListener::bind(("127.0.0.1", free_port().unwrap())).unwrap();
    let address = receiver.local_addr().unwrap();
    let (came, messages) = mpsc::channel();
    thread::spawn(move || {
        for call in receiver.incoming() {
            let mut call = call.unwrap();
            // A message is small: it comes at once.
            let _ = call.read(&mut [0; 8192]);
            if came.send(call).is_err() {
                return;
            }
        }
    });
    let answer = |mut call: TcpStream| {
        // The host that asked may have hung up.
        let _ = call.write_all(b"HTTP/1.1 204 No Content\r\n\r\n");
    };
    other
        .ask(&["webhook", "add", &format!("http://{address}/")], "")
        .unwrap();
    let reset = ["password", "reset", &phone.id, "--yes"];
    other.ask(&reset, "1357").unwrap();
    let first = messages.recv_timeout(Duration::from_secs(20)).unwrap();
    let frozen = Frozen::process(leader.host_process().unwrap()).unwrap();
    // The other one leads now, and sends it again.
    answer(messages.recv_timeout(REPLACEMENT_TIMEOUT).unwrap());
    let attempts = || {
        pair.postgres
            .ask("mdm", "select count(*) from webhook_attempts")
    };
    wait_until(
        "the other one notes its delivery",
        || Ok(attempts()? == "1"),
    )
    .unwrap();
    frozen.thaw();
    answer(first);
    wait_until("it says that it leads no more", || {
        let log = leader.host_log()?;
        Ok(log.contains("events were not delivered to a webhook")
            && log.contains("another replica leads now"))
    })
    .unwrap();
    assert_eq!(attempts().unwrap(), "1");
}
