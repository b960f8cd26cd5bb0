//! Wake-ups of agents.

use anyhow::Context as _;
use clap::Args;
use mdm_agent_protocol::broker::BrokerUrl;
use mdm_server_core::{
    supervisor::Supervisor,
    transport::{Mqtt, WakeUp},
};
use std::{fs, path::PathBuf, sync::Arc};

#[derive(Args)]
pub(super) struct WakeUpOptions {
    /// Wake agents by this MQTT broker, in place of the long poll: mqtt://host:1883, or
    /// mqtts://user:password@host:8883. The environment variable hides the password from other users of the machine.
    #[arg(
        long,
        env = "MDM_WAKE_UP",
        hide_env_values = true,
        value_name = "BROKER"
    )]
    wake_up: Option<String>,
    /// The URL of the broker for agents, with their login, if it differs. By default, that of --wake-up without the
    /// login.
    #[arg(
        long,
        env = "MDM_WAKE_UP_FOR_AGENTS",
        hide_env_values = true,
        value_name = "BROKER"
    )]
    wake_up_for_agents: Option<String>,
    /// A PEM file with the certificate authority of the broker, if the system doesn't know it.
    #[arg(long, value_name = "FILE")]
    wake_up_ca_file: Option<PathBuf>,
    /// The interval of an agent's syncs without wake-ups, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub(super) sync_every: u32,
}

impl WakeUpOptions {
    /// Connects to the broker. `None` if there is none: agents use the long poll. An unreachable broker does not
    /// prevent the start.
    pub(super) fn connect(
        &self,
        supervisor: &Supervisor,
    ) -> anyhow::Result<Option<Arc<dyn WakeUp>>> {
        let Some(broker) = &self.wake_up else {
            return Ok(None);
        };
        // The parser of the command line would repeat a refused text, which may contain a password.
        let broker: BrokerUrl = broker.parse().context("--wake-up")?;
        let told = match &self.wake_up_for_agents {
            Some(told) => told.parse().context("--wake-up-for-agents")?,
            None => broker.without_login(),
        };
        let read = |file: &PathBuf| {
            fs::read_to_string(file)
                .with_context(|| format!("--wake-up-ca-file {}", file.display()))
        };
        let authorities = self.wake_up_ca_file.as_ref().map(read).transpose()?;
        let mqtt = Mqtt::connect(&broker, told, authorities.as_deref(), supervisor)
            .context("--wake-up")?;
        Ok(Some(Arc::new(mqtt)))
    }
}
