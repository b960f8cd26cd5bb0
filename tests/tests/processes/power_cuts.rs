//! Kill either side at any instant: no command is lost, none is applied twice, none has two outcomes.

use mdm_tests::{
    story,
    test_environment::{Device, Make, TestEnvironment, wait_until},
};

#[test]
fn the_story_comes_out_as_told_also_with_a_sigkill_of_the_host_between_any_two_steps() {
    let mut kills = 0;
    let mut transcript = Vec::new();
    let told = story::tell(
        TestEnvironment::start().unwrap(),
        &mut transcript,
        &mut |env| {
            kills += 1;
            env.kill_host()?;
            env.start_host()
        },
    );
    let transcript = String::from_utf8(transcript).unwrap();
    assert!(told.is_ok(), "{told:?}\n{transcript}");
    assert!(kills >= 15, "only {kills} kills\n{transcript}");
}

fn overridable(env: &TestEnvironment) -> Device {
    let mut phone = env.enroll(Make::default()).unwrap();
    let policy = [
        "policy",
        "set",
        &phone.id,
        "--quality",
        "numeric",
        "--minimum-length",
        "6",
    ];
    env.ask(&policy, "").unwrap();
    phone.switch_on().unwrap();
    wait_until("the policy is enforced", || {
        Ok(!phone.show()?["policy"].is_null())
    })
    .unwrap();
    phone.switch_off().unwrap();
    phone
}

#[test]
fn a_power_cut_of_the_device_at_any_step_ends_in_one_application_and_the_right_report() {
    let env = TestEnvironment::start().unwrap();
    let mut phone = overridable(&env);
    for (round, step) in ["journal", "lift", "set", "restore", "finish"]
        .into_iter()
        .enumerate()
    {
        let applied = 2 * round as u64;
        for (action, password, after) in [("reset", Some("1234"), 1), ("remove", None, 2)] {
            let asked = ["password", action, &phone.id, "--yes"];
            let command = env.ask(&asked, password.unwrap_or_default()).unwrap();
            phone.switch_on_with(&["--power-cut-at", step]).unwrap();
            wait_until("the power is cut", || Ok(!phone.is_on()?)).unwrap();
            phone.switch_on().unwrap();
            let outcome = env.outcome(&phone, &command).unwrap();
            assert_eq!(outcome["status"], "success", "{action} cut at {step}");
            let is_overridden = action == "reset";
            wait_until("the policy is as it should be", || {
                Ok(phone.show()?["policy"].is_null() == is_overridden)
            })
            .unwrap();
            let shown = phone.show().unwrap();
            assert_eq!(
                shown["agent_resets"],
                applied + after,
                "{action} cut at {step}: {shown}"
            );
            assert_eq!(
                shown["password_set"], is_overridden,
                "{action} cut at {step}"
            );
            phone.switch_off().unwrap();
        }
    }
}

#[test]
fn a_power_cut_never_turns_the_first_password_of_a_legacy_device_into_an_existing_one() {
    let env = TestEnvironment::start().unwrap();
    let make = Make {
        api_level: 27,
        mode: "device-admin",
        ..Make::default()
    };
    for (number, step) in ["journal", "lift", "set", "restore", "finish"]
        .into_iter()
        .enumerate()
    {
        let name = format!("tablet-{number}");
        let mut tablet = env
            .enroll(Make {
                name: &name,
                ..make
            })
            .unwrap();
        let command = env
            .ask(&["password", "reset", &tablet.id, "--yes"], "1234")
            .unwrap();
        tablet.switch_on_with(&["--power-cut-at", step]).unwrap();
        wait_until("the power is cut", || Ok(!tablet.is_on()?)).unwrap();
        tablet.switch_on().unwrap();
        assert_eq!(
            env.outcome(&tablet, &command).unwrap()["status"],
            "success",
            "cut at {step}"
        );
        assert_eq!(tablet.show().unwrap()["agent_resets"], 1, "cut at {step}");
        assert!(tablet.opens_with("1234").unwrap());
    }
}

#[test]
fn a_policy_that_was_lifted_for_a_reset_that_fails_is_put_back() {
    let env = TestEnvironment::start().unwrap();
    let mut phone = overridable(&env);
    phone.must(&["user-sets-password"], "135246").unwrap();
    // Android reports the token as active, and refuses it: no preflight can find that.
    let state = env.folder().join("phone/device.json");
    let device = std::fs::read_to_string(&state).unwrap();
    let mut device: serde_json::Value = serde_json::from_str(&device).unwrap();
    device["token"]["verifier"] = "another token's".into();
    std::fs::write(&state, device.to_string()).unwrap();

    let command = env
        .ask(&["password", "reset", &phone.id, "--yes"], "1234")
        .unwrap();
    phone.switch_on().unwrap();
    let outcome = env.outcome(&phone, &command).unwrap();
    assert_eq!(outcome["status"]["failed"]["device"], "token-invalid");
    let shown = phone.show().unwrap();
    assert!(
        !shown["policy"].is_null() && shown["agent_resets"] == 0,
        "{shown}"
    );
    assert!(phone.opens_with("135246").unwrap());
    let status = env.ask(&["password", "status", &phone.id], "").unwrap();
    assert_eq!(status["policy_state"], "enforced");
}

#[test]
fn a_command_for_a_device_that_waits_for_its_user_survives_everybodys_restart() {
    let mut env = TestEnvironment::start().unwrap();
    let make = Make {
        enroll: &["--not-direct-boot-aware"],
        ..Make::default()
    };
    let mut phone = env.enroll(make).unwrap();
    phone.must(&["user-sets-password"], "8642").unwrap();
    phone.must(&["reboot"], "").unwrap();
    phone.switch_on().unwrap();
    env.wait_online(&phone).unwrap();
    let command = env
        .ask(&["password", "reset", &phone.id, "--yes"], "1234")
        .unwrap();
    wait_until("the agent holds it", || {
        Ok(phone.show()?["holding"]
            .as_array()
            .is_some_and(|held| held.len() == 1))
    })
    .unwrap();
    env.kill_host().unwrap();
    phone.switch_off().unwrap();
    phone.switch_on().unwrap();
    env.start_host().unwrap();
    env.wait_online(&phone).unwrap();
    let status = env.ask(&["password", "status", &phone.id], "").unwrap();
    assert_eq!(status["latest"]["status"], "pending");
    phone.must(&["unlock"], "8642").unwrap();
    assert_eq!(env.outcome(&phone, &command).unwrap()["status"], "success");
    assert!(phone.opens_with("1234").unwrap());
}
