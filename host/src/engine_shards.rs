//! Engine shards: one WebAssembly engine per processor. Instances of one engine contend for its counters and locks, so
//! that two threads on one engine do hardly more than one. A call takes an idle shard.

use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

/// Bounds the memory: each shard has a copy of a plugin's machine code.
const MAX_SHARDS: usize = 8;

/// The number of shards for this many concurrent instances.
pub(super) fn number(instances: u32) -> usize {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    processors.min(MAX_SHARDS).min(instances as usize).max(1)
}

thread_local! {
    /// The last shard of this thread, which the processor's caches still hold.
    static LAST: Cell<usize> = const { Cell::new(0) };
}

/// One value per shard.
pub(super) struct EngineShards<T>(Box<[Shard<T>]>);

struct Shard<T> {
    thing: T,
    calls: Arc<Calls>,
}

/// The number of calls on a shard, in a cache line of its own.
#[derive(Default)]
#[repr(align(128))]
struct Calls(AtomicUsize);

/// Counts a call on a shard until it is dropped.
pub(super) struct ShardGuard(Arc<Calls>);

impl<T> EngineShards<T> {
    pub(super) fn new(things: Vec<T>) -> Self {
        let shard = |thing| Shard {
            thing,
            calls: Arc::default(),
        };
        Self(things.into_iter().map(shard).collect())
    }

    /// Takes the last shard of this thread if it is idle, else another idle one, else the least busy.
    pub(super) fn take(&self) -> Option<(&T, ShardGuard)> {
        let number = self.0.len();
        let last = LAST.get();
        let mut engine_shards = (0..number).map(|it| (last + it) % number);
        let empty = engine_shards.find(|it| self.0[*it].calls() == 0);
        let emptiest = || (0..number).min_by_key(|it| self.0[*it].calls());
        let chosen = empty.or_else(emptiest)?;
        LAST.set(chosen);
        let shard = &self.0[chosen];
        shard.calls.0.fetch_add(1, Relaxed);
        Some((&shard.thing, ShardGuard(Arc::clone(&shard.calls))))
    }
}

impl<T> Shard<T> {
    fn calls(&self) -> usize {
        self.calls.0.load(Relaxed)
    }
}

impl Drop for ShardGuard {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_takes_an_idle_shard() {
        let engine_shards = EngineShards::new(vec!['a', 'b']);
        let (first, on_first) = engine_shards.take().unwrap();
        let (second, _on_second) = engine_shards.take().unwrap();
        assert_ne!(first, second);
        drop(on_first);
        assert_eq!(engine_shards.take().unwrap().0, first);
    }

    #[test]
    fn a_thread_stays_on_its_shard() {
        let engine_shards = EngineShards::new(vec!['a', 'b', 'c']);
        let (_, on_another) = engine_shards.take().unwrap();
        let (mine, _) = engine_shards.take().unwrap();
        drop(on_another);
        assert_eq!(engine_shards.take().unwrap().0, mine);
    }

    #[test]
    fn with_more_calls_than_shards_each_takes_the_least_busy() {
        let engine_shards = EngineShards::new(vec![0, 1]);
        let taken: Vec<_> = (0..6).map(|_| engine_shards.take().unwrap()).collect();
        for shard in [0, 1] {
            assert_eq!(taken.iter().filter(|(it, _)| **it == shard).count(), 3);
        }
    }
}
