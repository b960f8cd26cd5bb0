//! The outbox of webhooks.

use crate::{
    database,
    test_host::{TestHost, admin, owner},
};
use mdm_contract::time;
use mdm_server_core::{
    access::DeviceScope,
    change::Change,
    store::{AttemptResult, Commit},
    webhooks::NewWebhook,
};
use std::{sync::Arc, time::Duration};

const FOUR_DAYS: u64 = 4 * 24 * 3600 * 1000;

#[tokio::test]
async fn what_is_given_up_for_a_receiver_that_is_away_is_given_up_with_all_that_is_as_old() {
    // Installs the TLS provider, as the host does at its start.
    mdm_tests::test_environment::http_client();
    let fleet = TestHost::new().await;
    let agent = fleet.enroll(owner()).await;
    let new = NewWebhook {
        url: "https://nowhere.invalid/".into(),
        events: Default::default(),
        scope: DeviceScope::ALL,
    };
    let made = fleet.server.webhooks.add(&admin(), new).await.unwrap();
    let store = database::open(fleet.folder()).await;
    let now = time::now();
    for at in [now - FOUR_DAYS; 50].into_iter().chain([now]) {
        let snapshot = store.snapshot(&agent.device).await.unwrap().unwrap();
        let commit = Commit {
            device: agent.device.clone(),
            version: snapshot.version,
            at,
            changes: vec![Change::SetPolicyOverride(None)],
            bulk: None,
            audit: None,
        };
        store.commit(commit).await.unwrap();
    }
    let server = &fleet.server;
    let deliveries = Arc::clone(&server.tasks.deliveries).run(server.closing());
    let deliveries = tokio::spawn(deliveries);
    let given_up = async || {
        let attempts = store.attempts(&made.webhook.id, 100).await.unwrap();
        let results = attempts.iter().map(|it| it.result);
        results.filter(|it| *it == AttemptResult::GivenUp).count()
    };
    for _ in 0..1000 {
        if given_up().await > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(given_up().await, 1);
    let left = store.events(0, 100).await.unwrap();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(left[0].at, now);
    fleet.server.close();
    deliveries.await.unwrap();
}
