//! Bench of swaps: the latency of a reset on a server that swaps its plugin constantly, against a server without swaps.
//! `cargo xtask bench` runs it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use mdm_tests::{
    plugins::CORPORATE,
    swaps::{self, Seen},
    test_environment::TestEnvironment,
};
use std::time::Duration;

const REFERENCE: &[u8] = mdm_password_component::REFERENCE;

const DEVICES: usize = 4;
const SWAPS: usize = 100;

/// The upper ends of the histogram's bars, in milliseconds.
const BARS: [u64; 9] = [1, 2, 3, 5, 10, 20, 50, 100, 1000];

fn main() {
    // Cargo asks every bench for its tests, and this one has none.
    if std::env::args().any(|argument| argument == "--list" || argument == "--test") {
        return;
    }
    let threads = tokio::runtime::Runtime::new().expect("a runtime");
    let rule = ["--password-rule", "alphanumeric:8-16"];
    let env = TestEnvironment::with(&rule, "warn").expect("a host");
    let devices = swaps::fleet(&env, DEVICES).expect("devices");
    let run = |swaps, at_least| {
        let plugins = [CORPORATE, REFERENCE];
        let seen = swaps::run(&env, &devices, &plugins, swaps, at_least);
        threads.block_on(seen).expect("no request fails")
    };
    let swapping = run(SWAPS, Duration::ZERO);
    let span = swapping.swapped.iter().sum();
    let still = run(0, span);
    println!(
        "\n{DEVICES} devices, reset again and again, for {:.1} s each",
        span.as_secs_f64()
    );
    print("no swap", &still);
    print(&format!("{SWAPS} swaps"), &swapping);
    println!(
        "a swap, with its check: {:.1} ms (median)",
        milliseconds(median(&swapping.swapped))
    );
}

fn print(what: &str, seen: &Seen) {
    let longest = seen.answered.iter().max().copied().unwrap_or_default();
    println!(
        "\n{what}: {} resets, answered in {:.2} ms (median), {:.2} ms at most",
        seen.answered.len(),
        milliseconds(median(&seen.answered)),
        milliseconds(longest)
    );
    let mut from = 0;
    for to in BARS {
        let bar = Duration::from_millis(from)..Duration::from_millis(to);
        let count = seen.answered.iter().filter(|it| bar.contains(*it)).count();
        let length = (count * 50).div_ceil(seen.answered.len().max(1));
        println!(
            "  {from:>4} to {to:>4} ms  {count:>6}  {}",
            "#".repeat(length)
        );
        from = to;
    }
}

fn median(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
