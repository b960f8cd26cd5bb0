//! The plugin runtime: loads a component, checks it against the contract, and runs its calls, each
//! with a call context of its own and within limits.

mod artifact;
#[allow(missing_docs, unreachable_pub, clippy::all)]
mod bindings;
mod breaker;
mod calls;
pub mod context;
pub mod contract;
mod digest;
mod effect;
mod engine;
mod error;
mod exports;
mod function;
mod grants;
mod health;
mod import_call;
mod imports;
mod inspect;
mod invariant;
mod lanes;
mod limits;
mod load;
mod outcome;
pub mod password;
mod returned;
mod slot;
mod threads;
mod trust;
mod wasi;

pub use artifact::{Artifacts, component_of};
pub use calls::{Instance, Plugin};
pub use context::CallContext;
pub use effect::Effect;
pub use engine::Runtime;
pub use error::{LoadError, PluginError, shortened};
pub use function::Function;
pub use grants::Import;
pub use health::{HealthReport, Turn};
pub use import_call::ImportCall;
pub use inspect::{Inspection, inspect};
pub use invariant::{Invariant, Violation};
pub use limits::{Limit, Limits};
pub use outcome::{CallOutcome, Comparable};
pub use slot::{Places, Slot, Slotted, Trial, TrialEnd, TrialTerms};
pub use threads::{NotRun, Threads};
pub use trust::{Trust, TrustError};
