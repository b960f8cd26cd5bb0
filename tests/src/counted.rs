//! The metrics of a server, as Prometheus reads them.

use crate::test_environment::{TestEnvironment, http_client};
use std::collections::HashMap;

/// The metrics of a host at one moment.
pub struct Counted(HashMap<String, u64>);

impl Counted {
    /// Reads them, with the admin's token.
    pub fn read(env: &TestEnvironment) -> anyhow::Result<Self> {
        let request = http_client()
            .get(format!("{}/metrics", env.url()))
            .bearer_auth(env.token()?);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let text =
            runtime.block_on(async { request.send().await?.error_for_status()?.text().await })?;
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let whole = lines.filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        });
        Ok(Self(whole.collect()))
    }

    /// A metric, with its labels as they are written; 0 if there is none yet.
    pub fn of(&self, metric: &str) -> u64 {
        self.0.get(metric).copied().unwrap_or(0)
    }
}
