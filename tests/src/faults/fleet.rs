//! PostgreSQL and two replicas of the host over it, behind a proxy that sends each connection to another of them.

use super::stage::{Setting, Stage};
use crate::{lab::Lab, postgres::Postgres, proxy::Proxy};

/// What is beside the first host.
pub(super) struct Fleet {
    // The hosts end before their database does.
    pub(super) second: Lab,
    _road: Proxy,
    pub(super) postgres: Postgres,
}

impl Fleet {
    pub(super) fn set_up(seed: u64) -> anyhow::Result<(Stage, Self)> {
        let postgres = Postgres::start()?;
        let url = postgres.database("mdm")?;
        let lab = Lab::with(&["--store", &url], "info")?;
        let second = Lab::replica_of(&lab)?;
        let road = Proxy::start(vec![lab.address(), second.address()])?;
        let setting = Setting {
            agents_at: Some(&road.url()),
            clients_at: Some(&road.url()),
            is_store_remote: true,
            ..Setting::default()
        };
        let stage = Stage::on(lab, seed, &setting)?;
        let fleet = Self {
            second,
            _road: road,
            postgres,
        };
        Ok((stage, fleet))
    }
}
