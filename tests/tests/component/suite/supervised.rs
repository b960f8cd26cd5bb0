//! Background tasks that panic: they are started again, and the host says which one keeps failing.

use crate::test_host::{TestHost, owner};
use async_trait::async_trait;
use mdm_contract::{Policy, Quality, Requirement};
use mdm_server_core::transport::{NotWoken, WakeUp};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

const TIMEOUT: Duration = Duration::from_secs(30);

/// A way to wake agents that panics when it is used, for as long as it is broken.
#[derive(Default)]
struct Broken {
    is_whole: AtomicBool,
    woken: AtomicU32,
}

#[async_trait]
impl WakeUp for Broken {
    async fn wake(&self, _: &str) -> Result<(), NotWoken> {
        assert!(self.is_whole.load(Ordering::Relaxed), "it is broken");
        self.woken.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn connection(&self) -> Result<(), NotWoken> {
        Ok(())
    }

    fn url(&self) -> &str {
        "mqtt://broken"
    }
}

/// There is news for the device again and again, until this is so.
async fn until(fleet: &TestHost, is_so: impl AsyncFn() -> bool) {
    let agent = fleet.enroll(owner()).await;
    let seen = async {
        for length in (4..8).cycle() {
            if is_so().await {
                return;
            }
            let policy = Policy {
                requirement: Requirement::Quality(Quality::Numeric),
                minimum_length: length,
            };
            fleet.apply_policy(&agent, &policy).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(TIMEOUT, seen).await.unwrap();
}

#[tokio::test]
async fn a_background_task_that_keeps_panicking_makes_the_host_not_ready_until_it_runs() {
    let broken = Arc::new(Broken::default());
    let fleet = TestHost::woken_by(broken.clone()).await;
    fleet.server.start();
    let failures = async || fleet.server.health.readiness().await.failures;
    until(&fleet, async || {
        failures().await == ["the background task wake-ups keeps failing: the host's log says why"]
    })
    .await;
    let text = fleet.server.health.metrics_text().await.unwrap();
    let line = text.lines().find_map(|line| {
        line.strip_prefix("mdm_background_task_failures_total{task=\"wake-ups\"} ")
    });
    assert!(line.unwrap().parse::<u32>().unwrap() >= 3, "{text}");
    broken.is_whole.store(true, Ordering::Relaxed);
    until(&fleet, async || {
        failures().await.is_empty() && broken.woken.load(Ordering::Relaxed) > 0
    })
    .await;
    fleet.server.close();
}
