//! Engines beside each other, a shard for each processor. Instances of one engine share its counters and locks,
//! which travel from processor to processor several times in a call: two threads on one engine do hardly more
//! than one thread. So a call takes a shard that no other call is on.

use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

/// More engine_shards than this are not worth the memory: each has a copy of a plugin's machine code.
const MAX_SHARDS: usize = 8;

/// The number of engine shards for so many instances at one time.
pub(super) fn number(instances: u32) -> usize {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    processors.min(MAX_SHARDS).min(instances as usize).max(1)
}

thread_local! {
    /// The shard that this thread took last: what it left in the processor's caches is still there.
    static LAST: Cell<usize> = const { Cell::new(0) };
}

/// One thing for each shard.
pub(super) struct EngineShards<T>(Box<[Shard<T>]>);

struct Shard<T> {
    thing: T,
    calls: Arc<Calls>,
}

/// The number of calls on a shard, alone in its cache line.
#[derive(Default)]
#[repr(align(128))]
struct Calls(AtomicUsize);

/// A place on a shard, until it is dropped.
pub(super) struct ShardGuard(Arc<Calls>);

impl<T> EngineShards<T> {
    pub(super) fn new(things: Vec<T>) -> Self {
        let shard = |thing| Shard {
            thing,
            calls: Arc::default(),
        };
        Self(things.into_iter().map(shard).collect())
    }

    /// The shard that this thread took last, if it is empty, or else the emptiest.
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
    fn a_call_takes_a_lane_that_no_other_call_is_on() {
        let engine_shards = EngineShards::new(vec!['a', 'b']);
        let (first, on_first) = engine_shards.take().unwrap();
        let (second, _on_second) = engine_shards.take().unwrap();
        assert_ne!(first, second);
        drop(on_first);
        assert_eq!(engine_shards.take().unwrap().0, first);
    }

    #[test]
    fn a_thread_stays_on_its_lane() {
        let engine_shards = EngineShards::new(vec!['a', 'b', 'c']);
        let (_, on_another) = engine_shards.take().unwrap();
        let (mine, _) = engine_shards.take().unwrap();
        drop(on_another);
        assert_eq!(engine_shards.take().unwrap().0, mine);
    }

    #[test]
    fn with_more_calls_than_lanes_each_takes_the_emptiest() {
        let engine_shards = EngineShards::new(vec![0, 1]);
        let taken: Vec<_> = (0..6).map(|_| engine_shards.take().unwrap()).collect();
        for shard in [0, 1] {
            assert_eq!(taken.iter().filter(|(it, _)| **it == shard).count(), 3);
        }
    }
}
