//! The settings of plugins, as an operator chooses them on a running server.

use crate::test_host::{Agent, TestHost, admin, owner};
use mdm_contract::{Characters, DeviceOutcome, PasswordRule, time::Timestamp};
use mdm_password_host::SettingsError;
use mdm_server_core::{error::ServerError, store::PluginFile};
use mdm_tests::plugins::CORPORATE;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// A rule for passwords that the corporate plugin accepts, too.
const RULE: PasswordRule = PasswordRule {
    characters: Characters::Alphanumeric,
    minimum_length: 8,
    maximum_length: 16,
};
const GOOD: &str = "vE9#kq0LzP2w!xT7";
const HOUR: Timestamp = 3600 * 1000;

/// Settings of the corporate plugin.
fn valid_for(hours: Timestamp) -> String {
    format!(r#"{{"minimum-length": 4, "minimum-guessability": 0, "valid-for-hours": {hours}}}"#)
}

/// A host with the corporate plugin and these settings.
async fn corporate(settings: String) -> TestHost {
    let host = TestHost::with_rule(RULE).await;
    let file = PluginFile {
        bytes: CORPORATE.to_vec(),
        signature: None,
    };
    let plugins = &host.server.plugins;
    plugins
        .use_plugin(&admin(), file, Some(settings))
        .await
        .unwrap();
    host
}

async fn use_settings(host: &TestHost, settings: impl Into<String>) -> Result<(), ServerError> {
    let plugins = &host.server.plugins;
    plugins.use_settings(&admin(), settings.into()).await
}

/// The validity of a reset, in hours: the plugin takes it from its settings.
async fn hours(host: &TestHost, agent: &Agent) -> Timestamp {
    let reset = host.reset(agent, GOOD).await.unwrap();
    host.report(agent, &reset, DeviceOutcome::Success).await;
    (reset.expires_at.unwrap() - reset.requested_at) / HOUR
}

#[tokio::test]
async fn settings_hold_from_the_next_call_on_also_after_a_restart() {
    let host = corporate(valid_for(1)).await;
    let agent = host.enroll(owner()).await;
    assert_eq!(hours(&host, &agent).await, 1);

    use_settings(&host, valid_for(2)).await.unwrap();
    assert_eq!(hours(&host, &agent).await, 2);
    let (_, canary, _) = host.server.plugins.deployments();
    assert!(canary.is_some(), "new settings are a canary");

    let host = host.restarted_with_rule(RULE).await;
    assert_eq!(hours(&host, &agent).await, 2);
}

#[tokio::test]
async fn a_roll_back_returns_to_the_settings_before() {
    let host = corporate(valid_for(1)).await;
    let agent = host.enroll(owner()).await;
    for _ in 0..100 {
        // The plugin decides, if only to refuse.
        host.reset(&agent, "1").await.unwrap_err();
    }
    assert!(host.server.plugins.deployments().1.is_none(), "promoted");
    use_settings(&host, valid_for(2)).await.unwrap();
    let host = host.restarted_with_rule(RULE).await;
    assert_eq!(hours(&host, &agent).await, 2);

    host.server.plugins.roll_back(&admin()).await.unwrap();
    assert_eq!(hours(&host, &agent).await, 1);
    let (_, canary, _) = host.server.plugins.deployments();
    assert!(canary.is_none(), "the settings before were promoted");
    host.server.plugins.roll_back(&admin()).await.unwrap();
    assert_eq!(hours(&host, &agent).await, 2);
}

#[tokio::test]
async fn the_audit_trail_shows_each_changed_field_of_the_settings() {
    let host = corporate(valid_for(1)).await;
    use_settings(&host, valid_for(2)).await.unwrap();
    host.server.plugins.roll_back(&admin()).await.unwrap();
    let history = host.server.plugins.history(10).await.unwrap();
    let details: Vec<_> = history.iter().map(|it| it.detail.as_deref()).collect();
    assert_eq!(
        details,
        [
            // A canary is no target of a roll back: the reference is active again.
            None,
            Some("settings: /valid-for-hours 1 → 2"),
            Some(
                "settings: /minimum-guessability 3 → 0, /minimum-length 8 → 4, /valid-for-hours 24 → 1"
            ),
        ]
    );
}

#[tokio::test]
async fn refused_settings_name_the_field_and_change_nothing() {
    let host = corporate(valid_for(1)).await;
    let agent = host.enroll(owner()).await;
    let lines = host.server.plugins.history(10).await.unwrap();
    let too_large = format!(r#"{{"a": "{}"}}"#, "x".repeat(64 << 10));
    for (settings, named) in [
        (r#"{"valid-for-hours": "1"}"#, "/valid-for-hours"),
        (r#"{"valid-for-hours": 0}"#, "/valid-for-hours"),
        (r#"{"hours": 1}"#, "hours"),
        (
            r#"{"minimum-length": 5}"#,
            "/minimum-length: a password of less than 6",
        ),
        ("[]", "not a JSON object"),
        ("{\"valid-for-hours\": 1", "not JSON"),
        (too_large.as_str(), "bytes"),
    ] {
        let error = use_settings(&host, settings).await.unwrap_err();
        assert!(matches!(error, ServerError::BadSettings(_)), "{error}");
        assert!(error.to_string().contains(named), "{error}");
    }
    assert_eq!(hours(&host, &agent).await, 1);
    assert_eq!(host.server.plugins.history(10).await.unwrap(), lines);
}

#[tokio::test]
async fn the_reference_has_no_settings_and_says_so() {
    let host = TestHost::new().await;
    let error = use_settings(&host, valid_for(1)).await.unwrap_err();
    let ServerError::BadSettings(SettingsError::OtherShape(faults)) = &error else {
        panic!("{error}");
    };
    assert_eq!(faults.len(), 1, "{error}");
    assert!(error.to_string().contains("nothing can be set"), "{error}");
    use_settings(&host, "{}").await.unwrap();
    assert_eq!(host.server.plugins.history(10).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_swapped_under_load_and_no_request_fails() {
    let host = corporate(valid_for(24)).await;
    let agents = [host.enroll(owner()).await, host.enroll(owner()).await];
    let is_over = AtomicBool::new(false);
    let swaps = async {
        for hours in 1..=4 {
            use_settings(&host, valid_for(hours)).await.unwrap();
        }
        is_over.store(true, Relaxed);
    };
    let load = async |agent: &Agent| {
        let mut seen = Vec::new();
        while !is_over.load(Relaxed) {
            seen.push(hours(&host, agent).await);
            tokio::task::yield_now().await;
        }
        seen.push(hours(&host, agent).await);
        seen
    };
    let (first, second, ()) = tokio::join!(load(&agents[0]), load(&agents[1]), swaps);
    for seen in [first, second] {
        assert_eq!(seen.last(), Some(&4), "the last settings hold");
        assert!(seen.len() > 4, "resets ran during the swaps: {seen:?}");
        assert!(seen.iter().all(|it| *it == 24 || *it <= 4), "{seen:?}");
    }
}
