//! Replicas that follow each other's choice of a plugin.

use crate::{
    database,
    test_host::{TestHost, admin, reference, wired},
};
use mdm_password_host::inspect;
use mdm_server_core::{
    audit::AuditEntry,
    plugins::{ChosenPlugins, PluginOptions},
    server::{Server, ServerSettings},
    store::{ChosenPlugin, PluginChoice, PluginFile},
};
use mdm_tests::plugins::CORPORATE;
use std::{sync::Arc, time::Duration};

const TIMEOUT: Duration = Duration::from_secs(20);

async fn replica(fleet: &TestHost) -> Arc<Server> {
    let store = database::open(fleet.folder()).await;
    let plugins = ChosenPlugins::open(Arc::clone(&store), PluginOptions::from(reference())).await;
    let server = wired(store, plugins.unwrap(), ServerSettings::default()).unwrap();
    let (listener, closing) = (Arc::clone(&server.tasks.replica_listener), server.closing());
    tokio::spawn(async move { listener.run(closing).await });
    server
}

async fn until(server: &Server, is_so: impl Fn(&str, &[String]) -> bool) {
    let seen = async {
        loop {
            let active = server.plugins.deployments().0.active.plugin.digest();
            if is_so(&active, &server.health.readiness().await.degraded) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(TIMEOUT, seen).await.unwrap();
}

#[tokio::test]
async fn a_replica_that_can_not_use_the_chosen_plugin_says_so_and_tries_until_it_can() {
    let fleet = TestHost::new().await;
    let server = replica(&fleet).await;
    until(&server, |_, degraded| degraded.is_empty()).await;

    let digest = inspect(CORPORATE).unwrap().digest;
    let broken = PluginFile {
        bytes: [b"x", CORPORATE].concat(),
        signature: None,
    };
    let choice = PluginChoice {
        number: 1,
        active: ChosenPlugin {
            digest: Some(digest.clone()),
            settings: None,
            is_promoted: true,
        },
        previous: ChosenPlugin::DEFAULT,
    };
    let line = AuditEntry::new(1, &admin(), "use-plugin");
    let chosen = database::open(fleet.folder()).await;
    chosen
        .choose_plugin(choice, Some(broken), line.into())
        .await
        .unwrap();
    until(&server, |active, degraded| {
        active != digest && degraded.iter().any(|it| it.contains("plugin"))
    })
    .await;

    database::execute(
        fleet.folder(),
        "update plugins set file = substring(file from 2)",
    );
    until(&server, |active, degraded| {
        active == digest && degraded.is_empty()
    })
    .await;
    server.close();
}
