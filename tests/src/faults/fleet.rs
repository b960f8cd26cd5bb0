//! PostgreSQL and two replicas of the host over it, behind a proxy that sends each connection to another of them.

use super::stage::{Setting, Stage};
use crate::{postgres::Postgres, proxy::Proxy, test_environment::TestEnvironment};

/// The processes beside the first server.
pub(super) struct Fleet {
    // The hosts end before their database does.
    pub(super) second: TestEnvironment,
    _road: Proxy,
    pub(super) postgres: Postgres,
}

impl Fleet {
    pub(super) fn set_up(seed: u64) -> anyhow::Result<(Stage, Self)> {
        let postgres = Postgres::start()?;
        let url = postgres.database("mdm")?;
        let env = TestEnvironment::with(&["--store", &url], "info")?;
        let second = TestEnvironment::replica_of(&env)?;
        let channel = Proxy::start(vec![env.address(), second.address()])?;
        let setting = Setting {
            agents_at: Some(&channel.url()),
            clients_at: Some(&channel.url()),
            is_store_remote: true,
            ..Setting::default()
        };
        let stage = Stage::on(env, seed, &setting)?;
        let fleet = Self {
            second,
            _road: channel,
            postgres,
        };
        Ok((stage, fleet))
    }
}
