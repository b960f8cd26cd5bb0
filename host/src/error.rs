//! The errors of plugins, in words for the admin of the plugin.

use super::{
    Function,
    grants::Import,
    invariant::{Invariant, Violation},
    limits::{Limit, Limits, MAX_CHANGES},
    shortened::{cut, shortened},
};
use std::time::Duration;
use wasmtime::{PoolConcurrencyLimitError, Trap, WasmBacktrace};

/// The error of loading a file as a plugin. The active plugin stays.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It does not begin like WebAssembly.
    #[error(
        "this is no WebAssembly component: it doesn't begin with WebAssembly's magic number. Give a .wasm component"
    )]
    NotWasm,
    /// A module, from before components.
    #[error(
        "this is a core WebAssembly module, not a component. Make a component of it with the tools of its language, or with `wasm-tools component new`"
    )]
    CoreModule,
    /// It does not compile.
    #[error(
        "this component can't be compiled: {0}. If the file is complete, it uses something of WebAssembly that this host doesn't have"
    )]
    Broken(String),
    /// It needs more of something than a plugin may have, before its first call.
    #[error("this component needs more than a plugin may have: {0}")]
    TooLarge(String),
    /// It implements another version of the contract.
    #[error(
        "this component is built for {found}, and this host supports {supported}. Build it against the contract in wit/"
    )]
    OtherVersion {
        /// The contract with its version.
        found: String,
        /// The supported contract.
        supported: &'static str,
    },
    /// It lacks the contract's interface.
    #[error("this component doesn't implement the contract: it doesn't export {0}")]
    MissingInterface(&'static str),
    /// It lacks functions of the contract.
    #[error("this component doesn't implement the contract: {interface} lacks {}", list(.functions))]
    MissingFunctions {
        /// The contract's interface.
        interface: &'static str,
        /// Each function that is missing.
        functions: Vec<String>,
    },
    /// It has all names, and some type is wrong.
    #[error("this component doesn't agree with the contract's types: {0}")]
    OtherTypes(String),
    /// It describes itself otherwise than the contract allows.
    #[error("this component's description of itself is refused: its {field}: {why}")]
    BadDescription {
        /// The field.
        field: &'static str,
        /// The fault.
        why: String,
    },
    /// It fails before its first call.
    #[error("this component can't be started: {0}")]
    DoesNotStart(PluginError),
    /// It imports something that no plugin gets.
    #[error("this component wants more than a plugin is granted: {}. Build it without these imports", denied(.0))]
    DeniedImports(Vec<Import>),
    /// A compiled plugin that this host did not make, or that was altered.
    #[error(
        "this compiled plugin was altered, or another host made it: a host runs only machine code that it made itself. Give the component (.wasm), or compile it ahead of time with this host's key"
    )]
    Altered,
    /// A compiled plugin of this host, from another version of the host.
    #[error(
        "this compiled plugin was made by another version of this host, or with other settings. Compile its component again"
    )]
    OtherEngine,
    /// It is not trusted by this host.
    #[error(
        "this host does not trust plugin sha256:{digest}: {why}. Pin its digest, or sign it (`minisign -Sm FILE`) with a key that this host trusts"
    )]
    NotTrusted {
        /// The plugin.
        digest: String,
        /// The missing part.
        why: String,
    },
    /// The builder of a host was given no plugin.
    #[error("a host needs a plugin to begin with: give its component to the builder")]
    NoPlugin,
    /// The engine itself could not be set up.
    #[error("the WebAssembly engine can't be set up: {0}")]
    Engine(String),
}

fn denied(imports: &[Import]) -> String {
    let lines = imports
        .iter()
        .map(|import| format!("{} ({})", import.name, import.permission));
    lines.collect::<Vec<_>>().join(", ")
}

fn list(names: &[String]) -> String {
    names.join(", ")
}

/// The error of a call. The call changed nothing.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// It took too long.
    #[error("the plugin ran longer than {} ms and was stopped", .0.as_millis())]
    TooSlow(Duration),
    /// It exceeded the memory limit.
    #[error("the plugin wanted more than {} MiB of memory and was stopped", .0 >> 20)]
    TooLarge(usize),
    /// It exceeded the limit of table elements.
    #[error("the plugin wanted more than {0} elements in a table and was stopped")]
    TableTooLarge(usize),
    /// It exceeded the stack limit.
    #[error("the plugin wanted more than {} KiB of stack and was stopped", .0 >> 10)]
    TooDeep(usize),
    /// It exceeded the limit of bytes passed to imports.
    #[error("the plugin handed over more than {} KiB at one time and was stopped", .0 >> 10)]
    TooMuch(usize),
    /// It exceeded the limit of effects.
    #[error("the plugin made more than {0} changes in one call and was stopped")]
    TooManyChanges(usize),
    /// It lacks a function in the types that the host expects.
    #[error("the plugin's function {0} has other types than this host expects")]
    OtherTypes(String),
    /// It broke an invariant.
    #[error("the plugin broke the contract ({title}): {0}", title = .0.invariant().title())]
    Breach(#[from] Violation),
    /// The breaker of the function is open.
    #[error(
        "the circuit breaker of the plugin's function {0} is open after too many failures; it is tried again every 30 s. Roll back, or use another plugin"
    )]
    BreakerOpen(Function),
    /// The host could not run it.
    #[error("this host could not run the plugin ({0}); nothing was changed. Try again")]
    HostFailed(String),
    /// The host called it wrongly.
    #[error("the call is about a command, and was given none")]
    NoSubject,
    /// It crashed.
    #[error("the plugin crashed ({0})")]
    Crashed(String),
}

/// A guest exceeded a limit.
#[derive(Debug, thiserror::Error)]
pub(super) enum Exhausted {
    #[error("out of memory")]
    Memory,
    #[error("out of table elements")]
    Table,
    #[error("out of changes")]
    Changes,
}

impl PluginError {
    /// Returns `true` if it is the plugin's fault, not the host's.
    pub fn is_the_plugins_fault(&self) -> bool {
        !matches!(
            self,
            Self::NoSubject | Self::BreakerOpen(_) | Self::HostFailed(_)
        )
    }

    /// The kind of the error, for programs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::TooSlow(_) => "plugin-too-slow",
            Self::TooLarge(_) => "plugin-too-large",
            Self::TableTooLarge(_) => "plugin-table-too-large",
            Self::TooDeep(_) => "plugin-too-deep",
            Self::TooMuch(_) => "plugin-too-much",
            Self::TooManyChanges(_) => "plugin-too-many-changes",
            Self::Breach(_) => "plugin-broke-contract",
            Self::BreakerOpen(_) => "plugin-out-of-service",
            Self::HostFailed(_) => "host-failed",
            Self::Crashed(_) | Self::OtherTypes(_) | Self::NoSubject => "plugin-crashed",
        }
    }

    /// The invariant that it broke, if it broke one.
    pub fn invariant(&self) -> Option<Invariant> {
        match self {
            Self::Breach(violation) => Some(violation.invariant()),
            _ => None,
        }
    }

    /// The limit that it broke, if it broke one.
    pub fn limit(&self) -> Option<Limit> {
        match self {
            Self::TooSlow(_) => Some(Limit::Time),
            Self::TooLarge(_) => Some(Limit::Memory),
            Self::TableTooLarge(_) => Some(Limit::Table),
            Self::TooDeep(_) => Some(Limit::Stack),
            Self::TooMuch(_) => Some(Limit::HostcallBytes),
            Self::TooManyChanges(_) => Some(Limit::Changes),
            _ => None,
        }
    }

    pub(super) fn from_trap(error: &wasmtime::Error, limits: &Limits) -> Self {
        if let Some(violation) = error.downcast_ref::<Violation>() {
            return Self::Breach(violation.clone());
        }
        if error.is::<PoolConcurrencyLimitError>() {
            return Self::HostFailed("all places for instances are taken".into());
        }
        match error.downcast_ref() {
            Some(Exhausted::Memory) => return Self::TooLarge(limits.memory),
            Some(Exhausted::Table) => return Self::TableTooLarge(limits.table_elements),
            Some(Exhausted::Changes) => return Self::TooManyChanges(MAX_CHANGES),
            None => {}
        }
        // wasmtime does not export the type of this error.
        if error.root_cause().to_string().contains("too much data") {
            return Self::TooMuch(limits.hostcall_bytes);
        }
        match error.downcast_ref::<Trap>() {
            Some(Trap::Interrupt) => Self::TooSlow(limits.time),
            Some(Trap::StackOverflow) => Self::TooDeep(limits.stack),
            Some(trap) => Self::Crashed(trap.to_string()),
            None => Self::Crashed(shortened(error.root_cause().to_string())),
        }
    }
}

/// Maximum length of a backtrace in a log line, in bytes: function names have any length.
const MAX_BACKTRACE: usize = 4 << 10;

/// The engine's backtrace of a failed call.
pub(super) fn backtrace(error: &wasmtime::Error) -> Option<String> {
    let backtrace = error.downcast_ref::<WasmBacktrace>()?;
    (!backtrace.frames().is_empty()).then(|| cut(backtrace.to_string(), MAX_BACKTRACE))
}
