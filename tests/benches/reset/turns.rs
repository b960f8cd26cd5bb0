//! Measures several jobs in turns, so that other load on the machine affects all of them alike.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

/// The number of measurements of each.
pub(crate) const ROUNDS: usize = 401;

/// The time of a number of calls, each with its own input. Making the inputs and dropping the results are not counted.
pub(crate) fn calls<I, O>(
    number: usize,
    mut input: impl FnMut() -> I,
    mut call: impl FnMut(I) -> O,
) -> Duration {
    let inputs: Vec<I> = (0..number).map(|_| input()).collect();
    let mut outputs = Vec::with_capacity(number);
    let start = Instant::now();
    for input in inputs {
        outputs.push(black_box(call(input)));
    }
    start.elapsed()
}

/// The median of each job's results over many rounds.
pub(crate) fn medians<const N: usize>(mut measured: [&mut dyn FnMut() -> f64; N]) -> [f64; N] {
    let mut rounds: [Vec<f64>; N] = std::array::from_fn(|_| Vec::with_capacity(ROUNDS));
    for _ in 0..ROUNDS {
        for (measure, said) in measured.iter_mut().zip(&mut rounds) {
            said.push(measure());
        }
    }
    rounds.map(median)
}

/// The median of some figures.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
