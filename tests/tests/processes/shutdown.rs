//! Shutdown and other signals.

use super::{replicas::Pair, tls::Certificates};
use mdm_tests::{
    frozen::signal,
    test_environment::{TestEnvironment, ready, trusting_client, wait_until},
};
use std::{
    fs,
    io::Write as _,
    net::TcpStream,
    time::{Duration, Instant},
};
use tokio::runtime::Runtime;

/// The time that a busy machine takes to end a process.
const SLACK: Duration = Duration::from_secs(3);

/// A call of which half the body has come, and the host knows of it.
fn half_sent(env: &TestEnvironment) -> TcpStream {
    let mut call = TcpStream::connect(env.address()).unwrap();
    let token = env.token().unwrap();
    let head = format!(
        "POST /api/v1/enrollment-tokens HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{\"groups\":",
        env.address()
    );
    call.write_all(head.as_bytes()).unwrap();
    // Another call is answered after it, on another connection.
    assert_eq!(ready(&env.url()).unwrap().0, 200);
    call
}

fn terminate(env: &TestEnvironment) -> Instant {
    let started = Instant::now();
    signal(env.host_process().unwrap(), "TERM").unwrap();
    started
}

fn wait_for_log(env: &TestEnvironment, line: &str) {
    wait_until(&format!("the log says: {line}"), || {
        Ok(env.host_log()?.contains(line))
    })
    .unwrap();
}

#[test]
fn a_half_sent_body_keeps_a_host_that_stops_10_seconds_and_no_longer() {
    let mut env = TestEnvironment::start().unwrap();
    let call = half_sent(&env);
    let started = terminate(&env);
    env.wait_for_end().unwrap();
    let took = started.elapsed();
    assert!(took < Duration::from_secs(10) + SLACK, "it took {took:?}");
    wait_for_log(&env, "running requests were cut off after 10 s");
    drop(call);
}

#[test]
fn the_time_that_a_host_takes_to_stop_is_an_option() {
    let mut env = TestEnvironment::with(&["--shutdown-timeout", "1"], "info").unwrap();
    let call = half_sent(&env);
    let started = terminate(&env);
    env.wait_for_end().unwrap();
    let took = started.elapsed();
    assert!(took < Duration::from_secs(1) + SLACK, "it took {took:?}");
    drop(call);
}

#[test]
fn a_second_signal_ends_a_host_at_once() {
    let mut env = TestEnvironment::with(&["--shutdown-timeout", "60"], "info").unwrap();
    let call = half_sent(&env);
    terminate(&env);
    wait_for_log(&env, "stopping");
    let started = terminate(&env);
    env.wait_for_end().unwrap();
    assert!(started.elapsed() < SLACK, "it took {:?}", started.elapsed());
    drop(call);
}

#[test]
fn a_host_that_is_about_to_stop_is_not_ready_and_serves_on_for_a_while() {
    let mut env = TestEnvironment::with(&["--shutdown-delay", "4"], "info").unwrap();
    let started = terminate(&env);
    wait_until("/ready says that it stops", || {
        let (status, body) = ready(&env.url())?;
        Ok(status == 503 && body["detail"] == "the host is stopping")
    })
    .unwrap();
    env.ask(&["device", "list"], "").unwrap();
    assert!(
        started.elapsed() < Duration::from_secs(4),
        "too slow to tell"
    );
    env.wait_for_end().unwrap();
    assert!(
        started.elapsed() >= Duration::from_secs(4),
        "it did not wait"
    );
}

#[test]
fn a_leader_that_stops_gives_its_lease_up_at_once() {
    let mut pair = Pair::start(&[]);
    let leader = || {
        let query = "select holder || ' ' || (expires_at > clock_timestamp()) from leadership";
        pair.postgres.ask("mdm", query)
    };
    let mut before = String::new();
    wait_until("one leads", || {
        before = leader()?;
        Ok(before.ends_with(" true"))
    })
    .unwrap();
    let started = terminate(&pair.one);
    wait_until("the other one leads", || {
        let now = leader()?;
        Ok(now.ends_with(" true") && now != before)
    })
    .unwrap();
    // Without that, its lease would run for 6 s.
    assert!(
        started.elapsed() < Duration::from_secs(4),
        "{:?}",
        started.elapsed()
    );
    pair.one.wait_for_end().unwrap();
}

fn serves_by(env: &TestEnvironment, certificates: &Certificates) -> bool {
    let client = trusting_client(&certificates.path("authority")).unwrap();
    let call = client.get(format!("{}/health", env.url())).send();
    Runtime::new().unwrap().block_on(call).is_ok()
}

fn tls_env(certificates: &Certificates) -> TestEnvironment {
    let args = certificates.serve_args();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    TestEnvironment::with_tls(&args, &certificates.path("authority")).unwrap()
}

#[test]
fn at_a_hang_up_a_host_reloads_its_certificate_and_keeps_the_old_one_if_the_new_one_will_not_do() {
    let certificates = Certificates::new();
    let env = tls_env(&certificates);
    let process = env.host_process().unwrap();
    let renewed = Certificates::new();
    assert!(serves_by(&env, &certificates) && !serves_by(&env, &renewed));
    let replace = |name: &str| {
        fs::copy(renewed.path(name), certificates.path(name)).unwrap();
    };
    replace("certificate");
    signal(process, "HUP").unwrap();
    wait_for_log(&env, "the certificate could not be reloaded");
    assert!(serves_by(&env, &certificates), "its key is the old one");
    replace("key");
    signal(process, "HUP").unwrap();
    wait_for_log(&env, "the certificate and its key were reloaded");
    assert!(serves_by(&env, &renewed) && !serves_by(&env, &certificates));
}

#[test]
fn at_a_hang_up_a_host_without_tls_goes_on() {
    let env = TestEnvironment::start().unwrap();
    signal(env.host_process().unwrap(), "HUP").unwrap();
    wait_for_log(&env, "nothing to reload");
    assert_eq!(ready(&env.url()).unwrap().0, 200);
}

#[test]
fn a_certificate_that_is_about_to_expire_is_in_the_log_and_the_metrics() {
    let certificates = Certificates::valid_for(Duration::from_secs(10 * 24 * 3600));
    let env = tls_env(&certificates);
    wait_for_log(&env, "the TLS certificate is about to expire");
    let client = trusting_client(&certificates.path("authority")).unwrap();
    let call = client
        .get(format!("{}/metrics", env.url()))
        .bearer_auth(env.token().unwrap());
    let text = Runtime::new()
        .unwrap()
        .block_on(async { call.send().await.unwrap().text().await.unwrap() });
    let expires = text
        .lines()
        .find_map(|line| line.strip_prefix("mdm_tls_certificate_expires_seconds "))
        .unwrap_or_else(|| panic!("{text}"));
    let now = mdm_contract::time::now() / 1000;
    let days = (expires.parse::<f64>().unwrap() - now as f64) / 86_400.0;
    assert!((9.0..=10.0).contains(&days), "{days}");
}

#[test]
fn a_certificate_that_expires_while_the_host_runs_is_an_error_in_its_log() {
    let certificates = Certificates::valid_for(Duration::from_secs(8));
    let env = tls_env(&certificates);
    wait_for_log(&env, "the TLS certificate has expired");
    assert!(env.host_log().unwrap().contains("ERROR"));
}
