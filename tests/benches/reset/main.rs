//! Bench of a reset: through the component on a live and on a fresh instance, against the same rules as native Rust, on
//! one thread and on two; and of a server's cold start. `cargo xtask bench` runs it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod native;
mod sample;
mod start;
mod turns;
mod worker_pool;

use mdm_contract::Request;
use native::Native;
use std::{sync::Arc, time::Duration};
use worker_pool::{Job, WorkerPool};

/// The calls of a measurement on one thread, and on two threads.
const CALLS: usize = 100;
const CALLS_OF_A_THREAD: usize = 400;

fn main() {
    // Cargo asks every bench for its tests, and this one has none.
    if std::env::args().any(|argument| argument == "--list" || argument == "--test") {
        return;
    }
    println!("\nmedians of {} rounds, all in turns", turns::ROUNDS);
    calls();
    scaling();
    println!(
        "\na cold start, to the first answer: {:.1} ms",
        start::median()
    );
}

fn calls() {
    let plugin = sample::plugin();
    let request = Request::default();
    let rules = Native::new();
    let mut instance = plugin.instance().expect("an instance");
    let mut native = || per_call(turns::calls(CALLS, || (), |()| rules.reset()));
    let mut live = || {
        per_call(turns::calls(CALLS, sample::context, |context| {
            let decided = instance.reset(context, &request);
            decided.expect("a decision")
        }))
    };
    let mut fresh = || {
        per_call(turns::calls(CALLS, sample::context, |context| {
            sample::fresh(&plugin, context)
        }))
    };
    let [native, live, fresh] = turns::medians([&mut native, &mut live, &mut fresh]);
    println!("\n| a reset | µs | against native |\n| --- | --- | --- |");
    for (what, time) in [
        ("the rules as native Rust", native),
        ("live instance", live),
        ("fresh instance", fresh),
    ] {
        println!("| {what} | {time:.2} | {:.1}× |", time / native);
    }
}

fn scaling() {
    let threads = WorkerPool::new();
    let plugin = sample::plugin();
    let rules = Native::new();
    let native: Job = Arc::new(move || turns::calls(CALLS_OF_A_THREAD, || (), |()| rules.reset()));
    let fresh: Job = Arc::new(move || {
        turns::calls(CALLS_OF_A_THREAD, sample::context, |context| {
            sample::fresh(&plugin, context)
        })
    });
    let [one_native, two_native, one, two] = turns::medians([
        &mut || threads.one(CALLS_OF_A_THREAD, &native),
        &mut || threads.two(CALLS_OF_A_THREAD, &native),
        &mut || threads.one(CALLS_OF_A_THREAD, &fresh),
        &mut || threads.two(CALLS_OF_A_THREAD, &fresh),
    ]);
    println!("\n| resets a second | on 1 thread | on 2 | ratio |\n| --- | --- | --- | --- |");
    for (what, one, two) in [
        (
            "for comparison: the rules as native Rust",
            one_native,
            two_native,
        ),
        ("fresh instance", one, two),
    ] {
        println!("| {what} | {one:.0} | {two:.0} | {:.2}× |", two / one);
    }
}

/// In microseconds.
fn per_call(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6 / CALLS as f64
}
