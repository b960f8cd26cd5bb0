//! Engines beside each other, a lane for each processor. Instances of one engine share its counters and locks,
//! which travel from processor to processor several times in a call: two threads on one engine do hardly more
//! than one thread. So a call takes a lane that no other call is on.

use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

/// More lanes than this are not worth the memory: each has a copy of a plugin's machine code.
const MOST: usize = 8;

/// How many lanes a host has for so many instances at one time.
pub(super) fn number(instances: u32) -> usize {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    processors.min(MOST).min(instances as usize).max(1)
}

thread_local! {
    /// The lane that this thread took last: what it left in the processor's caches is still there.
    static LAST: Cell<usize> = const { Cell::new(0) };
}

/// One thing for each lane.
pub(super) struct Lanes<T>(Box<[Lane<T>]>);

struct Lane<T> {
    thing: T,
    calls: Arc<Calls>,
}

/// How many calls are on a lane; alone in its line of a processor's cache.
#[derive(Default)]
#[repr(align(128))]
struct Calls(AtomicUsize);

/// A place on a lane, until it is dropped.
pub(super) struct OnLane(Arc<Calls>);

impl<T> Lanes<T> {
    pub(super) fn new(things: Vec<T>) -> Self {
        let lane = |thing| Lane {
            thing,
            calls: Arc::default(),
        };
        Self(things.into_iter().map(lane).collect())
    }

    /// The lane that this thread took last, if it is empty, or else the emptiest.
    pub(super) fn take(&self) -> Option<(&T, OnLane)> {
        let number = self.0.len();
        let last = LAST.get();
        let mut lanes = (0..number).map(|it| (last + it) % number);
        let empty = lanes.find(|it| self.0[*it].calls() == 0);
        let emptiest = || (0..number).min_by_key(|it| self.0[*it].calls());
        let chosen = empty.or_else(emptiest)?;
        LAST.set(chosen);
        let lane = &self.0[chosen];
        lane.calls.0.fetch_add(1, Relaxed);
        Some((&lane.thing, OnLane(Arc::clone(&lane.calls))))
    }
}

impl<T> Lane<T> {
    fn calls(&self) -> usize {
        self.calls.0.load(Relaxed)
    }
}

impl Drop for OnLane {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_takes_a_lane_that_no_other_call_is_on() {
        let lanes = Lanes::new(vec!['a', 'b']);
        let (first, on_first) = lanes.take().unwrap();
        let (second, _on_second) = lanes.take().unwrap();
        assert_ne!(first, second);
        drop(on_first);
        assert_eq!(lanes.take().unwrap().0, first);
    }

    #[test]
    fn a_thread_stays_on_its_lane() {
        let lanes = Lanes::new(vec!['a', 'b', 'c']);
        let (_, on_another) = lanes.take().unwrap();
        let (mine, _) = lanes.take().unwrap();
        drop(on_another);
        assert_eq!(lanes.take().unwrap().0, mine);
    }

    #[test]
    fn with_more_calls_than_lanes_each_takes_the_emptiest() {
        let lanes = Lanes::new(vec![0, 1]);
        let taken: Vec<_> = (0..6).map(|_| lanes.take().unwrap()).collect();
        for lane in [0, 1] {
            assert_eq!(taken.iter().filter(|(it, _)| **it == lane).count(), 3);
        }
    }
}
