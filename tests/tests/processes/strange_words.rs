//! Words of agents and admins that would forge a line of the log, drive a terminal, look like other words, or be
//! computed by a spreadsheet: the log, the command line and the tables show them, and do nothing that they say.

use mdm_terminal::escape::is_hidden;
use mdm_tests::{
    as_agent::AsAgent,
    test_environment::{Device, Make, TestEnvironment, http_client, text, wait_until},
};
use serde_json::json;

/// A line that is not the host's.
const FORGED: &str = "2026-01-01T00:00:00.000000Z  INFO mdm_server: signed in user=root";

/// A name with control sequences of terminals in front and behind.
fn words() -> String {
    format!("=\u{1b}[2J\u{9b}31m\r\n{FORGED}\n\u{202e}gpj\u{200b}\u{7}\u{7f}")
}

/// The text is shown, in part at least, and has no effect.
#[track_caller]
fn is_plain(shown: &str, lines: usize) {
    let acts = |it: char| it != '\n' && is_hidden(it);
    let place = shown.find(acts).map(|at| shown[at..].chars().next());
    assert_eq!(place, None, "{shown:?}");
    assert_eq!(shown.lines().count(), lines, "{shown}");
    assert!(shown.contains("signed in user=root"), "{shown}");
}

struct Scene {
    env: TestEnvironment,
    phone: Device,
}

impl Scene {
    /// A device whose agent says the words wherever it can: as its name, its version, in a report and as a command.
    fn new() -> Self {
        let env = TestEnvironment::with(&[], "debug").unwrap();
        let name = words();
        let mut phone = env
            .enroll(Make {
                name: &name,
                group: Some("sales"),
                ..Make::default()
            })
            .unwrap();
        let bulk = env.ask(&["bulk", "remove", "sales", "--yes"], "").unwrap();
        wait_until("the bulk is done", || {
            let bulk = env.ask(&["bulk", "show", bulk["id"].as_str().unwrap()], "")?;
            Ok(bulk["state"] == "done")
        })
        .unwrap();
        phone.switch_on().unwrap();
        env.wait_online(&phone).unwrap();
        phone.switch_off().unwrap();
        Self { env, phone }
    }

    /// The command of the device has failed, in the words of its agent.
    fn with_a_report(self) -> Self {
        let Self { env, phone } = &self;
        env.ask(&["policy", "set", &phone.id, "--quality", "numeric"], "")
            .unwrap();
        let reset = env
            .ask(&["password", "remove", &phone.id, "--yes"], "")
            .unwrap();
        let mut agent = AsAgent::of(env, phone).unwrap();
        let outcome = json!({"failed": {"other": words()}});
        let (status, answer) = agent.report(&reset["id"], &outcome).unwrap();
        assert_eq!(status, 200, "{answer}");
        let (status, _) = agent.report(&json!(words()), &outcome).unwrap();
        assert_eq!(status, 404, "a command of this name");
        agent.device_info["agent_version"] = json!("6.9.0\n\u{1b}[2J\u{202e}signed in user=root");
        let (status, answer) = agent
            .sync(&json!({"device_info": agent.device_info}))
            .unwrap();
        assert_eq!(status, 200, "{answer}");
        self
    }

    /// The output of the command line for people.
    fn page(&self, args: &[&str]) -> String {
        let output = self.env.admin(args, "").unwrap();
        assert!(output.status.success(), "{}", text(&output));
        String::from_utf8(output.stdout).unwrap()
    }
}

#[test]
fn no_word_of_an_agent_forges_a_line_of_the_log_or_sends_an_escape() {
    let scene = Scene::new().with_a_report();
    wait_until("the host has logged the report", || {
        Ok(scene.env.host_log()?.contains("signed in user=root"))
    })
    .unwrap();
    for log in [
        scene.env.host_log().unwrap(),
        scene.phone.agent_log().unwrap(),
    ] {
        let acts = |it: char| it != '\n' && is_hidden(it);
        let line = log.lines().find(|line| line.contains(acts));
        assert_eq!(line, None, "a line of the log acts");
        let forged = log.lines().find(|line| line.starts_with(FORGED));
        assert_eq!(forged, None, "a line of the log is forged");
    }
}

#[test]
fn no_word_of_an_agent_drives_the_terminal_of_an_admin() {
    let scene = Scene::new().with_a_report();
    let phone = scene.phone.id.as_str();
    is_plain(&scene.page(&["device", "list"]), 2);
    let device = scene.page(&["device", "show", phone]);
    let fields = device.lines().filter(|line| line.starts_with("  "));
    is_plain(&device, 1 + fields.count());
    is_plain(&scene.page(&["password", "status", phone]), 4);
    for answer in [
        &["device", "list", "--json"][..],
        &["device", "show", phone, "--json"],
        &["password", "status", phone, "--json"],
    ] {
        let shown = scene.page(answer);
        is_plain(&shown, shown.lines().count());
        let read: serde_json::Value = serde_json::from_str(&shown).unwrap();
        let device = read["devices"].get(0).unwrap_or(&read);
        if let Some(name) = device.get("name") {
            assert_eq!(*name, json!(words()), "as JSON, it is the name itself");
        }
    }
    // A refusal on standard error quotes the text, too.
    let refused = scene
        .env
        .admin(&["device", "enroll", "--group", &words()], "");
    let refused = refused.unwrap();
    assert!(
        !refused.status.success(),
        "a group has no hidden characters"
    );
    is_plain(&String::from_utf8(refused.stderr).unwrap(), 1);
}

#[test]
fn no_word_of_an_agent_is_computed_by_a_spreadsheet_or_breaks_a_line_of_a_table() {
    let scene = Scene::new().with_a_report();
    let bulks = scene.env.ask(&["bulk", "list"], "").unwrap();
    let bulk = bulks["bulks"][0]["id"].as_str().unwrap().to_owned();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for path in ["audit.csv".to_owned(), format!("bulks/{bulk}/report.csv")] {
        let call = http_client()
            .get(format!("{}/api/v1/{path}", scene.env.url()))
            .bearer_auth(scene.env.token().unwrap());
        let table = runtime.block_on(async { call.send().await.unwrap().text().await.unwrap() });
        is_plain(&table, table.lines().count());
        assert!(
            !table.lines().any(|line| line.starts_with(FORGED)),
            "{table}"
        );
        for formula in [",=", ",\"="] {
            assert!(!table.contains(formula), "{table}");
        }
    }
}
