//! Lists of devices, as programs and people ask for them.

use mdm_tests::test_environment::{Make, TestEnvironment, http_client};
use serde_json::{Value, json};

fn env() -> TestEnvironment {
    let env = TestEnvironment::start().unwrap();
    for (name, mode, group) in [
        ("till 1", "device-owner", Some("tills")),
        ("till 2", "device-owner", Some("tills")),
        ("Anna", "profile-owner", Some("sales")),
        ("spare", "device-owner", None),
    ] {
        let make = Make {
            name,
            mode,
            group,
            ..Make::default()
        };
        env.enroll(make).unwrap();
    }
    env
}

fn names(list: &Value) -> Vec<&str> {
    let devices = list["devices"].as_array().unwrap().iter();
    devices.map(|it| it["name"].as_str().unwrap()).collect()
}

#[test]
fn devices_are_listed_counted_and_grouped_by_command_line() {
    let env = env();
    let list = |options: &[&str]| {
        env.ask(&[&["device", "list"], options].concat(), "")
            .unwrap()
    };
    assert_eq!(names(&list(&["--search", "TILL"])), ["till 1", "till 2"]);
    assert_eq!(names(&list(&["--group", "sales"])), ["Anna"]);
    assert_eq!(
        names(&list(&["--management-mode", "profile-owner"])),
        ["Anna"]
    );
    assert_eq!(
        names(&list(&["--synced-before", "2020-01-01T00:00:00Z"])),
        [""; 0]
    );
    let till = list(&["--search", "till 2"])["devices"][0]["id"].clone();
    env.ask(
        &["password", "reset", till.as_str().unwrap(), "--yes"],
        "7394",
    )
    .unwrap();
    assert_eq!(names(&list(&["--status", "pending"])), ["till 2"]);
    assert_eq!(
        names(&list(&["--status", "none", "--group", "tills"])),
        ["till 1"]
    );
    let summary = env.ask(&["device", "summary"], "").unwrap();
    let expected = json!({
        "devices": 4, "none": 3, "pending": 1, "success": 0, "failed": 0, "cancelled": 0, "expired": 0,
        "superseded": 0, "revoked": 0, "overridden": 0
    });
    assert_eq!(summary, expected);
    let groups = env.ask(&["device", "groups"], "").unwrap();
    let expected = json!([{"name": "sales", "devices": 1}, {"name": "tills", "devices": 2}]);
    assert_eq!(groups, expected);
}

#[tokio::test]
async fn a_program_reads_page_by_page_and_is_told_what_it_misspelt() {
    let env = env();
    let client = http_client();
    let get = async |query: &str| {
        let url = format!("{}/api/v1/devices?{query}", env.url());
        let request = client.get(url).bearer_auth(env.token().unwrap());
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.json::<Value>().await.unwrap())
    };
    let (_, first) = get("status=none&limit=3").await;
    assert_eq!(names(&first), ["till 1", "till 2", "Anna"]);
    let after = first["next"].as_str().unwrap();
    let (_, second) = get(&format!("status=none&limit=3&after={after}")).await;
    assert_eq!(
        (names(&second), &second["next"]),
        (vec!["spare"], &Value::Null)
    );
    for misspelt in [
        "stauts=none",
        "status=broken",
        "overridden=maybe",
        "synced_since=today",
    ] {
        let (status, problem) = get(misspelt).await;
        assert_eq!(
            (status, &problem["type"]),
            (400, &json!("malformed-query")),
            "{misspelt}"
        );
    }
}
