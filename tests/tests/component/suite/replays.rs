//! A retry with an idempotency key is for who reaches the device at that moment.

use crate::test_host::{TestHost, admin, client, owner, password};
use mdm_contract::{Policy, Quality, Requirement, ResetOptions};
use mdm_server_core::{
    access::{Caller, DeviceScope, Forbidden},
    commands::{CommandTerms, Reset},
    error::ServerError,
    idempotency::KeyOrigin,
    webhooks::NewWebhook,
};

/// The same caller, with a key for one request.
fn keyed(fleet: &TestHost, by: &Caller, key: &str) -> Caller {
    let origin = KeyOrigin::Header;
    let key = fleet
        .server
        .responses
        .key(&by.actor, key.into(), &[key.as_bytes()], origin);
    Caller {
        idempotency_key: Some(key),
        ..by.clone()
    }
}

#[track_caller]
fn is_forbidden<T>(what: &str, answer: Result<T, ServerError>) {
    match answer {
        Err(ServerError::Forbidden(Forbidden::DeviceScope { .. } | Forbidden::Grant(_))) => {}
        Err(error) => panic!("{what}: {error}"),
        Ok(_) => panic!("{what}: it was let through"),
    }
}

#[tokio::test]
async fn a_retry_of_who_was_narrowed_to_other_groups_is_refused_like_a_new_call() {
    let fleet = TestHost::new().await;
    let agent = fleet.enroll_in(owner(), &["sales"]).await;
    let (server, device) = (&fleet.server, &agent.device);
    let wide = admin();
    let narrow = Caller {
        scope: DeviceScope(Some(["elsewhere".to_owned()].into())),
        ..admin()
    };
    let policy = Policy {
        requirement: Requirement::Quality(Quality::Numeric),
        minimum_length: 4,
    };
    let reset = Reset {
        password: password("1234"),
        options: ResetOptions::default(),
        terms: CommandTerms::default(),
        reason: None,
    };
    let mut removed = None;
    let mut command = None;
    for by in [&wide, &wide, &narrow] {
        let is_wide = by.scope == DeviceScope::ALL;
        let by = |key: &str| keyed(&fleet, by, key);
        let answer = server.commands.reset(&by("reset"), device, &reset).await;
        match is_wide {
            true => {
                command.get_or_insert(answer.unwrap().command.id);
            }
            false => is_forbidden("reset", answer),
        }
        let subject = command.clone().unwrap();
        let answer = server
            .commands
            .cancel(&by("cancel"), device, &subject)
            .await;
        match is_wide {
            true => drop(answer.unwrap()),
            false => is_forbidden("cancel", answer),
        }
        let answer = server
            .devices
            .set_policy(&by("policy"), device, Some(policy.clone()))
            .await;
        match is_wide {
            true => answer.unwrap(),
            false => is_forbidden("policy", answer),
        }
        let answer = server
            .commands
            .remove(&by("remove"), device, CommandTerms::default(), None)
            .await;
        match is_wide {
            true => {
                removed.get_or_insert(answer.unwrap().command.id);
            }
            false => is_forbidden("remove", answer),
        }
        let answer = server.devices.revoke(&by("revoke"), device, None).await;
        match is_wide {
            true => answer.unwrap(),
            false => is_forbidden("revoke", answer),
        }
    }
    let history = server.commands.history(&wide, device).await.unwrap();
    assert_eq!(history.len(), 2, "a reset and a remove, each made once");
}

#[tokio::test]
async fn a_retry_of_who_may_no_longer_manage_it_is_told_no_secret_and_changes_nothing() {
    let fleet = TestHost::new().await;
    // The test of a webhook makes a client, which takes the provider of this process.
    let _ = client();
    let server = &fleet.server;
    let wide = admin();
    let narrow = Caller {
        scope: DeviceScope(Some(["elsewhere".to_owned()].into())),
        ..admin()
    };
    let new = NewWebhook {
        url: "https://nowhere.invalid/".into(),
        events: [].into(),
        scope: DeviceScope::ALL,
    };
    let webhook = server.webhooks.add(&wide, new).await.unwrap().webhook.id;
    for by in [&wide, &wide, &narrow] {
        let is_wide = by.scope == DeviceScope::ALL;
        let by = |key: &str| keyed(&fleet, by, key);
        let see = [mdm_server_core::access::Permission::See].into();
        let made = server
            .identity
            .add_token(&by("token"), "nightly", see, DeviceScope::ALL, None)
            .await;
        match made {
            Ok(_) if is_wide => {}
            made => is_forbidden("token", made),
        }
        for action in ["pause", "resume", "test"] {
            let by = by(action);
            let done = match action {
                "pause" => server.webhooks.pause(&by, &webhook).await,
                "resume" => server.webhooks.resume(&by, &webhook).await,
                _ => server.webhooks.test(&by, &webhook).await.map(drop),
            };
            match done {
                Ok(()) if is_wide => {}
                done => is_forbidden(action, done),
            }
        }
    }
}
