//! A steady load of resets and reports, while the plugin is swapped under it.

use crate::test_environment::{Device, Make, TestEnvironment, http_client};
use anyhow::{Context as _, ensure};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

/// A password that the reference and the corporate plugin take where 8 to 16 characters are asked for.
pub const GOOD_PASSWORD: &str = "vE9#kq0LzP2w!xT7";

/// The interval at which a caller checks for the outcome of its reset.
const POLL_INTERVAL: Duration = Duration::from_millis(25);

/// The observations of callers.
#[derive(Default)]
pub struct Seen {
    /// The response time of each reset.
    pub answered: Vec<Duration>,
    /// The response time of each swap, with its check, and with its compilation for a new plugin.
    pub swapped: Vec<Duration>,
    /// The resets of each device, by its id.
    pub resets: Vec<(String, usize)>,
}

/// Enrolls this many devices, and switches them on.
pub fn fleet(env: &TestEnvironment, size: usize) -> anyhow::Result<Vec<Device>> {
    let mut devices = Vec::new();
    for number in 0..size {
        let make = Make {
            name: &format!("device-{number}"),
            ..Make::default()
        };
        let mut device = env.enroll(make)?;
        device.switch_on()?;
        env.wait_online(&device)?;
        devices.push(device);
    }
    Ok(devices)
}

/// Resets every device again and again, each as soon as the last reset has succeeded, until `swaps`
/// swaps between the plugins are done, or, if there are none to do, for `at_least`. Fails if any
/// request fails, or any reset does not succeed.
pub async fn run(
    env: &TestEnvironment,
    devices: &[Device],
    plugins: &[&'static [u8]],
    swaps: usize,
    at_least: Duration,
) -> anyhow::Result<Seen> {
    let host = Host {
        http: http_client(),
        url: format!("{}/api/v1", env.url()),
        token: env.token()?,
    };
    let is_over = Arc::new(AtomicBool::new(false));
    let mut resetting = JoinSet::new();
    for device in devices {
        let (host, is_over, id) = (host.clone(), Arc::clone(&is_over), device.id.clone());
        resetting.spawn(async move {
            let mut answered = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                answered.push(host.reset(&id).await?);
            }
            anyhow::Ok((id, answered))
        });
    }
    let swapped = host.swap(plugins, swaps, at_least).await;
    is_over.store(true, Ordering::Relaxed);
    let mut seen = Seen {
        swapped: swapped?,
        ..Seen::default()
    };
    while let Some(done) = resetting.join_next().await {
        let (id, answered) = done??;
        seen.resets.push((id, answered.len()));
        seen.answered.extend(answered);
    }
    Ok(seen)
}

#[derive(Clone)]
struct Host {
    http: Client,
    url: String,
    token: String,
}

enum Body {
    None,
    Json(Value),
    File(&'static [u8]),
}

impl Host {
    /// Swaps the plugin repeatedly, and returns the time of each swap.
    async fn swap(
        &self,
        plugins: &[&'static [u8]],
        swaps: usize,
        at_least: Duration,
    ) -> anyhow::Result<Vec<Duration>> {
        let begun = Instant::now();
        let mut swapped = Vec::new();
        for number in 0..swaps {
            let swap_begun = Instant::now();
            let plugin = Body::File(plugins[number % plugins.len()]);
            self.call(Method::PUT, "/plugin", plugin)
                .await
                .with_context(|| format!("swap {number}"))?;
            swapped.push(swap_begun.elapsed());
        }
        tokio::time::sleep(at_least.saturating_sub(begun.elapsed())).await;
        Ok(swapped)
    }

    /// Resets a device, waits for its success, and returns the time of the response.
    async fn reset(&self, device: &str) -> anyhow::Result<Duration> {
        let begun = Instant::now();
        let body = Body::Json(json!({"password": GOOD_PASSWORD}));
        let path = format!("/devices/{device}/password/reset");
        let command = self.call(Method::POST, &path, body).await?;
        let answered = begun.elapsed();
        let path = format!("/devices/{device}/password/status");
        loop {
            let status = self.call(Method::GET, &path, Body::None).await?;
            let latest = &status["latest"];
            ensure!(latest["id"] == command["id"], "another command: {status}");
            match &latest["status"] {
                it if it == "pending" => tokio::time::sleep(POLL_INTERVAL).await,
                it if it == "success" => return Ok(answered),
                it => anyhow::bail!("command {} came to {it}", command["id"]),
            }
            ensure!(
                begun.elapsed() < crate::test_environment::TIMEOUT,
                "no outcome: {status}"
            );
        }
    }

    async fn call(&self, method: Method, path: &str, body: Body) -> anyhow::Result<Value> {
        let request = self
            .http
            .request(method, format!("{}{path}", self.url))
            .bearer_auth(&self.token);
        let request = match body {
            Body::None => request,
            Body::Json(value) => request.json(&value),
            Body::File(bytes) => request.body(bytes),
        };
        let response = request.send().await.context("no answer")?;
        let status = response.status();
        let answer: Value = response.json().await?;
        ensure!(
            matches!(status, StatusCode::OK | StatusCode::CREATED),
            "{path} was answered {status}: {answer}"
        );
        Ok(answer)
    }
}
