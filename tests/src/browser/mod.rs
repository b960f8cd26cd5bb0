//! Chromium, controlled by the visible texts of a page, as people use it.

mod driver;

use crate::test_environment::{ADMIN, TestEnvironment, wait_until};
use anyhow::{Context as _, bail};
use driver::{Driver, ForDeveloper};
use fantoccini::{
    Client, ClientBuilder, Locator,
    actions::{InputSource as _, MOUSE_BUTTON_LEFT, MouseActions, PointerAction},
    elements::Element,
};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// The password that the first admin chooses.
const PASSWORD: &str = "seven walnuts under a bridge";

/// The most of a page that a picture shows.
const HIGHEST: u64 = 2000;

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
    pub fn start(env: &TestEnvironment) -> anyhow::Result<Self> {
        Self::with(env, json!({}))
    }

    /// Starts one that runs no script of a page.
    pub fn without_script(env: &TestEnvironment) -> anyhow::Result<Self> {
        Self::with(
            env,
            json!({ "profile.managed_default_content_settings.javascript": 2 }),
        )
    }

    fn with(env: &TestEnvironment, preferences: Value) -> anyhow::Result<Self> {
        let driver = Driver::start()?;
        let profile = TempDir::new()?;
        let capabilities = driver::capabilities(profile.path(), preferences);
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
            host: env.url(),
            _driver: driver,
            _profile: profile,
        };
        browser.look(1280, Scheme::Light)?;
        Ok(browser)
    }

    /// Signs in as the first admin, whose password is chosen at the first time.
    pub fn sign_in(&self, env: &TestEnvironment) -> anyhow::Result<()> {
        let users = env.ask(&["user", "list"], "")?;
        let mut users = users.as_array().into_iter().flatten();
        if users.any(|user| user["name"] == ADMIN && user["can_sign_in"] == true) {
            self.open("/sign-in")?;
            self.fill("Name", ADMIN)?;
            self.fill("Password", PASSWORD)?;
            self.click("Sign in")?;
        } else {
            self.open(&env.first_invitation()?)?;
            self.fill("Password", PASSWORD)?;
            self.fill("Once more", PASSWORD)?;
            self.click("Choose this password")?;
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

    /// Returns `true` if a link, a button or a menu of this name is visible.
    pub fn offers(&self, name: &str) -> bool {
        self.clickable(name).is_ok()
    }

    /// Replaces the text of the field with this label.
    pub fn fill(&self, label: &str, text: &str) -> anyhow::Result<()> {
        let field = self.field(label)?;
        self.runtime.block_on(async {
            field.clear().await?;
            field.send_keys(text).await
        })?;
        Ok(())
    }

    /// The value of the field with this label.
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

    /// The visible text of the page.
    pub fn page(&self) -> anyhow::Result<String> {
        self.text("//main")
    }

    /// The visible text in the part of the page with this title.
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

    /// Runs a script in the page, and returns its result.
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

    /// A picture of the whole page, unless that is very long, as a PNG.
    pub fn picture(&self) -> anyhow::Result<Vec<u8>> {
        let size = self.tell("Page.getLayoutMetrics", json!({}))?;
        let size = &size["cssContentSize"];
        let height = size["height"].as_u64().unwrap_or_default();
        // A window as high as the page: what sticks to its edge is at its place.
        let whole = json!({
            "width": size["width"], "height": height.min(HIGHEST), "deviceScaleFactor": 1, "mobile": false,
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
