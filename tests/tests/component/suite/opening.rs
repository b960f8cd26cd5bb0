//! A host that listens before its store can be opened.

use crate::test_host::client;
use axum::{Router, routing::get};
use mdm_server_http::api::{NotOpen, StartupGate};
use serde_json::Value;
use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};
use tokio::net::TcpListener;

async fn listens(opening: &Arc<StartupGate>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = opening.router();
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

async fn asked(url: &str, path: &str) -> (u16, String) {
    let answer = client().get(format!("{url}{path}")).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn a_store_that_is_away_makes_the_host_wait_and_say_why_and_it_opens_by_itself() {
    let opening = Arc::new(StartupGate::default());
    let url = listens(&opening).await;
    let attempts = AtomicU32::new(0);
    let attempt = async || match attempts.fetch_add(1, Ordering::Relaxed) {
        0 => Err(NotOpen::<Infallible>::Retryable {
            reason: "the store is away",
            cause: "connection to 10.1.2.3 refused".into(),
        }),
        _ => Ok(Router::new().route("/who", get(async || "the host"))),
    };
    let meanwhile = async {
        while attempts.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(asked(&url, "/health").await, (200, "ok\n".into()));
        for path in ["/ready", "/who", "/api/v1/devices"] {
            let (status, body) = asked(&url, path).await;
            let problem: Value = serde_json::from_str(&body).unwrap();
            assert_eq!((status, &problem["type"]), (503, &"not-ready".into()));
            assert!(!body.contains("10.1.2.3"), "strangers learn where: {body}");
        }
        let (_, body) = asked(&url, "/ready").await;
        assert!(body.contains("the store is away"), "{body}");
    };
    let (opened, ()) = tokio::join!(opening.open_when_possible(attempt), meanwhile);
    opened.unwrap();
    assert_eq!(asked(&url, "/who").await, (200, "the host".into()));
}

#[tokio::test]
async fn what_waiting_can_not_mend_ends_the_host() {
    let attempt = async || Err(NotOpen::Fatal("this host.key is another host's"));
    let ended = StartupGate::default().open_when_possible(attempt).await;
    assert_eq!(ended, Err("this host.key is another host's"));
}
