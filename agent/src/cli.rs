//! The command line: the agent's own life, and what the user of the device and the world do to it.

use crate::{
    device::Device,
    enroll::{Enrollment, enroll},
    rotation,
    show::View,
    state::{Agent, Home, RotationStep, Step},
    sync,
};
use anyhow::{Context as _, bail};
use clap::{Args, Parser, Subcommand};
use mdm_agent_protocol::sync::MAX_WAIT;
use mdm_contract::{Complexity, ManagementMode, Ownership, Policy, Quality, Requirement};
use mdm_terminal::{
    escape::{self, Escaped},
    log_fields::EscapedFields,
    values,
};
use std::{
    io::{BufRead as _, IsTerminal as _, stderr, stdin},
    path::PathBuf,
};
use tracing_subscriber::EnvFilter;
use zeroize::Zeroizing;

/// An agent, and the simulated Android device that it manages.
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// The folder of a device.
#[derive(Args)]
struct State {
    /// The folder of the device and its agent.
    #[arg(long)]
    state: PathBuf,
}

#[derive(Subcommand)]
enum Command {
    /// Make a simulated device: out of its box, without a password.
    Create {
        #[command(flatten)]
        state: State,
        /// Android's API level: 34 is Android 14.
        #[arg(long)]
        api_level: u32,
        /// device-owner, profile-owner or device-admin.
        #[arg(long)]
        mode: ManagementMode,
        /// The profile of a profile owner is a managed (work) profile.
        #[arg(long)]
        managed_profile: bool,
        /// The owner of the device, company or personal. By default company for a device-owner, else personal.
        #[arg(long)]
        ownership: Option<Ownership>,
        /// The device can't hold a reset token (Android: "Escrow token is disabled").
        #[arg(long)]
        no_escrow_tokens: bool,
        /// The device has no secure lock screen.
        #[arg(long)]
        no_secure_lock_screen: bool,
    },
    /// Enroll the device at a host. The enrollment token is taken from MDM_ENROLLMENT_TOKEN, or is the
    /// first line of standard input.
    Enroll {
        #[command(flatten)]
        state: State,
        /// The host's address.
        #[arg(long, default_value = "http://127.0.0.1:7878")]
        host: String,
        /// A PEM file with the certificate of the authority that vouches for the host, if the system
        /// doesn't know it. The agent trusts no other from then on.
        #[arg(long)]
        ca_file: Option<PathBuf>,
        /// The name of the device.
        #[arg(long)]
        name: String,
        /// The agent's version.
        #[arg(long, default_value = "6.9.0")]
        agent_version: String,
        /// The agent can't use its reset token before the first unlock after a boot.
        #[arg(long)]
        not_direct_boot_aware: bool,
        /// Print JSON, for scripts.
        #[arg(long)]
        json: bool,
    },
    /// Run the agent: sync, carry out, report.
    Run {
        #[command(flatten)]
        state: State,
        /// The time that a sync waits for news, in seconds.
        #[arg(
            long,
            default_value_t = 30,
            value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_WAIT))
        )]
        wait: u32,
        /// Cut the device's power right after this step of the next command.
        #[arg(long)]
        power_cut_at: Option<Step>,
        /// The log level: error, warn, info, debug, trace.
        #[arg(long, env = "MDM_LOG", default_value = "info")]
        log: String,
    },
    /// Change the keys that the device opens commands with and signs with. A pending command stays pending.
    RotateKeys {
        #[command(flatten)]
        state: State,
        /// Cut the device's power right after this step.
        #[arg(long)]
        power_cut_at: Option<RotationStep>,
    },
    /// Show the device.
    Show {
        #[command(flatten)]
        state: State,
        /// Print JSON, for scripts.
        #[arg(long)]
        json: bool,
    },
    /// The user sets a password, typed at a prompt or as the first line of standard input.
    UserSetsPassword(State),
    /// The user removes the password.
    UserRemovesPassword(State),
    /// The user enters a password at the lock screen, typed at a prompt or as the first line of
    /// standard input.
    Unlock(State),
    /// The user switches the screen off.
    Lock(State),
    /// The user switches the device off and on again.
    Reboot(State),
    /// Another admin enforces a policy.
    OtherAdminSetsPolicy {
        #[command(flatten)]
        state: State,
        /// unspecified, something, numeric, numeric-complex, alphabetic, alphanumeric or complex.
        #[arg(
            long,
            conflicts_with = "complexity",
            required_unless_present = "complexity"
        )]
        quality: Option<Quality>,
        /// none, low, medium or high.
        #[arg(long)]
        complexity: Option<Complexity>,
        /// In characters.
        #[arg(long, default_value_t = 0)]
        minimum_length: u32,
    },
    /// Another admin lifts its policy.
    OtherAdminClearsPolicy(State),
    /// Another admin sets a password (the first line of standard input) that the user has to enter.
    OtherAdminResetsPassword(State),
    /// The device forgets the agent's reset token.
    ClearToken(State),
    /// The agent can no longer read its copy of the reset token.
    LoseToken(State),
    /// Update the agent, or Android.
    Upgrade {
        #[command(flatten)]
        state: State,
        /// The agent's new version.
        #[arg(long, required_unless_present = "api_level")]
        agent_version: Option<String>,
        /// Android's new API level.
        #[arg(long)]
        api_level: Option<u32>,
    },
}

impl State {
    fn home(&self) -> anyhow::Result<Home> {
        Ok(Home::at(&self.state).with_device()?)
    }

    fn change<R>(&self, change: impl FnOnce(&mut Device) -> R) -> anyhow::Result<R> {
        Ok(self.home()?.device.change(change)?)
    }
}

impl Cli {
    /// Runs the command.
    pub fn run(self) -> anyhow::Result<()> {
        // The TLS provider of the HTTP client. Errors if one is installed already, which is as good.
        let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
        match self.command {
            Command::Create {
                state,
                api_level,
                mode,
                managed_profile,
                ownership,
                no_escrow_tokens,
                no_secure_lock_screen,
            } => {
                let mut lock_key = [0u8; 32];
                getrandom::fill(&mut lock_key)
                    .context("the operating system gave no random bytes")?;
                if managed_profile && mode != ManagementMode::ProfileOwner {
                    bail!("only a profile-owner has a managed profile");
                }
                let mut device = Device::new(api_level, mode, lock_key);
                device.managed_profile = managed_profile;
                device.ownership = ownership.unwrap_or(device.ownership);
                device.escrow_tokens = !no_escrow_tokens;
                device.secure_lock_screen = !no_secure_lock_screen;
                Ok(Home::at(&state.state).create(&device)?)
            }
            Command::Enroll {
                state,
                host,
                ca_file,
                name,
                agent_version,
                not_direct_boot_aware,
                json,
            } => {
                let home = Home::at(&state.state).not_enrolled()?;
                let token = match std::env::var("MDM_ENROLLMENT_TOKEN") {
                    Ok(token) => Zeroizing::new(token),
                    Err(_) => secret("Enrollment token: ")?,
                };
                let direct_boot_aware = !not_direct_boot_aware;
                let read = |file: PathBuf| {
                    std::fs::read_to_string(&file)
                        .with_context(|| format!("the CA file {} can't be read", file.display()))
                };
                let enrollment = Enrollment {
                    host,
                    authorities: ca_file.map(read).transpose()?,
                    name,
                    agent_version,
                    direct_boot_aware,
                };
                log_to_stderr("warn")?;
                let device = block_on(enroll(&home, enrollment, token.trim()))??;
                if json {
                    let made = serde_json::json!({ "device": device }).to_string();
                    println!("{}", escape::json(&made));
                } else {
                    println!("{}", Escaped(&device));
                }
                Ok(())
            }
            Command::Run {
                state,
                wait,
                power_cut_at,
                log,
            } => run(&state, wait, power_cut_at, &log),
            Command::RotateKeys {
                state,
                power_cut_at,
            } => {
                log_to_stderr("info")?;
                let home = Home::at(&state.state).enrolled()?;
                Ok(block_on(rotation::rotate(&home, power_cut_at))??)
            }
            Command::Show { state, json } => {
                let view = View::of(&state.home()?)?;
                if json {
                    println!("{}", values::json(&view)?);
                } else {
                    print!("{}", view.page());
                }
                Ok(())
            }
            Command::UserSetsPassword(state) => {
                let password = secret("New password: ")?;
                Ok(state.change(|device| device.user_sets_password(&password))??)
            }
            Command::UserRemovesPassword(state) => {
                Ok(state.change(Device::user_removes_password)??)
            }
            Command::Unlock(state) => {
                let needs_password = state.home()?.device.read()?.is_password_set();
                let entered = if needs_password {
                    secret("Password: ")?
                } else {
                    Zeroizing::default()
                };
                state.change(|device| device.unlock(&entered))??;
                println!("the lock screen is open");
                Ok(())
            }
            Command::Lock(state) => state.change(Device::lock),
            Command::Reboot(state) => state.change(Device::reboot),
            Command::OtherAdminSetsPolicy {
                state,
                quality,
                complexity,
                minimum_length,
            } => {
                let requirement = match (quality, complexity) {
                    (Some(quality), _) => Requirement::Quality(quality),
                    (None, complexity) => {
                        Requirement::Complexity(complexity.unwrap_or(Complexity::None))
                    }
                };
                let policy = Policy {
                    requirement,
                    minimum_length,
                };
                state.change(|device| device.other_admin_policy = Some(policy))
            }
            Command::OtherAdminClearsPolicy(state) => {
                state.change(|device| device.other_admin_policy = None)
            }
            Command::OtherAdminResetsPassword(state) => {
                let password = secret("New password: ")?;
                Ok(state.change(|device| device.other_admin_resets_password(&password))??)
            }
            Command::ClearToken(state) => state.change(Device::forget_token),
            Command::LoseToken(state) => {
                let home = Home::at(&state.state).enrolled()?;
                home.agent.change(Agent::lose_token)?;
                // A change of the device is what a running agent notices.
                Ok(home.device.change(|_| ())?)
            }
            Command::Upgrade {
                state,
                agent_version,
                api_level,
            } => {
                if let Some(version) = agent_version {
                    let home = Home::at(&state.state).enrolled()?;
                    home.agent.change(|agent| agent.agent_version = version)?;
                }
                state.change(|device| device.api_level = api_level.unwrap_or(device.api_level))
            }
        }
    }
}

fn run(state: &State, wait: u32, power_cut: Option<Step>, log: &str) -> anyhow::Result<()> {
    log_to_stderr(log)?;
    let home = Home::at(&state.state).enrolled()?;
    let _agent = home.start_agent()?;
    block_on(async {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            ended = sync::run(&home, wait, power_cut) => Ok(ended?),
            _ = terminate.recv() => Ok(()),
            _ = tokio::signal::ctrl_c() => Ok(()),
        }
    })?
}

fn log_to_stderr(log: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(log)
        .with_context(|| format!("`{log}` says not what to log: try info"))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .fmt_fields(EscapedFields)
        .with_ansi(stderr().is_terminal())
        .with_writer(stderr)
        .init();
    // What a library quotes in a panic goes through the log, escaped like everything else.
    std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
    Ok(())
}

fn block_on<F: Future>(future: F) -> anyhow::Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    Ok(runtime.block_on(future))
}

/// A secret: typed without an echo, or the first line of standard input; never an argument, which
/// everyone on the machine could read.
fn secret(prompt: &str) -> anyhow::Result<Zeroizing<String>> {
    if stdin().is_terminal() {
        return Ok(Zeroizing::new(rpassword::prompt_password(prompt)?));
    }
    let mut line = Zeroizing::new(String::new());
    stdin()
        .lock()
        .read_line(&mut line)
        .context("standard input can't be read")?;
    let length = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(length);
    Ok(line)
}
