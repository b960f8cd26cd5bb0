//! Agents whose clock is ten years off: when a command's time is over, the host's clock says.

use mdm_tests::{
    preload,
    test_environment::{Device, Make, TestEnvironment},
};
use std::{
    path::Path,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
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

#[test]
fn a_command_whose_time_is_over_is_not_carried_out_whatever_the_devices_clock_says() {
    // The agent says nothing else, and its clock is seen in what it logs.
    let env = TestEnvironment::with(&[], "debug").unwrap();
    let library = preload::compile("clocks", env.folder()).unwrap();
    let phones: Vec<(Device, i64)> = [("past", -TEN_YEARS), ("future", TEN_YEARS)]
        .into_iter()
        .map(|(name, off)| {
            let make = Make {
                name,
                ..Make::default()
            };
            (env.enroll(make).unwrap(), off)
        })
        .collect();
    for (mut phone, off) in phones {
        let reset = ["password", "reset", &phone.id, "--yes", "--valid-for", "2"];
        let command = env.ask(&reset, "1234").unwrap();
        let outcome = env.outcome(&phone, &command).unwrap();
        assert_eq!(outcome["status"]["failed"], "expired", "{outcome}");
        switch_on(&mut phone, &library, off);
        thread::sleep(Duration::from_secs(2));
        assert_eq!(
            env.outcome(&phone, &command).unwrap(),
            outcome,
            "no second outcome"
        );
        assert_eq!(
            phone.show().unwrap()["password_changes"],
            0,
            "it was carried out"
        );
        let log = phone.agent_log().unwrap();
        let year = year(off);
        assert!(
            log.contains(&format!("{year}-")),
            "its clock was not set to {year}: {log}"
        );
    }
}
