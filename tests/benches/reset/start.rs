//! A cold start of the host: from the start of the process to the first answer, with the compiled component kept
//! from an earlier start.

use crate::turns;
use mdm_tests::test_environment;
use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// The number of starts.
const STARTS: usize = 41;

/// The median, in milliseconds.
pub(crate) fn median() -> f64 {
    let folder = TempDir::new().expect("a folder");
    let port = TcpListener::bind("127.0.0.1:0")
        .and_then(|it| it.local_addr())
        .expect("a port")
        .port();
    let start = || {
        let start = Instant::now();
        let mut host = serve(&folder, port);
        first_answer(&mut host, port);
        let time = start.elapsed();
        drop(Running(host));
        time.as_secs_f64() * 1e3
    };
    start();
    turns::median((0..STARTS).map(|_| start()).collect())
}

/// Ends with the measured time behind it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0
            .kill()
            .and_then(|()| self.0.wait())
            .expect("the host ends");
    }
}

fn serve(folder: &TempDir, port: u16) -> Child {
    Command::new(test_environment::program("mdm-server").expect("mdm-server is built"))
        .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--data"])
        .arg(folder.path().join("data"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the host starts")
}

fn first_answer(host: &mut Child, port: u16) {
    loop {
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) {
            let request = b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
            let mut answer = String::new();
            stream.write_all(request).expect("a request");
            stream.read_to_string(&mut answer).expect("an answer");
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
            return;
        }
        assert!(
            host.try_wait().expect("a status").is_none(),
            "the host did not start"
        );
        std::thread::sleep(Duration::from_micros(200));
    }
}
