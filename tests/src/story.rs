//! The story of the demo: resets and a remove on three devices, with previews that come true.

use crate::test_environment::{Device, Make, TestEnvironment, wait_until};
use anyhow::{Context as _, ensure};
use serde_json::Value;
use std::{fmt::Display, io::Write, time::Instant};

/// A hook that runs after each step: it does nothing in the demo, and kills a process with SIGKILL in a test.
pub type Between<'a> = &'a mut dyn FnMut(&mut TestEnvironment) -> anyhow::Result<()>;

struct Teller<'a> {
    env: TestEnvironment,
    start: Instant,
    transcript: &'a mut dyn Write,
    between: Between<'a>,
}

/// Runs the demo and writes its transcript. Errors if a step does not have the expected result.
pub fn tell(
    env: TestEnvironment,
    transcript: &mut dyn Write,
    between: Between<'_>,
) -> anyhow::Result<()> {
    let mut teller = Teller {
        env,
        start: Instant::now(),
        transcript,
        between,
    };
    let mut phone = teller.enroll(
        Make {
            name: "phone",
            ..Make::default()
        },
        "a device owner on Android 14 (API 34)",
    )?;
    let mut tablet = teller.enroll(
        Make {
            name: "tablet",
            api_level: 25,
            mode: "device-admin",
            user_password: Some("8642"),
            ..Make::default()
        },
        "a legacy device admin on Android 7.1 (API 25), whose user has set a password",
    )?;
    let mut scanner = teller.enroll(
        Make {
            name: "scanner",
            api_level: 30,
            ..Make::default()
        },
        "a device owner on Android 11 (API 30), which is switched off",
    )?;
    phone.switch_on()?;
    tablet.switch_on()?;
    teller.policy_is_enforced(&phone)?;
    teller.reset_succeeds(&phone)?;
    teller.reset_fails(&tablet)?;
    teller.reset_waits(&mut scanner)?;
    teller.remove_ends_the_override(&phone)?;
    teller.says("the end", "every step came out as told")
}

impl Teller<'_> {
    fn enroll(&mut self, make: Make<'_>, what: &str) -> anyhow::Result<Device> {
        let device = self.env.enroll(make)?;
        self.says(&device.name, format!("enrolled: {what}"))?;
        self.next()?;
        Ok(device)
    }

    fn policy_is_enforced(&mut self, phone: &Device) -> anyhow::Result<()> {
        self.chapter("A policy is applied to the phone, and enforced")?;
        let policy = [
            "policy",
            "set",
            &phone.id,
            "--quality",
            "numeric-complex",
            "--minimum-length",
            "6",
        ];
        self.env.ask(&policy, "")?;
        self.says(
            "admin",
            "applies a policy: numeric-complex, 6 digits or more",
        )?;
        self.next()?;
        wait_until("the phone enforces the policy", || {
            Ok(!phone.show()?["policy"].is_null())
        })?;
        ensure!(
            phone.show()?["prompted"] == true,
            "the user of the phone is not prompted"
        );
        self.says("phone", "enforces it, and prompts its user")?;
        let output = phone.by_hand(&["user-sets-password"], "1111")?;
        ensure!(
            !output.status.success(),
            "the phone accepted a password that violates its policy"
        );
        phone.must(&["user-sets-password"], "135246")?;
        self.says("user", "sets a password; 1111 is refused, 135246 is taken")?;
        self.next()
    }

    fn reset_succeeds(&mut self, phone: &Device) -> anyhow::Result<()> {
        self.chapter("A reset of the phone")?;
        self.preview(phone, "reset", "will-succeed", None)?;
        let reset = self.reset(phone, "1234")?;
        self.next()?;
        let outcome = self.outcome(phone, &reset)?;
        ensure!(
            outcome["status"] == "success",
            "the preview did not come true: {outcome}"
        );
        self.next()?;
        for (password, opens) in [("4321", false), ("135246", false), ("1234", true)] {
            ensure!(
                phone.opens_with(password)? == opens,
                "the lock screen is wrong about {password}"
            );
            let what = if opens { "opens" } else { "stays locked" };
            self.says(
                "user",
                format!("enters {password} at the phone: the lock screen {what}"),
            )?;
        }
        ensure!(
            phone.show()?["agent_resets"] == 1,
            "the reset was not applied exactly once"
        );
        let status = self.env.ask(&["password", "status", &phone.id], "")?;
        ensure!(
            !status["policy_state"]["overridden"].is_null(),
            "not overridden: {status}"
        );
        let shown = phone.show()?;
        ensure!(
            shown["policy"].is_null() && shown["prompted"] == false,
            "still enforced: {shown}"
        );
        self.says("host", "says that the policy is overridden")?;
        self.says(
            "phone",
            "does not enforce it: 1234 is too short for it, and nobody is prompted",
        )?;
        self.next()
    }

    fn reset_fails(&mut self, tablet: &Device) -> anyhow::Result<()> {
        self.chapter("A reset of the tablet")?;
        self.preview(tablet, "reset", "will-fail", Some("existing-password"))?;
        let reset = self.reset(tablet, "1234")?;
        self.next()?;
        let outcome = self.outcome(tablet, &reset)?;
        ensure!(
            outcome["status"]["failed"]["device"] == "existing-password",
            "the preview did not come true: {outcome}"
        );
        ensure!(tablet.opens_with("8642")?, "the user's password was lost");
        ensure!(
            !tablet.opens_with("1234")?,
            "the tablet opens with a password that it refused"
        );
        self.says(
            "user",
            "enters 8642 at the tablet: the lock screen opens, nothing has changed",
        )?;
        tablet.must(&["unlock"], "8642")?;
        self.next()
    }

    fn reset_waits(&mut self, scanner: &mut Device) -> anyhow::Result<()> {
        self.chapter("A reset of the scanner, which is switched off")?;
        self.preview(scanner, "reset", "will-wait", None)?;
        let reset = self.reset(scanner, "2580")?;
        self.next()?;
        let status = self.env.ask(&["password", "status", &scanner.id], "")?;
        ensure!(
            status["latest"]["status"] == "pending",
            "the preview did not come true: {status}"
        );
        self.says("host", "still says: pending")?;
        scanner.switch_on()?;
        self.says("user", "switches the scanner on")?;
        self.next()?;
        let outcome = self.outcome(scanner, &reset)?;
        ensure!(
            outcome["status"] == "success",
            "the preview did not come true: {outcome}"
        );
        ensure!(scanner.opens_with("2580")?, "the scanner does not open");
        ensure!(
            scanner.show()?["agent_resets"] == 1,
            "the reset was not applied exactly once"
        );
        self.says("user", "enters 2580 at the scanner: the lock screen opens")?;
        self.next()
    }

    fn remove_ends_the_override(&mut self, phone: &Device) -> anyhow::Result<()> {
        self.chapter("The password of the phone is removed")?;
        self.preview(phone, "remove", "will-succeed", None)?;
        let remove = self
            .env
            .ask(&["password", "remove", &phone.id, "--yes"], "")?;
        self.says(
            "admin",
            format!("asks for a remove: {}", word(&remove["status"])),
        )?;
        self.next()?;
        let outcome = self.outcome(phone, &remove)?;
        ensure!(
            outcome["status"] == "success",
            "the preview did not come true: {outcome}"
        );
        let status = self.env.ask(&["password", "status", &phone.id], "")?;
        ensure!(
            status["policy_state"] == "enforced",
            "not enforced: {status}"
        );
        wait_until("the phone enforces the policy again", || {
            let shown = phone.show()?;
            Ok(!shown["policy"].is_null() && shown["password_set"] == false)
        })?;
        ensure!(
            phone.show()?["prompted"] == true,
            "the user is not prompted"
        );
        ensure!(
            phone.show()?["agent_resets"] == 2,
            "the remove was not applied exactly once"
        );
        self.says("host", "says that the policy is enforced again")?;
        self.says(
            "phone",
            "enforces it, and prompts its user to set a password that meets it",
        )?;
        self.next()?;
        phone.must(&["user-sets-password"], "739154")?;
        ensure!(
            phone.show()?["prompted"] == false,
            "the user is still prompted"
        );
        self.says("user", "sets 739154: the prompt is gone")
    }

    fn preview(
        &mut self,
        device: &Device,
        action: &str,
        verdict: &str,
        reason: Option<&str>,
    ) -> anyhow::Result<()> {
        if verdict == "will-succeed" || reason.is_some() {
            self.env.wait_online(device)?;
        }
        let preview = ["password", "preview", &device.id, action];
        let told = self.env.ask(&preview, "")?;
        let is_told = match reason {
            Some(reason) => told["verdict"][verdict] == reason,
            None => told["verdict"] == verdict || told["verdict"].get(verdict).is_some(),
        };
        ensure!(is_told, "another preview than {verdict}: {told}");
        let page = self.env.admin(&preview, "")?;
        for line in String::from_utf8(page.stdout)?.lines() {
            self.says(
                "host",
                format!("{}{line}", if line.starts_with(' ') { "  " } else { "" }),
            )?;
        }
        self.next()
    }

    fn reset(&mut self, device: &Device, password: &str) -> anyhow::Result<Value> {
        let reset = self
            .env
            .ask(&["password", "reset", &device.id, "--yes"], password)?;
        ensure!(
            reset["status"] == "pending",
            "a new command is not pending: {reset}"
        );
        self.says(
            "admin",
            format!(
                "resets the password of the {} to {password}: pending",
                device.name
            ),
        )?;
        Ok(reset)
    }

    fn outcome(&mut self, device: &Device, command: &Value) -> anyhow::Result<Value> {
        let outcome = self.env.outcome(device, command)?;
        let told = match outcome["status"]["failed"]["device"].as_str() {
            Some(reason) => format!("reports: failed ({reason})"),
            None => format!("reports: {}", word(&outcome["status"])),
        };
        self.says(&device.name, told)?;
        Ok(outcome)
    }

    fn chapter(&mut self, title: &str) -> anyhow::Result<()> {
        writeln!(self.transcript, "\n{title}")?;
        Ok(())
    }

    fn says(&mut self, who: &str, what: impl Display) -> anyhow::Result<()> {
        let seconds = self.start.elapsed().as_secs_f64();
        writeln!(self.transcript, "  {seconds:6.2} s  {who:8} {what}")
            .context("can't write the transcript")
    }

    fn next(&mut self) -> anyhow::Result<()> {
        (self.between)(&mut self.env)
    }
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}
