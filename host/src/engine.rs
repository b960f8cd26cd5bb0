//! The WebAssembly engine: it compiles and runs plugins within their limits.

use super::{
    error::{Exhausted, LoadError},
    limits::{Limits, TICK},
};
use std::{sync::Arc, thread};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, ResourceLimiter,
};

/// The WebAssembly engine that all plugins of a host share.
#[derive(Clone)]
pub struct Runtime {
    pub(super) engine: Engine,
    pub(super) limits: Limits,
    /// The epoch clock stops when the last runtime is dropped.
    _clock: Arc<()>,
}

impl Runtime {
    /// Creates the engine, and starts the epoch clock that interrupts calls at their time limit.
    pub fn new(limits: Limits) -> Result<Self, LoadError> {
        Self::with(config(&limits), limits)
    }

    /// An engine without limits: the baseline for benches of their cost.
    #[doc(hidden)]
    pub fn unlimited(instances: u32) -> Result<Self, LoadError> {
        let limits = Limits {
            instances,
            memory: u32::MAX as usize,
            ..Limits::default()
        };
        let mut config = config(&limits);
        config.epoch_interruption(false);
        Self::with(config, limits)
    }

    fn with(config: Config, limits: Limits) -> Result<Self, LoadError> {
        let engine = Engine::new(&config).map_err(|e| LoadError::Engine(format!("{e:#}")))?;
        let clock = Arc::new(());
        let weak_engine = engine.weak();
        let alive = Arc::downgrade(&clock);
        thread::Builder::new()
            .name("plugin-clock".into())
            .spawn(move || {
                while alive.strong_count() > 0 {
                    if let Some(engine) = weak_engine.upgrade() {
                        engine.increment_epoch();
                    }
                    thread::sleep(TICK);
                }
            })
            .map_err(|e| LoadError::Engine(e.to_string()))?;
        Ok(Self {
            engine,
            limits,
            _clock: clock,
        })
    }

    /// The limits of a call.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }
}

/// The maximum of core instances of one plugin. A plugin in Rust needs 3, with 2 tables; one in Python is linked from
/// many libraries, and needs 38.
const CORE_INSTANCES: u32 = 48;
const TABLES: u32 = 4;

/// Instances beside the active plugin's calls: for loading, for the conformance check, and for a shadow.
const SPARE_INSTANCES: u32 = 4;

fn config(limits: &Limits) -> Config {
    let mut pool = PoolingAllocationConfig::default();
    let instances = limits.instances + SPARE_INSTANCES;
    pool.total_component_instances(instances)
        .total_core_instances(instances * CORE_INSTANCES)
        .total_memories(instances)
        .total_tables(instances * TABLES)
        .max_core_instances_per_component(CORE_INSTANCES)
        .max_memories_per_component(1)
        .max_tables_per_component(TABLES)
        .max_memory_size(limits.memory)
        .table_elements(limits.table_elements)
        // Halves the cost of a fresh instance: its touched pages stay mapped.
        .linear_memory_keep_resident(256 << 10)
        .table_keep_resident(64 << 10)
        .pagemap_scan(Enabled::Auto);
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .epoch_interruption(true)
        .max_wasm_stack(limits.stack)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

/// Limits the memory and the tables of one instance.
pub(super) struct Limiter {
    memory_left: usize,
    table_elements: usize,
}

impl Limiter {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            memory_left: limits.memory,
            table_elements: limits.table_elements,
        }
    }
}

impl Limiter {
    /// The memory left to the instance, in bytes.
    pub(super) fn memory_left(&self) -> usize {
        self.memory_left
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        match self
            .memory_left
            .checked_sub(desired.saturating_sub(current))
        {
            Some(left) => {
                self.memory_left = left;
                Ok(true)
            }
            None => Err(Exhausted::Memory.into()),
        }
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired <= self.table_elements {
            Ok(true)
        } else {
            Err(Exhausted::Table.into())
        }
    }
}
