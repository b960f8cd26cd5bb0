//! The embeddable host of `mdm:password` plugins.
//!
//! A platform implements two traits, [`DeviceStore`] and [`Transport`], and builds a [`Host`]:
//!
//! ```ignore
//! let host = Host::builder(my_store, my_transport).plugin(component).build()?;
//! let accepted = host.reset("device-7", ResetRequest::new(password), &context).await?;
//! ```
//!
//! # What a host must guarantee
//!
//! | guarantee | kept by |
//! | --- | --- |
//! | A plugin gets the contract's imports, the clock and random numbers, and nothing else. | this crate |
//! | Time, memory, stack, table elements, effects and log lines of a call are limited: [`Limits`]. | this crate |
//! | Each call runs on an instance of its own, about one device. | this crate |
//! | The invariants of the contract hold for each decision: [`Invariant`]. | this crate |
//! | A plugin never reads a password: it gets a handle, and metrics. | this crate |
//! | All effects of a call are committed in one transaction, guarded by the device's version, or none. |
//! [`DeviceStore::commit`] |
//! | A device has at most one pending command, also if two hosts commit at the same time. | the version in
//! [`DeviceStore::commit`] |
//! | A password is sealed to the device before it is stored. | [`Transport::seal`], which the host calls before the
//! commit |
//! | A command is delivered at least once, and applied once. | the platform's outbox, and the agent |
//! | A report of a device reaches the plugin, also one that comes twice or late. | the platform calls [`Host::report`]
//! |
//! | A pending command ends when its expiry is over. | the platform calls [`Host::expire`] |
//!
//! `mdm-plugin check-host` tries each of these on a platform: see `conformance/hosts/README.md`.
//!
//! # Plugins
//!
//! [`Rollout`] swaps plugins between two calls: a new plugin is a canary until it has decided some calls, and a
//! candidate can decide the same calls in the shadow. [`Runtime`], [`Plugin`] and [`Instance`] run single calls, for
//! tools.

mod artifact;
#[allow(missing_docs, unreachable_pub, clippy::all)]
mod bindings;
mod breaker;
mod builder;
mod call_effects;
mod clock;
pub mod context;
pub mod contract;
mod deployments;
mod description;
mod device_store;
mod digest;
mod effect;
mod engine;
mod error;
mod exports;
mod function;
mod grants;
mod health;
mod host;
mod host_error;
mod import_call;
mod imports;
mod inspect;
mod instance;
mod interface;
mod invariant;
mod limits;
mod load;
mod messages;
mod observer;
mod outcome;
pub mod password;
mod plugin;
mod plugin_log;
mod plugin_result;
mod request;
mod rollout;
mod settings;
mod shadow;
mod shortened;
mod substitute;
mod transport;
mod trust;
mod wasi;
mod worker_pool;

pub use artifact::{Artifacts, component_of};
pub use builder::HostBuilder;
pub use clock::{Clock, SystemClock};
pub use context::CallContext;
pub use deployments::{Canary, CanaryEnd, CanaryEnded, CanaryTerms, Deployment, Deployments};
pub use device_store::{Commit, Decision, DeviceState, DeviceStore};
pub use effect::Effect;
pub use engine::Runtime;
pub use error::{LoadError, PluginError};
pub use function::Function;
pub use grants::Import;
pub use health::{BreakerTransition, HealthReport};
pub use host::{Accepted, Host, Target};
pub use host_error::HostError;
pub use import_call::ImportCall;
pub use inspect::{Inspection, inspect};
pub use instance::Instance;
pub use invariant::{Invariant, Violation};
pub use limits::{Limit, Limits};
pub use messages::{LoggedMessage, Message, MessageLevel, Messages};
pub use observer::Observer;
pub use outcome::{CallOutcome, Comparable};
pub use plugin::Plugin;
pub use plugin_log::PluginLog;
pub use request::{PreviewRequest, RemoveRequest, ResetRequest};
pub use rollout::{Rollout, RolloutStore};
pub use settings::SettingsError;
pub use shadow::{Comparisons, Difference, ShadowReport};
pub use shortened::shortened;
pub use substitute::WhenCanaryFails;
pub use transport::Transport;
pub use trust::{Trust, TrustError, read_signature, signature_file};
pub use worker_pool::{RunError, WorkerPool};
