//! Progress of a step that may take a while: said on standard error, once it does.

use std::{
    io::Write as _,
    sync::mpsc::{RecvTimeoutError, Sender, channel},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// The time after which a step is said to go on.
const FIRST: Duration = Duration::from_secs(2);

/// The interval at which the passed time is said afterwards.
const NEXT: Duration = Duration::from_secs(10);

/// A running step. It ends when this value is dropped.
pub struct Progress {
    sender: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Progress {
    /// Begins a step, such as `compiling plugin.wasm`.
    pub fn of(step: impl Into<String>) -> Self {
        let step = step.into();
        let (sender, ended) = channel::<()>();
        let begun = Instant::now();
        let thread = thread::spawn(move || {
            let mut pause = FIRST;
            while ended.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                let seconds = begun.elapsed().as_secs();
                // Nobody needs to read it.
                let _ = writeln!(std::io::stderr(), "{step} … {seconds} s");
                pause = NEXT;
            }
        });
        Self {
            sender: Some(sender),
            thread: Some(thread),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        // The thread ends once its channel is closed, so that no line comes after the result.
        drop(self.sender.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
