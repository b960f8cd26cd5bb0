//! The memory that sign-ins take.

use mdm_tests::{memory, test_environment::TestEnvironment};
use std::{
    io::{Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::atomic::{AtomicU32, Ordering},
    thread,
};
use tokio::net::TcpSocket;

/// Wrong passwords that are sent.
const TRIES: u32 = 2_200;

/// At the same time.
const CONCURRENCY: u32 = 24;

/// The growth of the host that is allowed, in bytes.
const GROWTH: u64 = 100 << 20;

/// Sends a wrong password from an address of the loopback, and returns the status of the answer.
fn guess(host: SocketAddr, from: Ipv4Addr, number: u32) -> anyhow::Result<u16> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let stream = runtime.block_on(async {
        let socket = TcpSocket::new_v4()?;
        socket.bind((IpAddr::from(from), 0).into())?;
        socket.connect(host).await?.into_std()
    })?;
    stream.set_nonblocking(false)?;
    let mut stream = stream;
    let body = format!("name=user-{number}&password=a-wrong-password-{number}");
    write!(
        stream,
        "POST /sign-in HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    Ok(answer.split(' ').nth(1).unwrap_or_default().parse()?)
}

#[test]
fn thousands_of_wrong_passwords_from_many_addresses_leave_the_host_as_small_as_it_was() {
    let env = TestEnvironment::start().unwrap();
    let (host, process) = (env.address(), env.host_process().unwrap());
    let before = memory::resident(process).unwrap();
    let (next, compared) = (AtomicU32::new(0), AtomicU32::new(0));
    thread::scope(|scope| {
        for _ in 0..CONCURRENCY {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= TRIES {
                        break;
                    }
                    let [high, low] = u16::try_from(number % 500).unwrap().to_be_bytes();
                    let from = Ipv4Addr::new(127, 9, high, low.max(1));
                    match guess(host, from, number).unwrap() {
                        401 => compared.fetch_add(1, Ordering::Relaxed),
                        429 | 503 => 0,
                        status => panic!("an answer of {status}"),
                    };
                }
            });
        }
    });
    let grown = memory::resident(process).unwrap().saturating_sub(before);
    let compared = compared.into_inner();
    println!(
        "{compared} passwords compared; the host has grown by {} MiB",
        grown >> 20
    );
    assert!(compared > TRIES * 9 / 10, "{compared} were compared");
    assert!(grown < GROWTH, "the host has grown by {} MiB", grown >> 20);
}
