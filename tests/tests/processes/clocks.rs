//! Agents whose clock is ten years off. The server's clock decides when a command has expired.

use mdm_tests::{
    preload,
    test_environment::{Device, Make, TestEnvironment, wait_until},
};
use std::{
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

const TEN_YEARS: i64 = 10 * 365 * 24 * 3600;

fn switch_on(device: &mut Device, library: &Path, off: i64) {
    let off = off.to_string();
    let set = [
        ("LD_PRELOAD", library.to_str().unwrap()),
        ("CLOCK_OFF", &off),
    ];
    device.switch_on_in(&set).unwrap();
}

/// The year on a clock that is off by so many seconds, give or take the days around new year.
fn year(off: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    1970 + (i64::try_from(now.as_secs()).unwrap() + off) / 31_556_952
}

/// Two enrolled devices, and the offset of each clock in seconds.
fn phones(env: &TestEnvironment, enroll: &'static [&'static str]) -> [(Device, i64); 2] {
    [("past", -TEN_YEARS), ("future", TEN_YEARS)].map(|(name, off)| {
        let make = Make {
            name,
            enroll,
            ..Make::default()
        };
        (env.enroll(make).unwrap(), off)
    })
}

/// The agent's log at `debug` shows its clock.
fn assert_clock(phone: &Device, off: i64) {
    let (log, year) = (phone.agent_log().unwrap(), year(off));
    assert!(
        log.contains(&format!("{year}-")),
        "its clock was not set to {year}: {log}"
    );
}

#[test]
fn a_command_is_carried_out_before_its_expiry_although_the_devices_clock_is_ten_years_off() {
    let env = TestEnvironment::with(&[], "debug").unwrap();
    let library = preload::compile("clocks", env.folder()).unwrap();
    for (mut phone, off) in phones(&env, &[]) {
        let valid = ["--valid-for", "3600"];
        let reset = [&["password", "reset", &phone.id, "--yes"], &valid[..]].concat();
        let command = env.ask(&reset, "1234").unwrap();
        assert!(command["expires_at"].is_string(), "{command}");
        switch_on(&mut phone, &library, off);
        let outcome = env.outcome(&phone, &command).unwrap();
        assert_eq!(outcome["status"], "success", "{outcome}");
        assert!(phone.opens_with("1234").unwrap());
        assert_clock(&phone, off);
    }
}

#[test]
fn a_command_that_expires_on_the_device_is_not_carried_out_although_the_devices_clock_is_ten_years_off()
 {
    let env = TestEnvironment::with(&[], "debug").unwrap();
    let library = preload::compile("clocks", env.folder()).unwrap();
    for (mut phone, off) in phones(&env, &["--not-direct-boot-aware"]) {
        phone.must(&["user-sets-password"], "8642").unwrap();
        phone.must(&["reboot"], "").unwrap();
        switch_on(&mut phone, &library, off);
        let reset = ["password", "reset", &phone.id, "--yes", "--valid-for", "4"];
        let command = env.ask(&reset, "1234").unwrap();
        let holds = |phone: &Device| {
            let shown = phone.show()?;
            Ok(shown["holding"]
                .as_array()
                .is_some_and(|held| held.len() == 1))
        };
        wait_until("the agent holds the command", || holds(&phone)).unwrap();
        // The agent can't ask the server any more: it has only its own clock.
        phone.switch_off().unwrap();
        let outcome = env.outcome(&phone, &command).unwrap();
        assert_eq!(outcome["status"]["failed"], "expired", "{outcome}");
        let before = phone.show().unwrap()["password_changes"].clone();
        phone.must(&["unlock"], "8642").unwrap();
        switch_on(&mut phone, &library, off);
        wait_until("the agent has dropped the command", || Ok(!holds(&phone)?)).unwrap();
        assert_eq!(phone.show().unwrap()["password_changes"], before);
        assert!(phone.opens_with("8642").unwrap());
        assert_eq!(env.outcome(&phone, &command).unwrap(), outcome);
        assert_clock(&phone, off);
    }
}
