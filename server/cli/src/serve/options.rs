//! The options of `mdm-server serve`.

use super::{
    identity::IdentityOptions,
    logging::LogOptions,
    signals::ShutdownOptions,
    values::{canary_terms, password_rule},
};
use crate::{
    limits::LimitOptions, listening::ListenOptions, store::StoreOptions, waking::WakeUpOptions,
};
use clap::{Args, ValueEnum};
use mdm_contract::{MinimumVersion, PasswordRule};
use mdm_password_host::CanaryTerms;
use mdm_server_http::api::Rates;
use std::{num::NonZeroU32, path::PathBuf};

#[derive(Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(super) listening: ListenOptions,
    #[command(flatten)]
    pub(super) kept: StoreOptions,
    #[command(flatten)]
    pub(super) identity: IdentityOptions,
    /// The built-in plugin, instead of the reference plugin: a component, or one compiled by this server. It is active
    /// unless `mdm-server plugin use` has chosen another.
    #[arg(long)]
    pub(super) plugin: Option<PathBuf>,
    /// Start even if the plugin does not pass the conformance kit. Without it, the kit runs at the first start with a
    /// plugin.
    #[arg(long)]
    pub(super) unchecked_plugin: bool,
    /// Forget the choice of `mdm-server plugin use`.
    #[arg(long)]
    pub(super) forget_chosen_plugin: bool,
    /// The limits of a canary: with 3/100, a new plugin is rolled back if 3 of its first 100 calls fail.
    #[arg(long, default_value = "3/100", value_parser = canary_terms)]
    pub(super) canary: CanaryTerms,
    /// The behaviour if a call fails on a canary.
    #[arg(long, value_enum, default_value = "previous")]
    pub(super) when_canary_fails: WhenCanaryFails,
    /// A bulk of more devices than this needs the approval of another user.
    #[arg(long, value_name = "DEVICES")]
    pub(super) approve_above: Option<u64>,
    /// The password rule: digits:4, digits:6-12, alphanumeric:8-16.
    #[arg(long, default_value = "digits:4", value_parser = password_rule)]
    pub(super) password_rule: PasswordRule,
    /// The minimum version of agents. The server refuses resets and removes on devices with an older one.
    #[arg(long, value_name = "VERSION", default_value_t)]
    pub(super) minimum_agent_version: MinimumVersion,
    #[command(flatten)]
    pub(super) limits: LimitOptions,
    /// Use only plugins that are pinned by a digest such as sha256:3f…, or signed by a --trust-key. Can be
    /// given more than once.
    #[arg(long, value_name = "DIGEST")]
    pub(super) trust_digest: Vec<String>,
    /// Use only plugins that are signed with this minisign key (the second line of its .pub file), or pinned
    /// by a --trust-digest. Can be given more than once.
    #[arg(long, value_name = "KEY")]
    pub(super) trust_key: Vec<String>,
    /// Write the admin's token of the first start into this file, which only its owner can read. Without this option,
    /// it is only shown on a terminal.
    #[arg(long)]
    pub(super) admin_token_file: Option<PathBuf>,
    /// Write the link with which the first admin chooses a password into this file, which only its owner can read. The
    /// link is valid for an hour. Without this option, it is only shown on a terminal.
    #[arg(long, value_name = "FILE")]
    pub(super) invitation_file: Option<PathBuf>,
    /// A file with a token that can only read the metrics at /metrics. It is created if it is missing. The admin's
    /// token can read them too.
    #[arg(long, value_name = "FILE")]
    pub(super) metrics_token_file: Option<PathBuf>,
    /// The limit of requests per second and address, with bursts of four times as many.
    #[arg(long, value_name = "CALLS", default_value_t = Rates::DEFAULT.address)]
    pub(super) rate_per_address: NonZeroU32,
    /// The limit of syncs per second and device, with bursts of four times as many.
    #[arg(long, value_name = "SYNCS", default_value_t = Rates::DEFAULT.device)]
    pub(super) rate_per_device: NonZeroU32,
    /// Allow webhooks to private networks, and to this machine, there also without TLS. This lets everyone with the
    /// permission for webhooks send requests to services that only the server can reach.
    #[arg(long)]
    pub(super) webhooks_to_private_networks: bool,
    #[command(flatten)]
    pub(super) logging: LogOptions,
    #[command(flatten)]
    pub(super) waking: WakeUpOptions,
    #[command(flatten)]
    pub(super) shutdown: ShutdownOptions,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum WhenCanaryFails {
    /// The previous plugin decides, whose rules may differ. Response, log and audit trail have a notice.
    Previous,
    /// The request fails with an error.
    Refuse,
}

impl From<WhenCanaryFails> for mdm_password_host::WhenCanaryFails {
    fn from(when: WhenCanaryFails) -> Self {
        match when {
            WhenCanaryFails::Previous => Self::Previous,
            WhenCanaryFails::Refuse => Self::Refuse,
        }
    }
}
