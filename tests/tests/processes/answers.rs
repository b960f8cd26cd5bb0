//! Every row of DESIGN's table "How a device answers", on the simulator through the real agent and
//! host: the outcome is that of the table, and the preview had previewed it.

use mdm_tests::test_environment::{Device, Make, TestEnvironment, wait_until};
use serde_json::{Value, json};

/// A change of a device between its enrollment and the command.
type Situation = fn(&mut Device);

struct Row {
    what: &'static str,
    api_levels: &'static [u32],
    modes: &'static [&'static str],
    create: &'static [&'static str],
    enroll: &'static [&'static str],
    /// Set before the agent enrolls, so before it can have a reset token.
    user_password: Option<&'static str>,
    situation: Situation,
    actions: &'static [&'static str],
    /// The reason of the failure. `None` for success.
    reason: Option<&'static str>,
}

const ROW: Row = Row {
    what: "",
    api_levels: &[],
    modes: &[],
    create: &[],
    enroll: &[],
    user_password: None,
    situation: |_| {},
    actions: &["reset", "remove"],
    reason: None,
};

const EVERYONE: &[&str] = &["device-admin", "profile-owner", "device-owner"];
const OWNERS: &[&str] = &["device-owner", "profile-owner"];
const SINCE_26: &[u32] = &[26, 29, 30, 31, 34, 36];
const BEFORE_24: &[u32] = &[21, 23];

fn user_sets(device: &mut Device) {
    device.must(&["user-sets-password"], "8642").unwrap();
}

fn rows() -> Vec<Row> {
    vec![
        Row {
            what: "up to 23: the new password meets the policy",
            api_levels: BEFORE_24,
            modes: EVERYONE,
            ..ROW
        },
        Row {
            what: "up to 23: a password is set, and is changed or cleared",
            api_levels: BEFORE_24,
            modes: EVERYONE,
            situation: user_sets,
            ..ROW
        },
        Row {
            what: "up to 23: another admin's policy asks for more",
            api_levels: BEFORE_24,
            modes: EVERYONE,
            situation: |device| {
                device
                    .must(&["other-admin-sets-policy", "--quality", "complex"], "")
                    .unwrap();
            },
            reason: Some("policy-violation"),
            ..ROW
        },
        Row {
            what: "24–29 DA: no password is set; set one",
            api_levels: &[24, 26, 29],
            modes: &["device-admin"],
            actions: &["reset"],
            ..ROW
        },
        Row {
            what: "24–29 DA: a password is set; change it",
            api_levels: &[24, 26, 29],
            modes: &["device-admin"],
            situation: user_sets,
            actions: &["reset"],
            reason: Some("existing-password"),
            ..ROW
        },
        Row {
            what: "24–29 DA: clear, no password set",
            api_levels: &[24, 29],
            modes: &["device-admin"],
            actions: &["remove"],
            reason: Some("may-not-clear"),
            ..ROW
        },
        Row {
            what: "24–29 DA: clear, a password is set",
            api_levels: &[24, 29],
            modes: &["device-admin"],
            situation: user_sets,
            actions: &["remove"],
            reason: Some("may-not-clear"),
            ..ROW
        },
        Row {
            what: "30+ DA: anything",
            api_levels: &[30, 34],
            modes: &["device-admin"],
            reason: Some("not-supported"),
            ..ROW
        },
        Row {
            what: "24–25 DO, unmanaged PO: user unlocked: set, clear",
            api_levels: &[24, 25],
            modes: OWNERS,
            ..ROW
        },
        Row {
            what: "24–25 DO, unmanaged PO: user unlocked: change, clear",
            api_levels: &[24, 25],
            modes: OWNERS,
            situation: user_sets,
            ..ROW
        },
        Row {
            what: "24–25 DO, unmanaged PO: not unlocked since boot",
            api_levels: &[24, 25],
            modes: OWNERS,
            situation: |device| {
                user_sets(device);
                device.must(&["reboot"], "").unwrap();
            },
            reason: Some("user-locked"),
            ..ROW
        },
        Row {
            what: "24–25 PO of a managed profile: set",
            api_levels: &[24, 25],
            modes: &["profile-owner"],
            create: &["--managed-profile"],
            actions: &["reset"],
            ..ROW
        },
        Row {
            what: "24–25 PO of a managed profile: clear",
            api_levels: &[24, 25],
            modes: &["profile-owner"],
            create: &["--managed-profile"],
            situation: user_sets,
            actions: &["remove"],
            reason: Some("may-not-clear"),
            ..ROW
        },
        Row {
            what: "26+ DO, PO: the token was set while no password was set",
            api_levels: SINCE_26,
            modes: OWNERS,
            ..ROW
        },
        Row {
            what: "26+ DO, PO: a password is set, and the token not yet confirmed",
            api_levels: SINCE_26,
            modes: OWNERS,
            user_password: Some("8642"),
            reason: Some("token-not-active"),
            ..ROW
        },
        Row {
            what: "26+ DO, PO: a reboot has lost the unconfirmed token",
            api_levels: SINCE_26,
            modes: OWNERS,
            user_password: Some("8642"),
            situation: |device| {
                device.must(&["reboot"], "").unwrap();
            },
            reason: Some("token-not-active"),
            ..ROW
        },
        Row {
            what: "26+ DO, PO: the user has confirmed the token",
            api_levels: SINCE_26,
            modes: OWNERS,
            user_password: Some("8642"),
            situation: |device| assert!(device.opens_with("8642").unwrap()),
            ..ROW
        },
        Row {
            what: "26+ DO, PO: the token is active, and the user changed the password since",
            api_levels: SINCE_26,
            modes: OWNERS,
            situation: user_sets,
            ..ROW
        },
        Row {
            what: "26+ DO, PO: the token is cleared",
            api_levels: SINCE_26,
            modes: OWNERS,
            situation: |device| {
                device.must(&["clear-token"], "").unwrap();
            },
            reason: Some("token-invalid"),
            ..ROW
        },
        Row {
            what: "26+ DO, PO: the agent's token is wrong",
            api_levels: SINCE_26,
            modes: OWNERS,
            situation: |device| {
                device.must(&["lose-token"], "").unwrap();
            },
            reason: Some("token-invalid"),
            ..ROW
        },
        Row {
            what: "26+ DO, PO: weaker than the active policy, or empty with one (another admin's)",
            api_levels: SINCE_26,
            modes: OWNERS,
            situation: |device| {
                let policy = [
                    "other-admin-sets-policy",
                    "--quality",
                    "numeric",
                    "--minimum-length",
                    "6",
                ];
                device.must(&policy, "").unwrap();
            },
            reason: Some("policy-violation"),
            ..ROW
        },
        Row {
            what: "26+ DO, PO: another admin's required entry is pending",
            api_levels: SINCE_26,
            modes: OWNERS,
            situation: |device| {
                device
                    .must(&["other-admin-resets-password"], "9753")
                    .unwrap();
            },
            reason: Some("other-admin-entry-pending"),
            ..ROW
        },
        Row {
            what: "26+ DO, PO: not unlocked since boot, the agent is direct-boot aware",
            api_levels: SINCE_26,
            modes: OWNERS,
            situation: |device| {
                user_sets(device);
                device.must(&["reboot"], "").unwrap();
            },
            ..ROW
        },
        Row {
            what: "any: no secure lock screen",
            api_levels: &[23, 25, 29, 34],
            modes: OWNERS,
            create: &["--no-secure-lock-screen"],
            reason: Some("no-secure-lock-screen"),
            ..ROW
        },
    ]
}

#[test]
fn every_row_of_how_a_device_answers_has_the_outcome_that_the_table_and_the_preview_say() {
    let env = TestEnvironment::start().unwrap();
    let mut cases = 0;
    for row in rows() {
        for api_level in row.api_levels {
            for mode in row.modes {
                for action in row.actions {
                    cases += 1;
                    check(&env, &row, *api_level, mode, action, cases);
                }
            }
        }
    }
    assert!(cases > 150, "only {cases} cases");
}

fn check(
    env: &TestEnvironment,
    row: &Row,
    api_level: u32,
    mode: &str,
    action: &str,
    number: usize,
) {
    let case = format!("{} (API {api_level}, {mode}, {action})", row.what);
    let name = format!("device-{number}");
    let mut device = env
        .enroll(Make {
            name: &name,
            api_level,
            mode,
            create: row.create,
            enroll: row.enroll,
            user_password: row.user_password,
            group: None,
            host: None,
        })
        .unwrap();
    if action == "remove" {
        // There must be something to remove; the device's own policy is lifted by the agent.
        let policy = ["policy", "set", &device.id, "--quality", "unspecified"];
        env.ask(&policy, "").unwrap();
    }
    device.switch_on().unwrap();
    env.wait_online(&device).unwrap();
    (row.situation)(&mut device);
    let resets_before = device.show().unwrap()["agent_resets"].clone();
    let (verdict, status) = match row.reason {
        None => (json!("will-succeed"), json!("success")),
        Some(reason) => (
            json!({"will-fail": reason}),
            json!({"failed": {"device": reason}}),
        ),
    };
    let mut preview = Value::Null;
    wait_until(&format!("{case}: the preview is {verdict}"), || {
        preview = env.ask(&["password", "preview", &device.id, action], "")?;
        Ok(preview["verdict"] == verdict)
    })
    .unwrap_or_else(|error| panic!("{error}: {preview}\n{}", device.agent_log().unwrap()));
    let command = env
        .ask(&["password", action, &device.id, "--yes"], "1234")
        .unwrap();
    let outcome = env.outcome(&device, &command).unwrap();
    assert_eq!(outcome["status"], status, "{case}: {outcome}");
    let resets = device.show().unwrap()["agent_resets"].as_u64().unwrap();
    let applied = u64::from(row.reason.is_none());
    assert_eq!(resets - resets_before.as_u64().unwrap(), applied, "{case}");
    if row.reason.is_none() && action == "reset" {
        assert!(
            device.opens_with("1234").unwrap(),
            "{case}: it does not open"
        );
    }
}

#[test]
fn from_26_after_a_boot_a_command_waits_for_the_user_if_the_agent_is_not_direct_boot_aware() {
    let env = TestEnvironment::start().unwrap();
    for (number, mode) in OWNERS.iter().enumerate() {
        let name = format!("device-{number}");
        let make = Make {
            name: &name,
            mode,
            enroll: &["--not-direct-boot-aware"],
            ..Make::default()
        };
        let mut device = env.enroll(make).unwrap();
        device.switch_on().unwrap();
        user_sets(&mut device);
        device.must(&["reboot"], "").unwrap();
        wait_until("the preview is that it waits", || {
            let preview = env.ask(&["password", "preview", &device.id, "reset"], "")?;
            Ok(preview["verdict"]["will-wait"] == "user-must-unlock")
        })
        .unwrap();
        let command = env
            .ask(&["password", "reset", &device.id, "--yes"], "1234")
            .unwrap();
        wait_until("the agent holds the command", || {
            Ok(device.show()?["holding"]
                .as_array()
                .is_some_and(|held| held.len() == 1))
        })
        .unwrap();
        device.must(&["unlock"], "8642").unwrap();
        assert_eq!(env.outcome(&device, &command).unwrap()["status"], "success");
        assert!(device.opens_with("1234").unwrap());
    }
}

#[test]
fn from_26_a_remove_succeeds_although_a_policy_is_active_because_the_agent_lifts_it_first() {
    let env = TestEnvironment::start().unwrap();
    for (number, mode) in OWNERS.iter().enumerate() {
        let name = format!("device-{number}");
        let mut device = env
            .enroll(Make {
                name: &name,
                mode,
                ..Make::default()
            })
            .unwrap();
        device.switch_on().unwrap();
        user_sets(&mut device);
        let policy = [
            "policy",
            "set",
            &device.id,
            "--quality",
            "complex",
            "--minimum-length",
            "8",
        ];
        env.ask(&policy, "").unwrap();
        wait_until("the policy is enforced", || {
            Ok(!device.show()?["policy"].is_null())
        })
        .unwrap();
        env.wait_online(&device).unwrap();
        let preview = env
            .ask(&["password", "preview", &device.id, "remove"], "")
            .unwrap();
        assert_eq!(preview["verdict"], "will-succeed");
        let command = env
            .ask(&["password", "remove", &device.id, "--yes"], "")
            .unwrap();
        assert_eq!(env.outcome(&device, &command).unwrap()["status"], "success");
        let shown = device.show().unwrap();
        assert_eq!(
            (&shown["password_set"], &shown["prompted"]),
            (&false.into(), &true.into())
        );
        assert!(!shown["policy"].is_null(), "{shown}");
    }
}
