//! Every page of the dashboard, with its path for a signed-in user.

use crate::{
    browser::Browser,
    scene::{Scene, WEBHOOK},
};

/// Goes to a page.
pub type DeviceScope = fn(&Browser, &Scene) -> anyhow::Result<()>;

/// The pages, each by the name that its pictures have: a new page is a line here.
pub const PAGES: &[(&str, DeviceScope)] = &[
    ("sign-in", |it, _| it.open("/sign-in")),
    ("sign-in-refused", |it, _| {
        it.open("/sign-in")?;
        it.fill("Name", "nobody")?;
        it.fill("Password", "guessed")?;
        it.click("Sign in")?;
        it.sees("Wrong name or password")
    }),
    ("devices", |it, _| it.open("/devices")),
    ("device", |it, scene| it.open(&scene.path(OVERRIDDEN)?)),
    ("device-menu", |it, scene| {
        it.open(&scene.path(OVERRIDDEN)?)?;
        it.click("Actions")
    }),
    ("device-enforced", |it, scene| {
        it.open(&scene.path("sales-phone-12")?)
    }),
    ("device-pending", |it, scene| {
        it.open(&scene.path("warehouse-scanner-07")?)
    }),
    ("device-failed", |it, scene| it.open(&scene.path(FAILED)?)),
    ("device-cancelled", |it, scene| {
        it.open(&scene.path("warehouse-scanner-08")?)
    }),
    ("device-revoked", |it, scene| {
        it.open(&scene.path("sales-phone-44")?)
    }),
    ("device-work-profile", |it, scene| {
        it.open(&scene.path("anna-own-phone")?)
    }),
    ("device-agent-too-old", |it, scene| {
        it.open(&scene.path("meeting-room-panel")?)
    }),
    ("reset", |it, scene| form(it, scene, OVERRIDDEN, "reset")),
    ("reset-will-fail", |it, scene| {
        form(it, scene, "till-3", "reset")
    }),
    ("reset-while-pending", |it, scene| {
        form(it, scene, "warehouse-scanner-07", "reset")
    }),
    ("reset-refused", |it, scene| {
        form(it, scene, FAILED, "reset")?;
        it.run("document.getElementById('reset').noValidate = true")?;
        it.fill("New password", "12")?;
        it.fill("Reason", "Forgotten after the holidays")?;
        it.click("CONFIRM")?;
        it.sees("at least 4")
    }),
    ("remove", |it, scene| form(it, scene, OVERRIDDEN, "remove")),
    ("policy", |it, scene| form(it, scene, OVERRIDDEN, "policy")),
    ("groups", |it, _| it.open("/groups")),
    ("group-reset", |it, _| it.open("/groups/kiosks/reset")),
    ("group-remove", |it, _| it.open("/groups/kiosks/remove")),
    ("bulks", |it, _| it.open("/bulks")),
    ("bulk", |it, scene| it.open(&scene.bulk_path())),
    ("audit", |it, _| it.open("/audit")),
    ("plugin", |it, _| it.open("/plugin")),
    ("users", |it, _| it.open("/users")),
    ("user", |it, _| it.open("/users/anna")),
    ("invitation", |it, _| invite(it)),
    ("choose-password", |it, _| {
        invite(it)?;
        it.run("document.getElementById('link').click()")?;
        it.sees("Choose a password")
    }),
    ("tokens", |it, _| it.open("/tokens")),
    ("webhooks", |it, _| it.open("/webhooks")),
    ("webhook", |it, _| {
        it.open("/webhooks")?;
        it.click(WEBHOOK)?;
        it.sees("Latest attempts")
    }),
    ("account", |it, _| it.open("/account")),
    ("api-docs", |it, _| it.open("/api/docs")),
    ("not-found", |it, _| it.open("/devices/none")),
];

fn invite(it: &Browser) -> anyhow::Result<()> {
    it.open("/users/anna")?;
    it.click("Make a link")?;
    it.sees("An invitation for anna")
}

const OVERRIDDEN: &str = "reception-tablet";
const FAILED: &str = "sales-phone-31";

fn form(it: &Browser, scene: &Scene, device: &str, name: &str) -> anyhow::Result<()> {
    it.open(&format!("{}/{name}", scene.path(device)?))
}
