//! Chromium, used as people use it: by what they can read on a page.

use crate::lab::{Lab, PATIENCE, wait_until};
use anyhow::{Context as _, bail, ensure};
use fantoccini::{
    Client, ClientBuilder, Locator,
    actions::{InputSource as _, MOUSE_BUTTON_LEFT, MouseActions, PointerAction},
    elements::Element,
    wd::WebDriverCompatibleCommand,
};
use hyper_util::client::legacy::connect::HttpConnector;
use reqwest::{Method, Url};
use serde_json::{Value, json};
use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// The first admin, and the password that is chosen here.
const ADMIN: &str = "admin";
const PASSWORD: &str = "seven walnuts under a bridge";

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

/// A browser with one page open. It ends with this.
pub struct Browser {
    runtime: Runtime,
    client: Client,
    host: String,
    // The driver ends before the folder is removed that its browser writes to.
    _driver: Driver,
    _profile: TempDir,
}

/// The colours that the one in front of the screen wishes for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scheme {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

impl Browser {
    /// Starts a browser for the pages of this host.
    pub fn start(lab: &Lab) -> anyhow::Result<Self> {
        Self::with(lab, json!({}))
    }

    /// Starts one that runs no script of a page.
    pub fn without_script(lab: &Lab) -> anyhow::Result<Self> {
        Self::with(
            lab,
            json!({ "profile.managed_default_content_settings.javascript": 2 }),
        )
    }

    fn with(lab: &Lab, preferences: Value) -> anyhow::Result<Self> {
        let driver = Driver::start()?;
        let profile = TempDir::new()?;
        let folder = format!("--user-data-dir={}", profile.path().display());
        let arguments: Vec<&str> = ARGUMENTS.into_iter().chain([folder.as_str()]).collect();
        let capabilities = json!({
            "goog:chromeOptions": { "args": arguments, "prefs": preferences }
        });
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let client = runtime
            .block_on(
                ClientBuilder::new(HttpConnector::new())
                    .capabilities(serde_json::from_value(capabilities)?)
                    .connect(&driver.url()),
            )
            .context("Chromium does not start")?;
        let browser = Self {
            runtime,
            client,
            host: lab.url(),
            _driver: driver,
            _profile: profile,
        };
        browser.look(1280, Scheme::Light)?;
        Ok(browser)
    }

    /// Signs in as the first admin, whose password is chosen at the first time.
    pub fn sign_in(&self, lab: &Lab) -> anyhow::Result<()> {
        self.open(&lab.first_invitation()?)?;
        if self.field("Once more").is_ok() {
            self.fill("Password", PASSWORD)?;
            self.fill("Once more", PASSWORD)?;
            self.click("Choose this password")?;
        } else {
            self.open("/sign-in")?;
            self.fill("Name", ADMIN)?;
            self.fill("Password", PASSWORD)?;
            self.click("Sign in")?;
        }
        self.sees("Devices")
    }

    /// Opens a page of the host.
    pub fn open(&self, path: &str) -> anyhow::Result<()> {
        let url = format!("{}{path}", self.host);
        Ok(self.runtime.block_on(self.client.goto(&url))?)
    }

    /// Loads the page again.
    pub fn reload(&self) -> anyhow::Result<()> {
        Ok(self.runtime.block_on(self.client.refresh())?)
    }

    /// Which page of the host is open.
    pub fn path(&self) -> anyhow::Result<String> {
        let url = self.runtime.block_on(self.client.current_url())?;
        Ok(url.path().to_owned())
    }

    /// Clicks the link, the button or the menu of this name, once it is there.
    pub fn click(&self, name: &str) -> anyhow::Result<()> {
        wait_until(&format!("`{name}` can be clicked"), || {
            let found = self.clickable(name)?;
            self.runtime.block_on(found.click())?;
            Ok(true)
        })
    }

    /// Clicks it twice, as fast as a nervous hand.
    pub fn double_click(&self, name: &str) -> anyhow::Result<()> {
        let element = self.clickable(name)?;
        let down = PointerAction::Down {
            button: MOUSE_BUTTON_LEFT,
        };
        let up = PointerAction::Up {
            button: MOUSE_BUTTON_LEFT,
        };
        let mouse = MouseActions::new("mouse".to_owned())
            .then(PointerAction::MoveToElement {
                element,
                duration: None,
                x: 0.0,
                y: 0.0,
            })
            .then(down.clone())
            .then(up.clone())
            .then(down)
            .then(up);
        Ok(self.runtime.block_on(self.client.perform_actions(mouse))?)
    }

    /// Whether a link, a button or a menu of this name can be seen.
    pub fn offers(&self, name: &str) -> bool {
        self.clickable(name).is_ok()
    }

    /// Types into the field with this label, in place of what is in it.
    pub fn fill(&self, label: &str, text: &str) -> anyhow::Result<()> {
        let field = self.field(label)?;
        self.runtime.block_on(async {
            field.clear().await?;
            field.send_keys(text).await
        })?;
        Ok(())
    }

    /// What is in the field with this label.
    pub fn value(&self, label: &str) -> anyhow::Result<String> {
        let field = self.field(label)?;
        let value = self.runtime.block_on(field.prop("value"))?;
        value.with_context(|| format!("`{label}` is no field"))
    }

    /// Ticks the box with this label.
    pub fn tick(&self, label: &str) -> anyhow::Result<()> {
        let field = self.field(label)?;
        Ok(self.runtime.block_on(field.click())?)
    }

    /// Waits until the page has this text, without a reload.
    pub fn sees(&self, text: &str) -> anyhow::Result<()> {
        self.sees_within("//main", text)
    }

    /// Waits until the part of the page with this title has this text, without a reload.
    pub fn sees_in(&self, title: &str, text: &str) -> anyhow::Result<()> {
        self.sees_within(&part(title), text)
    }

    fn sees_within(&self, path: &str, text: &str) -> anyhow::Result<()> {
        let mut seen = String::new();
        let came = wait_until(&format!("the page says `{text}`"), || {
            seen = self.text(path)?;
            Ok(seen.contains(text))
        });
        came.with_context(|| format!("the page says: {seen}"))
    }

    /// What can be read on the page.
    pub fn page(&self) -> anyhow::Result<String> {
        self.text("//main")
    }

    /// What can be read in the part of the page with this title.
    pub fn part(&self, title: &str) -> anyhow::Result<String> {
        self.text(&part(title))
    }

    fn text(&self, path: &str) -> anyhow::Result<String> {
        let found = self.find(path)?;
        Ok(self.runtime.block_on(found.text())?)
    }

    /// The page as HTML, as it is now.
    pub fn source(&self) -> anyhow::Result<String> {
        Ok(self.runtime.block_on(self.client.source())?)
    }

    /// Runs a script in the page, and gives what it returns.
    pub fn run(&self, script: &str) -> anyhow::Result<Value> {
        let returned = self.client.execute(script, Vec::new());
        Ok(self.runtime.block_on(returned)?)
    }

    /// Shows pages at this width, in these colours, and without moving anything.
    pub fn look(&self, width: u32, scheme: Scheme) -> anyhow::Result<()> {
        let scheme = match scheme {
            Scheme::Light => "light",
            Scheme::Dark => "dark",
        };
        let size =
            json!({ "width": width, "height": 800, "deviceScaleFactor": 1, "mobile": false });
        self.tell("Emulation.setDeviceMetricsOverride", size)?;
        let features = json!([
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        self.tell(
            "Emulation.setEmulatedMedia",
            json!({ "features": features }),
        )?;
        Ok(())
    }

    /// A picture of the whole page, as a PNG.
    pub fn picture(&self) -> anyhow::Result<Vec<u8>> {
        let size = self.tell("Page.getLayoutMetrics", json!({}))?;
        let size = &size["cssContentSize"];
        // A window as high as the page: what sticks to its edge is at its place.
        let whole = json!({
            "width": size["width"], "height": size["height"], "deviceScaleFactor": 1, "mobile": false,
        });
        self.tell("Emulation.setDeviceMetricsOverride", whole)?;
        Ok(self.runtime.block_on(self.client.screenshot())?)
    }

    fn clickable(&self, name: &str) -> anyhow::Result<Element> {
        self.find(&format!(
            "//*[self::a or self::button or self::summary][normalize-space(.)=\"{name}\" or @aria-label=\"{name}\"]"
        ))
    }

    fn field(&self, label: &str) -> anyhow::Result<Element> {
        let label = format!("//label[starts-with(normalize-space(.), \"{label}\")]");
        self.find(&format!("//*[@id={label}/@for] | {label}//input"))
    }

    /// The first that can be seen.
    fn find(&self, path: &str) -> anyhow::Result<Element> {
        self.runtime.block_on(async {
            for element in self.client.find_all(Locator::XPath(path)).await? {
                if element.is_displayed().await? {
                    return Ok(element);
                }
            }
            bail!("the page has no {path}")
        })
    }

    fn tell(&self, cmd: &'static str, params: Value) -> anyhow::Result<Value> {
        let told = self.client.issue_cmd(ForDeveloper { cmd, params });
        Ok(self.runtime.block_on(told)?)
    }
}

fn part(title: &str) -> String {
    format!("//section[@aria-labelledby=//h2[normalize-space(.)=\"{title}\"]/@id]")
}

/// What WebDriver can't say: a command for Chromium's tools for developers.
#[derive(Debug)]
struct ForDeveloper {
    cmd: &'static str,
    params: Value,
}

impl WebDriverCompatibleCommand for ForDeveloper {
    fn endpoint(
        &self,
        base: &Url,
        session: Option<&str>,
    ) -> Result<Url, <Url as std::str::FromStr>::Err> {
        let session = session.unwrap_or_default();
        base.join(&format!("session/{session}/goog/cdp/execute"))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        let body = json!({ "cmd": self.cmd, "params": self.params });
        (Method::POST, Some(body.to_string()))
    }
}

/// The process that starts the browser, and tells it what to do.
struct Driver {
    process: Child,
    port: u16,
}

impl Driver {
    fn start() -> anyhow::Result<Self> {
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

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Asks it to end its browser and then itself: killed, it would leave the browser behind.
    fn end(&mut self) -> anyhow::Result<()> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"GET /shutdown HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")?;
        let _ = stream.read(&mut [0; 512])?;
        let deadline = Instant::now() + PATIENCE;
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
