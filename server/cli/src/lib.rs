//! The command line: `serve` runs a host, and the rest asks one over its API.

mod audit;
mod backup;
mod bulk;
mod client;
mod data_dir;
mod device;
mod files;
mod held;
mod host;
mod host_key;
mod limits;
mod listening;
mod password;
mod plugin;
mod policy;
mod prompt;
mod restore;
mod serve;
mod show;
mod show_bulk;
mod store;
mod token;
mod tokens;
mod user;
mod waking;
mod webhook;

use clap::{Parser, Subcommand};
use std::time::Duration;

/// Sets, resets and removes the lock-screen passwords of managed Android devices.
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a server.
    Serve(Box<serve::Serve>),
    /// Replace the admin's token of the server with this data, which may be running. The former token becomes invalid.
    NewAdminToken(tokens::NewAdminToken),
    /// Copy the store into a file, also while a server uses it. Keep host.key apart: it is not in the file.
    Backup(backup::Backup),
    /// Restore a backup. An existing store is not replaced.
    Restore(restore::Restore),
    /// Verify the audit trail.
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Reset and remove the passwords of whole groups.
    #[command(subcommand)]
    Bulk(bulk::Bulk),
    /// List, show, enroll and revoke devices.
    #[command(subcommand)]
    Device(device::Device),
    /// Decide about commands from before a restore of the store.
    #[command(subcommand)]
    Held(held::Held),
    /// Reset and remove passwords, and show their status.
    #[command(subcommand)]
    Password(password::Password),
    /// Show and swap the plugin.
    #[command(subcommand)]
    Plugin(plugin::Plugin),
    /// Manage the tokens of programs.
    #[command(subcommand)]
    Token(token::Token),
    /// Manage the users.
    #[command(subcommand)]
    User(user::User),
    /// Apply and clear policies.
    #[command(subcommand)]
    Policy(policy::Policy),
    /// Manage webhooks.
    #[command(subcommand)]
    Webhook(webhook::Webhook),
}

impl Cli {
    /// Runs the command.
    pub fn run(self) -> anyhow::Result<()> {
        // The TLS provider of the HTTP client. Errors if one is installed already, which is as good.
        let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
        let threads = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        let ended = threads.block_on(async {
            match self.command {
                Command::Serve(serve) => serve.run().await,
                Command::NewAdminToken(new) => new.run().await,
                Command::Backup(backup) => backup.run(),
                Command::Restore(restore) => restore.run().await,
                Command::Audit(audit) => audit.run().await,
                Command::Bulk(bulk) => bulk.run().await,
                Command::Device(device) => device.run().await,
                Command::Held(held) => held.run().await,
                Command::Password(password) => password.run().await,
                Command::Plugin(plugin) => plugin.run().await,
                Command::Policy(policy) => policy.run().await,
                Command::Token(token) => token.run().await,
                Command::User(user) => user.run().await,
                Command::Webhook(webhook) => webhook.run().await,
            }
        });
        // Tasks that still run are cut off.
        threads.shutdown_timeout(Duration::from_secs(1));
        ended
    }
}
