//! Simulated fleets. One device enrolls, is reset, and reports, all by HTTP; then its rows are copied in the
//! database, with other ids: so a million devices are there in a minute, and each has the rows that the host itself
//! has written. What differs from a fleet that has grown: all devices have the same two keys and names that are
//! numbers, and the audit trail has the lines of the first device only.

use super::{
    agent::{LightAgent, success},
    connection::{Connection, by_admin},
    database::{Database, EVERYBODY, GROUP},
};
use crate::test_environment::TestEnvironment;
use anyhow::ensure;
use hyper::Method;
use mdm_contract::Command;

/// Devices in the database of a host that runs.
pub struct Fleet {
    /// The host.
    pub env: TestEnvironment,
    /// Its database.
    pub database: Database,
    first: LightAgent,
    devices: usize,
}

impl Fleet {
    /// Starts a server with a fleet of this many devices.
    pub async fn new(
        mut env: TestEnvironment,
        database: Database,
        devices: usize,
    ) -> anyhow::Result<Self> {
        let first = first(&env).await?;
        env.kill_host()?;
        database.copy(first.device(), devices)?;
        env.start_host()?;
        Ok(Self {
            env,
            database,
            first,
            devices,
        })
    }

    /// The number of devices.
    pub fn devices(&self) -> usize {
        self.devices
    }

    /// The id of a device, by its number from 1 on.
    pub fn device(&self, number: usize) -> String {
        format!("{}{number:012x}", &self.first.device()[..24])
    }

    /// The agent of a device.
    pub fn agent(&self, number: usize) -> LightAgent {
        self.first.of(&self.device(number))
    }

    /// The name of the group of a device.
    pub fn group(number: usize) -> String {
        format!("group-{}", (number - 1) / GROUP)
    }
}

/// The device that all others are copies of: it was reset, and so its policy is overridden.
async fn first(env: &TestEnvironment) -> anyhow::Result<LightAgent> {
    let mut connection = Connection::open(env.address()).await?;
    let admin = env.token()?;
    let agent = LightAgent::enroll(&mut connection, &admin, &[EVERYBODY]).await?;
    let call = reset(agent.device(), &admin)?;
    connection.send(call).await?.json::<Command>()?;
    let commands = agent.sync(&mut connection, Vec::new(), 0).await?;
    ensure!(commands.len() == 1, "the first reset was not delivered");
    let reports = commands.iter().map(success).collect();
    agent.sync(&mut connection, reports, 0).await?;
    Ok(agent)
}

/// The request of a reset by an admin's program.
pub fn reset(device: &str, admin: &str) -> anyhow::Result<super::connection::Call> {
    let path = format!("/api/v1/devices/{device}/password/reset");
    by_admin(Method::POST, &path, admin, r#"{"password":"7394"}"#.into())
}
