//! The WebDriver process, which starts and controls the browser.

use crate::test_environment::TIMEOUT;
use anyhow::{Context as _, ensure};
use fantoccini::wd::WebDriverCompatibleCommand;
use reqwest::{Method, Url};
use serde_json::{Value, json};
use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    str::FromStr,
    thread,
    time::{Duration, Instant},
};

/// Alone with the host, and the same on every machine.
const ARGUMENTS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
];

/// The capabilities of the browser: an empty folder of its own, and these preferences.
pub(super) fn capabilities(folder: &Path, preferences: Value) -> Value {
    let folder = format!("--user-data-dir={}", folder.display());
    let arguments: Vec<&str> = ARGUMENTS.into_iter().chain([folder.as_str()]).collect();
    json!({ "goog:chromeOptions": { "args": arguments, "prefs": preferences } })
}

/// The WebDriver process.
pub(super) struct Driver {
    process: Child,
    port: u16,
}

impl Driver {
    /// Starts it on a free port.
    pub(super) fn start() -> anyhow::Result<Self> {
        let mut process = Command::new("chromedriver")
            .arg("--port=0")
            .env("TZ", "UTC")
            .env("LANGUAGE", "en_US")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("there is no chromedriver: `cargo xtask screenshots` installs it")?;
        // The pipe stays open: the driver would end with it.
        let printed = process.stdout.as_mut().context("no output")?;
        let mut lines = BufReader::new(printed).lines().map_while(Result::ok);
        let port = lines.find_map(|line| {
            let port = line.strip_prefix("ChromeDriver was started successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        });
        let port = port.context("chromedriver does not start")?;
        Ok(Self { process, port })
    }

    /// Its URL.
    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Asks it to end its browser and then itself: killed, it would leave the browser behind.
    fn end(&mut self) -> anyhow::Result<()> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.write_all(b"GET /shutdown HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")?;
        let _ = stream.read(&mut [0; 512])?;
        let deadline = Instant::now() + TIMEOUT;
        while self.process.try_wait()?.is_none() {
            ensure!(Instant::now() < deadline, "chromedriver does not end");
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if self.end().is_err() {
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }
}

/// A command of Chromium's DevTools, for actions that WebDriver does not have.
#[derive(Debug)]
pub(super) struct ForDeveloper {
    pub(super) cmd: &'static str,
    pub(super) params: Value,
}

impl WebDriverCompatibleCommand for ForDeveloper {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, <Url as FromStr>::Err> {
        let session = session.unwrap_or_default();
        base.join(&format!("session/{session}/goog/cdp/execute"))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        let body = json!({ "cmd": self.cmd, "params": self.params });
        (Method::POST, Some(body.to_string()))
    }
}
