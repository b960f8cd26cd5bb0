//! The states of commands, devices, bulks and policies: none is shown as done, failed or enforced unless it is.

use mdm_tests::test_environment::{Device, Make, TestEnvironment, text, wait_until};
use serde_json::{Value, json};

/// A device of the group `sales` that is switched off.
fn of_sales(name: &str) -> Make<'_> {
    Make {
        name,
        group: Some("sales"),
        ..Make::default()
    }
}

/// One whose user has set a password before its reset token was active: no reset succeeds.
fn failing(name: &str) -> Make<'_> {
    Make {
        user_password: Some("8642"),
        ..of_sales(name)
    }
}

/// One whose agent is too old: every reset is refused.
fn refusing(name: &str) -> Make<'_> {
    Make {
        enroll: &["--agent-version", "6.8.2"],
        ..of_sales(name)
    }
}

fn reset(env: &TestEnvironment, device: &Device, options: &[&str]) -> Value {
    let reset = ["password", "reset", &device.id, "--yes"];
    env.ask(&[&reset[..], options].concat(), "1234").unwrap()
}

/// The output for an admin.
fn read(env: &TestEnvironment, args: &[&str]) -> String {
    text(&env.admin(args, "").unwrap())
}

fn names(env: &TestEnvironment, options: &[&str]) -> Vec<String> {
    let list = env
        .ask(&[&["device", "list"], options].concat(), "")
        .unwrap();
    let devices = list["devices"].as_array().unwrap().iter();
    let names = devices.map(|it| it["name"].as_str().unwrap().to_owned());
    names.collect()
}

#[test]
fn a_bulk_is_done_only_when_every_command_has_its_outcome() {
    let env = TestEnvironment::start().unwrap();
    let mut devices: Vec<Device> = [of_sales("one"), failing("two"), refusing("three")]
        .into_iter()
        .map(|make| env.enroll(make).unwrap())
        .collect();
    let bulk = env
        .ask(&["bulk", "reset", "sales", "--yes"], "1234")
        .unwrap();
    let show = ["bulk", "show", bulk["id"].as_str().unwrap()];
    let mut bulk = Value::Null;
    wait_until("every command is made", || {
        bulk = env.ask(&show, "")?;
        Ok(bulk["progress"]["pending"] == 2 && bulk["state"] != "running")
    })
    .unwrap();
    assert_eq!(bulk["state"], "waiting-for-devices");
    assert_eq!(
        (&bulk["finished"], &bulk["ended_at"]),
        (&json!(false), &Value::Null)
    );
    let page = read(&env, &show);
    assert!(page.contains("1 of 3 devices have an outcome"), "{page}");

    for device in &mut devices[..2] {
        device.switch_on().unwrap();
    }
    wait_until("the bulk is done", || {
        bulk = env.ask(&show, "")?;
        Ok(bulk["state"] == "done")
    })
    .unwrap();
    let expected = json!({
        "pending": 0, "success": 1, "failed": 1, "cancelled": 0, "expired": 0, "superseded": 0, "refused": 1
    });
    assert_eq!(bulk["progress"], expected);
    assert_eq!(bulk["finished"], true);
    assert!(bulk["ended_at"].is_string(), "{bulk}");
    let report = read(&env, &["bulk", "report", show[2]]);
    assert_eq!(report.matches(",refused,").count(), 1, "{report}");
}

#[test]
fn what_the_device_did_not_fail_is_no_failure() {
    let env = TestEnvironment::start().unwrap();
    let [cancelled, expired, superseded, mut failed] =
        ["a cancelled", "an expired", "a superseded", "a failed"].map(|name| match name {
            "a failed" => env.enroll(failing(name)).unwrap(),
            name => env.enroll(of_sales(name)).unwrap(),
        });
    // All by a bulk, so that its progress and its report are seen, too.
    let bulk = env
        .ask(
            &["bulk", "reset", "sales", "--valid-for", "8", "--yes"],
            "1234",
        )
        .unwrap();
    let bulk = bulk["id"].as_str().unwrap();
    wait_until("the commands are made", || {
        Ok(env.ask(&["bulk", "show", bulk], "")?["progress"]["pending"] == 4)
    })
    .unwrap();
    let pending = |device: &Device| {
        let status = env.ask(&["password", "status", &device.id], "").unwrap();
        status["latest"]["id"].as_str().unwrap().to_owned()
    };
    let cancel = ["password", "cancel", &cancelled.id, &pending(&cancelled)];
    env.ask(&cancel, "").unwrap();
    let replaced = pending(&superseded);
    reset(&env, &superseded, &["--replaces", &replaced]);
    failed.switch_on().unwrap();
    wait_until("all have ended", || {
        Ok(env.ask(&["bulk", "show", bulk], "")?["progress"]["pending"] == 0)
    })
    .unwrap();

    let shown = env.ask(&["bulk", "show", bulk], "").unwrap();
    let expected = json!({
        "pending": 0, "success": 0, "failed": 1, "cancelled": 1, "expired": 1, "superseded": 1, "refused": 0
    });
    assert_eq!(shown["progress"], expected);
    let report = read(&env, &["bulk", "report", bulk]);
    for word in ["failed", "cancelled", "expired", "superseded"] {
        assert_eq!(report.matches(&format!(",{word},")).count(), 1, "{report}");
    }
    let summary = env.ask(&["device", "summary"], "").unwrap();
    let expected = json!({
        "devices": 4, "none": 0, "pending": 1, "success": 0, "failed": 1, "cancelled": 1, "expired": 1,
        "superseded": 0, "revoked": 0, "overridden": 0
    });
    assert_eq!(summary, expected);
    assert_eq!(names(&env, &["--status", "failed"]), ["a failed"]);
    assert_eq!(names(&env, &["--status", "cancelled"]), ["a cancelled"]);
    assert_eq!(names(&env, &["--status", "expired"]), ["an expired"]);
    for (device, says) in [
        (&cancelled, "cancelled by an admin"),
        (&expired, "expired before the device carried it out"),
        (&superseded, "superseded by command"),
    ] {
        let page = read(&env, &["password", "status", &device.id]);
        assert!(page.contains(says) && !page.contains("failed:"), "{page}");
    }
}

#[test]
fn a_revoked_device_counts_as_revoked_and_nothing_is_offered_on_it() {
    let env = TestEnvironment::start().unwrap();
    let mut device = env.enroll(of_sales("stolen")).unwrap();
    device.switch_on().unwrap();
    let made = reset(&env, &device, &[]);
    assert_eq!(env.outcome(&device, &made).unwrap()["status"], "success");
    env.ask(&["device", "revoke", &device.id], "").unwrap();
    let summary = env.ask(&["device", "summary"], "").unwrap();
    assert_eq!(
        (
            &summary["revoked"],
            &summary["success"],
            &summary["overridden"]
        ),
        (&json!(1), &json!(0), &json!(0)),
        "{summary}"
    );
    assert_eq!(names(&env, &["--status", "success"]), [""; 0]);
    assert_eq!(names(&env, &["--overridden", "true"]), [""; 0]);
    assert_eq!(names(&env, &["--status", "revoked"]), ["stolen"]);
    let status = env.ask(&["password", "status", &device.id], "").unwrap();
    assert_eq!(status["remove_offered"], false, "{status}");
    let policy = ["policy", "set", &device.id, "--quality", "numeric"];
    let refused = env.refused(&policy, "").unwrap();
    assert_eq!(refused["type"], "device-revoked");
    let cleared = env.refused(&["policy", "clear", &device.id], "").unwrap();
    assert_eq!(cleared["type"], "device-revoked");
    let page = read(&env, &["device", "list"]);
    assert!(
        page.contains("revoked") && !page.contains("success"),
        "{page}"
    );
    let page = read(&env, &["password", "status", &device.id]);
    assert!(page.contains("revoked"), "{page}");
    assert!(page.contains("remove: not offered"), "{page}");
    assert!(!page.contains("nothing to remove"), "{page}");
}

#[test]
fn a_minimum_length_that_the_quality_ignores_is_refused() {
    let env = TestEnvironment::start().unwrap();
    let device = env.enroll(Make::default()).unwrap();
    let set = |quality: &str, length: &str| {
        let set = ["policy", "set", &device.id, "--quality", quality];
        env.admin(
            &[&set[..], &["--minimum-length", length, "--json"]].concat(),
            "",
        )
        .unwrap()
    };
    for ignoring in ["unspecified", "something"] {
        let refused = set(ignoring, "8");
        assert!(!refused.status.success(), "{ignoring}");
        let problem: Value = serde_json::from_slice(&refused.stdout).unwrap();
        assert_eq!(problem["status"], 422, "{problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            detail.contains(ignoring) && detail.contains("numeric"),
            "{detail}"
        );
        assert!(set(ignoring, "0").status.success(), "{ignoring}");
    }
    for heeding in [
        "numeric",
        "numeric-complex",
        "alphabetic",
        "alphanumeric",
        "complex",
    ] {
        assert!(set(heeding, "8").status.success(), "{heeding}");
    }
}

#[test]
fn an_enforced_policy_that_no_password_meets_is_said_to_wait_for_one() {
    let env = TestEnvironment::start().unwrap();
    let mut device = env.enroll(Make::default()).unwrap();
    device.switch_on().unwrap();
    env.wait_online(&device).unwrap();
    let status = ["password", "status", &device.id];
    let set = |quality: &str| {
        let set = ["policy", "set", &device.id, "--quality", quality];
        env.ask(&set, "").unwrap();
        env.ask(&status, "").unwrap()["password_missing"].clone()
    };
    assert_eq!(set("unspecified"), false, "it asks for none");
    assert_eq!(set("numeric"), true);
    let page = read(&env, &status);
    assert!(page.contains("no password is set"), "{page}");
    device.must(&["user-sets-password"], "8642").unwrap();
    wait_until("the host knows of the password", || {
        Ok(env.ask(&status, "")?["password_missing"] == false)
    })
    .unwrap();
    let page = read(&env, &status);
    assert!(!page.contains("no password is set"), "{page}");
}

#[test]
fn the_password_export_of_a_bulk_has_no_password_for_a_device_that_did_not_take_it() {
    let env = TestEnvironment::start().unwrap();
    let mut devices: Vec<Device> = [
        of_sales("takes"),
        failing("fails"),
        refusing("refuses"),
        of_sales("away"),
    ]
    .into_iter()
    .map(|make| env.enroll(make).unwrap())
    .collect();
    for device in &mut devices[..3] {
        device.switch_on().unwrap();
    }
    for device in &devices[..3] {
        env.wait_online(device).unwrap();
    }
    let file = env.folder().join("passwords.csv");
    let asked = ["bulk", "reset", "sales", "--unique-passwords"];
    let asked = [&asked[..], &[file.to_str().unwrap(), "--yes"]].concat();
    env.ask(&asked, "").unwrap();
    let export = std::fs::read_to_string(file).unwrap();
    let line = |name: &str| -> Vec<&str> {
        let line = export.lines().find(|it| it.contains(name)).unwrap();
        line.split(',').collect()
    };
    assert_eq!(
        line("device"),
        ["device", "name", "password", "status", "command", "why"]
    );
    let (takes, fails) = (line("takes"), line("fails"));
    assert_eq!((takes[2].len(), takes[3]), (4, "success"), "{export}");
    assert!(devices[0].opens_with(takes[2]).unwrap());
    assert_eq!((fails[2], fails[3]), ("", "failed"), "{export}");
    assert!(fails[5].contains("reset token"), "{export}");
    let (refuses, away) = (line("refuses"), line("away"));
    assert_eq!((refuses[2], refuses[3]), ("", "refused"), "{export}");
    assert_eq!((away[2].len(), away[3]), (4, "pending"), "{export}");
}
