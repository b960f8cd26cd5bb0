//! Agents that lie: what they say is refused and counted, and changes nothing.

use mdm_agent::keys::DeviceKeys;
use mdm_tests::{
    as_agent::{AsAgent, Call, now},
    counted::Counted,
    test_environment::{Device, Make, TestEnvironment, text},
};
use serde_json::{Value, json};

const TEN_YEARS: u64 = 10 * 365 * 24 * 3600;

/// A host, and two devices that each have a pending reset.
struct Scene {
    env: TestEnvironment,
    phones: Vec<Device>,
    commands: Vec<Value>,
}

impl Scene {
    fn new() -> Self {
        let env = TestEnvironment::start().unwrap();
        let phones: Vec<Device> = ["phone", "other"]
            .into_iter()
            .map(|name| {
                let make = Make {
                    name,
                    ..Make::default()
                };
                env.enroll(make).unwrap()
            })
            .collect();
        let reset = |phone: &Device| {
            let reset = ["password", "reset", &phone.id, "--yes"];
            env.ask(&reset, "1234").unwrap()
        };
        let commands = phones.iter().map(reset).collect();
        Self {
            env,
            phones,
            commands,
        }
    }

    fn agent(&self, index: usize) -> AsAgent {
        AsAgent::of(&self.env, &self.phones[index]).unwrap()
    }

    /// A sync that would end the device's command.
    fn report(&self, agent: &AsAgent, command: usize, created: u64) -> Call {
        let report = json!({"command": self.commands[command]["id"], "outcome": "success"});
        let body = json!({"device_info": agent.device_info, "reports": [report]});
        agent.signed(&body, created).unwrap()
    }

    /// All that the host knows of both devices.
    fn state(&self) -> Vec<Value> {
        let ask = |phone: &Device, what: &[&str]| {
            let mut question = what.to_vec();
            question.push(&phone.id);
            self.env.ask(&question, "").unwrap()
        };
        let questions: [&[&str]; 2] = [&["device", "show"], &["password", "status"]];
        self.phones
            .iter()
            .flat_map(|phone| questions.map(|question| ask(phone, question)))
            .collect()
    }

    /// The call is refused with this problem, is counted, and changes nothing.
    #[track_caller]
    fn refuses(&self, call: &Call, status: u16, kind: &str) {
        let metric = format!("mdm_agent_refused_total{{reason=\"{kind}\"}}");
        let refused = || Counted::read(&self.env).unwrap().of(&metric);
        let (before, counted) = (self.state(), refused());
        let (got, problem) = call.send().unwrap();
        assert_eq!((got, &problem["type"]), (status, &json!(kind)), "{problem}");
        assert_eq!(refused(), counted + 1, "it was not counted");
        assert_eq!(self.state(), before, "something was changed");
    }
}

#[test]
fn a_sync_that_is_sent_again_is_refused_also_after_the_host_has_restarted() {
    let mut scene = Scene::new();
    let agent = scene.agent(0);
    let sync = agent
        .signed(&json!({"device_info": agent.device_info}), now())
        .unwrap();
    assert_eq!(sync.send().unwrap().0, 200);
    scene.refuses(&sync, 401, "replayed");
    let sync = scene.report(&agent, 0, now());
    scene.env.kill_host().unwrap();
    std::thread::sleep(std::time::Duration::from_secs(1));
    scene.env.start_host().unwrap();
    scene.refuses(&sync, 401, "signature-not-fresh");
}

#[test]
fn a_report_on_another_devices_command_is_refused() {
    let scene = Scene::new();
    let report = scene.report(&scene.agent(0), 1, now());
    scene.refuses(&report, 404, "unknown-command");
}

#[test]
fn a_forged_signature_is_refused_whatever_of_the_call_was_forged() {
    let scene = Scene::new();
    let truly = scene.agent(0);
    let call = || scene.report(&truly, 0, now());

    let mut other_key = scene.agent(0);
    other_key.keys = DeviceKeys::generate().unwrap();
    scene.refuses(&scene.report(&other_key, 0, now()), 401, "unauthorized");
    let mut other_device = scene.agent(1);
    other_device.device = truly.device.clone();
    scene.refuses(&scene.report(&other_device, 0, now()), 401, "unauthorized");
    let mut nobody = scene.agent(0);
    nobody.device = "0198c1de-0000-7000-8000-000000000000".into();
    scene.refuses(&scene.report(&nobody, 0, now()), 401, "unauthorized");

    let mut other_body = call();
    other_body.body = other_body.body.replace("success", r#"failed""#);
    scene.refuses(&other_body, 401, "unauthorized");
    let mut other_digest = other_body.clone();
    other_digest.headers.content_digest = {
        let body: Value = json!({"device_info": truly.device_info});
        let signed = truly.signed(&body, now()).unwrap();
        other_digest.body = signed.body;
        signed.headers.content_digest
    };
    scene.refuses(&other_digest, 401, "unauthorized");
    let mut later = call();
    let input = &later.headers.signature_input;
    let at = input.find("created=").unwrap() + "created=".len();
    later.headers.signature_input = format!("{}{}{}", &input[..at], now() + 1, &input[at + 10..]);
    scene.refuses(&later, 401, "unauthorized");
    let mut unsigned = call();
    unsigned.headers.signature = String::new();
    scene.refuses(&unsigned, 401, "unauthorized");

    assert_eq!(call().send().unwrap().0, 200, "the true one is taken");
}

#[test]
fn a_signature_by_a_clock_that_is_ten_years_off_is_refused() {
    let scene = Scene::new();
    for created in [
        now() - TEN_YEARS,
        now() - 120,
        now() + 120,
        now() + TEN_YEARS,
    ] {
        let report = scene.report(&scene.agent(0), 0, created);
        scene.refuses(&report, 401, "signature-not-fresh");
    }
}

#[test]
fn the_old_key_of_a_device_and_the_key_of_a_revoked_one_are_refused() {
    let scene = Scene::new();
    let [old, revoked] = [scene.agent(0), scene.agent(1)];
    let rotated = scene.phones[0].by_hand(&["rotate-keys"], "").unwrap();
    assert!(rotated.status.success(), "{}", text(&rotated));
    scene.refuses(&scene.report(&old, 0, now()), 401, "unauthorized");
    let revoke = ["device", "revoke", &scene.phones[1].id];
    scene.env.ask(&revoke, "").unwrap();
    scene.refuses(&scene.report(&revoked, 1, now()), 409, "device-revoked");
    let new = scene.agent(0);
    assert!(new.keys != old.keys);
    assert_eq!(scene.report(&new, 0, now()).send().unwrap().0, 200);
}
