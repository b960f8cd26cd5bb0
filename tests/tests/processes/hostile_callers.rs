//! Unauthenticated callers: their requests are refused or cut off in time, others are served meanwhile, and the
//! host's memory stays bounded.

use mdm_tests::{
    counted::Counted,
    memory::peak,
    test_environment::{TIMEOUT, TestEnvironment, free_port, program, ready, wait_until},
};
use serde_json::json;
use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::TcpStream,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use tokio::net::TcpSocket;

/// The head of a call that says that it is signed: only then is its body read.
const ENROLL: &str = "POST /agent/v1/enroll HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer guess\r\n\
    Content-Digest: x\r\nSignature-Input: x\r\nSignature: x\r\n";

fn address(env: &TestEnvironment) -> String {
    env.url().replace("http://", "")
}

fn connect(env: &TestEnvironment) -> TcpStream {
    let stream = TcpStream::connect(address(env)).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    stream
}

/// Reads until the server closes the connection.
fn answer(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => {}
        // Data that was sent after the host had closed ends the connection with an error.
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    String::from_utf8(bytes).unwrap()
}

fn is_closed(stream: &mut TcpStream) -> bool {
    match stream.read(&mut [0]) {
        Ok(length) => length == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

/// Sends a GiB, or as much as the host takes, and gives the host's answer and how much it was.
fn send_gibibyte(env: &TestEnvironment, head: &str, chunk: &[u8]) -> (String, usize) {
    let mut stream = connect(env);
    stream.write_all(head.as_bytes()).unwrap();
    let mut sending = stream.try_clone().unwrap();
    let chunk = chunk.to_vec();
    let sender = thread::spawn(move || {
        let mut sent = 0;
        while sent < 1 << 30 && sending.write_all(&chunk).is_ok() {
            sent += chunk.len();
        }
        sent
    });
    (answer(&mut stream), sender.join().unwrap())
}

#[test]
fn a_body_of_a_gibibyte_is_refused_and_not_kept_in_memory() {
    let env = TestEnvironment::start().unwrap();
    let process = env.host_process().unwrap();
    env.ask(&["device", "list"], "").unwrap();
    let before = peak(process).unwrap();
    let bytes = vec![b'1'; 1 << 20];
    let head = format!("{ENROLL}Content-Length: {}\r\n\r\n", 1 << 30);
    let (said, _) = send_gibibyte(&env, &head, &bytes);
    assert!(said.starts_with("HTTP/1.1 413"), "{said}");
    // One that doesn't say how long it is.
    let head = format!("{ENROLL}Transfer-Encoding: chunked\r\n\r\n");
    let chunk = [format!("{:x}\r\n", bytes.len()).as_bytes(), &bytes, b"\r\n"].concat();
    let (said, _) = send_gibibyte(&env, &head, &chunk);
    assert!(said.starts_with("HTTP/1.1 413"), "{said}");
    // A body without a credential.
    let head = "POST /agent/v1/sync HTTP/1.1\r\nHost: x\r\n";
    let head = format!("{head}Content-Length: {}\r\n\r\n", 1 << 30);
    let (said, _) = send_gibibyte(&env, &head, &bytes);
    assert!(said.starts_with("HTTP/1.1 401"), "{said}");
    let grown = peak(process).unwrap() - before;
    eprintln!("the host took {} KiB more", grown >> 10);
    assert!(grown < 16 << 20, "it took {grown} bytes more");
    let counted = Counted::read(&env).unwrap();
    assert_eq!(
        counted.of(r#"mdm_agent_refused_total{reason="body-too-large"}"#),
        2
    );
    let devices = env.ask(&["device", "list"], "").unwrap();
    assert_eq!(devices["devices"], json!([]), "nothing was changed");
}

/// Sends this, and then a byte now and then; gives how long it was before the host closed the connection.
fn dribble(env: &TestEnvironment, head: &str) -> (Duration, String) {
    let mut stream = connect(env);
    let started = Instant::now();
    stream.write_all(head.as_bytes()).unwrap();
    let mut sending = stream.try_clone().unwrap();
    let sender = thread::spawn(move || {
        while started.elapsed() < TIMEOUT && sending.write_all(b"1").is_ok() {
            thread::sleep(Duration::from_millis(100));
        }
    });
    let said = answer(&mut stream);
    let lasted = started.elapsed();
    stream.shutdown(std::net::Shutdown::Both).ok();
    sender.join().unwrap();
    (lasted, said)
}

#[test]
fn a_head_that_dribbles_in_is_cut_off_and_others_are_served_meanwhile() {
    let env = TestEnvironment::with(&["--head-time", "2"], "info").unwrap();
    thread::scope(|scope| {
        let slow: Vec<_> = (0..200)
            .map(|_| scope.spawn(|| dribble(&env, "POST /agent/v1/sync HTTP/1.1\r\nX: ")))
            .collect();
        thread::sleep(Duration::from_millis(500));
        let started = Instant::now();
        env.ask(&["device", "list"], "").unwrap();
        let took = started.elapsed();
        let counted = Counted::read(&env).unwrap();
        assert!(
            counted.of("mdm_connections") >= 100,
            "they were not there at the same time"
        );
        assert!(took < Duration::from_secs(5), "others waited for {took:?}");
        for dribbled in slow {
            let (lasted, said) = dribbled.join().unwrap();
            assert!(
                lasted < Duration::from_secs(8),
                "it lasted {lasted:?}: {said}"
            );
        }
    });
    let counted = Counted::read(&env).unwrap();
    let cut_off = counted.of(r#"mdm_connection_limit_reached_total{limit="head-time"}"#);
    assert!(cut_off >= 200, "{cut_off} were counted");
    assert!(
        counted.of("mdm_connections") < 10,
        "their places are free again"
    );
}

#[test]
fn a_body_that_dribbles_in_is_refused_in_time() {
    let env = TestEnvironment::with(&["--body-time", "2"], "info").unwrap();
    let (lasted, said) = dribble(&env, &format!("{ENROLL}Content-Length: 1000\r\n\r\n"));
    assert!(said.starts_with("HTTP/1.1 408"), "{said}");
    assert!(lasted < Duration::from_secs(8), "it lasted {lasted:?}");
    let counted = Counted::read(&env).unwrap();
    assert_eq!(
        counted.of(r#"mdm_agent_refused_total{reason="body-too-slow"}"#),
        1
    );
    assert_eq!(
        counted.of(r#"mdm_connection_limit_reached_total{limit="body-time"}"#),
        1
    );
}

#[test]
fn who_reads_no_answer_is_cut_off() {
    let env = TestEnvironment::with(
        &["--body-time", "2", "--rate-per-address", "1000000"],
        "info",
    )
    .unwrap();
    let mut stream = connect(&env);
    stream
        .set_write_timeout(Some(Duration::from_millis(500)))
        .unwrap();
    let requests = "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1000);
    let cut_off = || -> anyhow::Result<bool> {
        Ok(
            Counted::read(&env)?.of(r#"mdm_connection_limit_reached_total{limit="answer-time"}"#)
                == 1,
        )
    };
    // The host reads no more once its answers are not read, and then closes the connection.
    let (start, mut sent) = (Instant::now(), 0);
    while start.elapsed() < TIMEOUT && !cut_off().unwrap() {
        match stream.write(&requests.as_bytes()[sent..]) {
            Ok(length) => sent = (sent + length) % requests.len(),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
    }
    wait_until("it is cut off", cut_off).unwrap();
}

/// Connects from this address of the loopback. Returns `None` if the server closes the connection at once.
async fn connect_from(env: &TestEnvironment, from: &str) -> Option<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
    let stream = socket.connect(address(env).parse().unwrap()).await.unwrap();
    let mut stream = stream.into_std().unwrap();
    stream.set_nonblocking(false).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    (!is_closed(&mut stream)).then_some(stream)
}

fn is_served(stream: &mut TcpStream) -> bool {
    let sent = stream.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    sent.is_ok() && answer(stream).ends_with("ok\n")
}

#[test]
fn one_address_takes_not_all_connections_and_all_together_no_more_than_there_are() {
    let args = ["--connections", "12", "--connections-per-address", "5"];
    let env = TestEnvironment::with(&args, "info").unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let connect = |from: &str| runtime.block_on(connect_from(&env, from));
    let open = |from: &str| (0..10).filter_map(|_| connect(from)).collect::<Vec<_>>();
    let greedy = open("127.0.0.5");
    assert_eq!(greedy.len(), 5);
    assert!(is_served(
        &mut connect("127.0.0.6").expect("another's place was taken")
    ));
    let mut crowd = greedy;
    for from in ["127.0.0.7", "127.0.0.8"] {
        crowd.extend(open(from));
    }
    assert_eq!(
        crowd.len(),
        12 + 2,
        "the crowd takes what there is, and no more of the reserve than one address may"
    );
    let mut late = connect("127.0.0.9").expect("a place of the reserve");
    late.write_all(b"GET /api/v1/devices HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    let said = answer(&mut late);
    assert!(said.starts_with("HTTP/1.1 503"), "{said}");
    assert!(said.contains("too-many-connections"), "{said}");
    assert!(is_served(&mut connect("127.0.0.9").expect("another one")));
    drop(crowd);
    wait_until("the places are free again", || {
        Ok(env.ask(&["device", "list"], "").is_ok())
    })
    .unwrap();
    let counted = Counted::read(&env).unwrap();
    let of = |limit| {
        counted.of(&format!(
            r#"mdm_connection_limit_reached_total{{limit="{limit}"}}"#
        ))
    };
    assert!(of("connections-per-address") >= 10 && of("connections") >= 1);
}

#[test]
fn a_request_that_names_two_hosts_or_none_is_refused() {
    let env = TestEnvironment::start().unwrap();
    let asked = |hosts: &str| {
        let mut stream = connect(&env);
        let head = format!("GET /sign-in HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        answer(&mut stream)
    };
    let one = asked("Host: a.example\r\n");
    assert!(one.starts_with("HTTP/1.1 200"), "{one}");
    for hosts in [
        "",
        "Host: a.example\r\nHost: b.example\r\n",
        "Host: a.example\r\nHost: a.example\r\n",
    ] {
        let said = asked(hosts);
        assert!(said.starts_with("HTTP/1.1 400"), "{said}");
        assert!(said.contains("\"type\":\"bad-host\""), "{said}");
    }
}

#[test]
fn a_host_that_may_open_few_files_has_a_place_for_those_who_ask_whether_it_lives() {
    let folder = tempfile::TempDir::new().unwrap();
    let port = free_port().unwrap();
    let log = std::fs::File::create(folder.path().join("host.log")).unwrap();
    let mut host = Command::new("sh")
        .args(["-c", "ulimit -n 256; exec \"$@\"", "sh"])
        .arg(program("mdm-server").unwrap())
        .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--data"])
        .arg(folder.path().join("data"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    let url = format!("http://127.0.0.1:{port}");
    wait_until("the host is ready", || Ok(ready(&url)?.0 == 200)).unwrap();
    let connect = || {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        stream
    };
    // They take all places but those of the reserve.
    let crowd: Vec<TcpStream> = (0..128).map(|_| connect()).collect();
    let started = Instant::now();
    for _ in 0..5 {
        wait_until("there is a place", || Ok(is_served(&mut connect()))).unwrap();
    }
    // Before the crowd is closed for its silence.
    assert!(
        started.elapsed() < Duration::from_secs(8),
        "{:?}",
        started.elapsed()
    );
    let is_open = |stream: &&TcpStream| {
        stream.set_nonblocking(true).unwrap();
        let read = stream.peek(&mut [0]);
        read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    };
    let open = crowd.iter().filter(is_open).count();
    assert!(open >= 120, "of 128 connections, {open} were taken");
    drop(crowd);
    host.kill().unwrap();
    host.wait().unwrap();
}
