//! A host with a small fleet, in which each state that a page can show is there to be seen, and some who look after it.

use crate::test_environment::{Device, Make, TestEnvironment, wait_until};
use anyhow::Context as _;
use serde_json::Value;

/// The webhook of the scene.
pub const WEBHOOK: &str = "https://tickets.example/hook";

/// The host and the fleet.
pub struct Scene {
    /// The host.
    pub env: TestEnvironment,
    devices: Vec<Device>,
    bulk: String,
}

impl Scene {
    /// Sets it up.
    pub fn set() -> anyhow::Result<Self> {
        let mut scene = Self {
            env: TestEnvironment::start()?,
            devices: Vec::new(),
            bulk: String::new(),
        };
        scene.overridden()?;
        scene.enforced()?;
        scene.failed()?;
        scene.legacy()?;
        scene.pending()?;
        scene.cancelled()?;
        scene.revoked()?;
        scene.work_profile()?;
        scene.too_old()?;
        scene.bulk()?;
        scene.people()?;
        Ok(scene)
    }

    /// The path of this device's pages.
    pub fn path(&self, name: &str) -> anyhow::Result<String> {
        let found = self.devices.iter().find(|device| device.name == name);
        let device = found.with_context(|| format!("the scene has no {name}"))?;
        Ok(format!("/devices/{}", device.id))
    }

    /// The path of its bulk's page.
    pub fn bulk_path(&self) -> String {
        format!("/bulks/{}", self.bulk)
    }

    fn overridden(&mut self) -> anyhow::Result<()> {
        let device = self.make(Make {
            name: "reception-tablet",
            group: Some("front-desk"),
            ..Make::default()
        })?;
        self.apply_policy(&device)?;
        self.reset(&device, &["--require-entry"])?;
        self.devices.push(device);
        Ok(())
    }

    fn enforced(&mut self) -> anyhow::Result<()> {
        let device = self.make(Make {
            name: "sales-phone-12",
            group: Some("sales"),
            ..Make::default()
        })?;
        self.apply_policy(&device)?;
        device.must(&["user-sets-password"], "194736")?;
        wait_until("the host knows of the password", || {
            let shown = self.env.ask(&["device", "show", &device.id], "")?;
            Ok(shown["condition"]["password_set"] == true)
        })?;
        self.devices.push(device);
        Ok(())
    }

    fn failed(&mut self) -> anyhow::Result<()> {
        let device = self.make(Make {
            name: "sales-phone-31",
            user_password: Some("8642"),
            group: Some("sales"),
            ..Make::default()
        })?;
        self.reset(&device, &[])?;
        self.devices.push(device);
        Ok(())
    }

    fn legacy(&mut self) -> anyhow::Result<()> {
        let device = self.make(Make {
            name: "till-3",
            api_level: 25,
            mode: "device-admin",
            user_password: Some("8642"),
            ..Make::default()
        })?;
        self.devices.push(device);
        Ok(())
    }

    fn pending(&mut self) -> anyhow::Result<()> {
        let mut device = self.make(Make {
            name: "warehouse-scanner-07",
            api_level: 30,
            group: Some("warehouse"),
            ..Make::default()
        })?;
        device.switch_off()?;
        let reset = ["password", "reset", &device.id, "--yes"];
        let options = ["--lock-now", "--valid-for", "604800"];
        self.env.ask(&[&reset[..], &options].concat(), "2580")?;
        self.devices.push(device);
        Ok(())
    }

    fn cancelled(&mut self) -> anyhow::Result<()> {
        let device = self.env.enroll(Make {
            name: "warehouse-scanner-08",
            api_level: 30,
            group: Some("warehouse"),
            ..Make::default()
        })?;
        let reset = ["password", "reset", &device.id, "--yes"];
        let reset = self.env.ask(&reset, "2580")?;
        let command = reset["id"].as_str().context("a command without an id")?;
        self.env
            .ask(&["password", "cancel", &device.id, command], "")?;
        self.devices.push(device);
        Ok(())
    }

    fn revoked(&mut self) -> anyhow::Result<()> {
        let device = self.make(Make {
            name: "sales-phone-44",
            group: Some("sales"),
            ..Make::default()
        })?;
        self.reset(&device, &[])?;
        let revoke = ["device", "revoke", &device.id, "--reason", "Stolen"];
        self.env.ask(&revoke, "")?;
        self.devices.push(device);
        Ok(())
    }

    fn work_profile(&mut self) -> anyhow::Result<()> {
        let device = self.make(Make {
            name: "anna-own-phone",
            mode: "profile-owner",
            create: &["--managed-profile"],
            ..Make::default()
        })?;
        self.devices.push(device);
        Ok(())
    }

    fn too_old(&mut self) -> anyhow::Result<()> {
        let device = self.make(Make {
            name: "meeting-room-panel",
            api_level: 28,
            enroll: &["--agent-version", "6.8.2"],
            ..Make::default()
        })?;
        self.devices.push(device);
        Ok(())
    }

    /// An unfinished bulk reset: one device is offline.
    fn bulk(&mut self) -> anyhow::Result<()> {
        for (name, on) in [("kiosk-1", true), ("kiosk-2", true), ("kiosk-3", false)] {
            let make = Make {
                name,
                group: Some("kiosks"),
                user_password: (name == "kiosk-2").then_some("8642"),
                ..Make::default()
            };
            let device = match on {
                true => self.make(make)?,
                false => self.env.enroll(make)?,
            };
            self.devices.push(device);
        }
        let reset = [
            "bulk",
            "reset",
            "kiosks",
            "--yes",
            "--reason",
            "A lost notebook",
        ];
        self.bulk = self.env.ask(&reset, "2580")?["id"]
            .as_str()
            .context("a bulk without an id")?
            .to_owned();
        wait_until("the bulk's commands are made", || {
            Ok(self.env.ask(&["bulk", "show", &self.bulk], "")?["state"] == "waiting-for-devices")
        })
    }

    fn people(&self) -> anyhow::Result<()> {
        let user = ["user", "add", "anna", "--role", "helpdesk", "--group"];
        self.env.ask(&[&user[..], &["sales"]].concat(), "")?;
        let token = ["token", "add", "nightly-report", "--may", "see"];
        self.env.ask(&token, "")?;
        let webhook = ["webhook", "add", WEBHOOK, "--event", "command.failed"];
        self.env.ask(&webhook, "")?;
        Ok(())
    }

    fn make(&self, make: Make<'_>) -> anyhow::Result<Device> {
        let mut device = self.env.enroll(make)?;
        device.switch_on()?;
        self.env.wait_online(&device)?;
        Ok(device)
    }

    fn apply_policy(&self, device: &Device) -> anyhow::Result<()> {
        let policy = ["--quality", "numeric-complex", "--minimum-length", "6"];
        let set = ["policy", "set", &device.id];
        self.env.ask(&[&set[..], &policy].concat(), "")?;
        wait_until("the policy is enforced", || {
            Ok(!device.show()?["policy"].is_null())
        })
    }

    fn reset(&self, device: &Device, options: &[&str]) -> anyhow::Result<Value> {
        let reset = ["password", "reset", &device.id, "--yes"];
        let reset = self.env.ask(&[&reset[..], options].concat(), "2580")?;
        self.env.outcome(device, &reset)
    }
}
