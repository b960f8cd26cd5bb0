//! Supervisor of background tasks: restarts a task that panics or ends, and reports tasks that keep failing.

use crate::metrics::TaskMetrics;
use parking_lot::{Mutex, MutexGuard};
use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// First pause before a restart. It doubles with each failure in a row.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// Maximum pause before a restart.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// Failures in a row from which a task counts as failing. The server is not ready then.
const FAILING_AFTER: u32 = 3;

/// Run time after which a task counts as recovered.
const RECOVERED_AFTER: Duration = Duration::from_secs(5);

/// Runs background tasks until they are stopped.
#[derive(Default)]
pub struct Supervisor {
    tasks: Mutex<Vec<Task>>,
    metrics: TaskMetrics,
}

struct Task {
    name: &'static str,
    stop: CancellationToken,
    health: Arc<Health>,
    /// `None` for a thread.
    handle: Option<JoinHandle<()>>,
}

/// State of a task.
struct Health {
    name: &'static str,
    runs: Mutex<Runs>,
    metrics: TaskMetrics,
}

#[derive(Clone, Copy, Default)]
struct Runs {
    /// Start of the current run. `None` between a failure and the restart.
    since: Option<Instant>,
    /// Failures in a row.
    failures: u32,
}

impl Runs {
    fn has_recovered(self, now: Instant) -> bool {
        let since = self.since;
        since.is_some_and(|since| now.saturating_duration_since(since) >= RECOVERED_AFTER)
    }
}

impl Supervisor {
    /// A supervisor with these metrics.
    pub fn new(metrics: TaskMetrics) -> Self {
        Self {
            metrics,
            ..Self::default()
        }
    }

    /// Runs an async task, and restarts it if it panics or ends before `stop` is cancelled. The task receives `stop`.
    pub fn spawn<F>(
        &self,
        name: &'static str,
        stop: CancellationToken,
        task: impl Fn(CancellationToken) -> F + Send + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let health = self.health(name);
        let handle = tokio::spawn({
            let (health, stop) = (Arc::clone(&health), stop.clone());
            async move {
                while !stop.is_cancelled() {
                    health.starts();
                    let ended = tokio::spawn(task(stop.clone())).await;
                    if stop.is_cancelled() {
                        break;
                    }
                    let pause = health.failed(&match ended {
                        Ok(()) => "it ended".to_owned(),
                        Err(error) => match error.try_into_panic() {
                            Ok(panic) => panic_message(panic.as_ref()),
                            Err(error) => error.to_string(),
                        },
                    });
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = stop.cancelled() => {}
                    }
                }
                health.stopped();
            }
        });
        self.add(name, stop, health, Some(handle));
    }

    /// Runs a blocking task on its own thread, like [`Self::spawn`].
    pub fn spawn_thread(
        &self,
        name: &'static str,
        stop: CancellationToken,
        task: impl Fn() + Send + 'static,
    ) -> std::io::Result<()> {
        let health = self.health(name);
        thread::Builder::new().name(name.into()).spawn({
            let (health, stop) = (Arc::clone(&health), stop.clone());
            move || {
                while !stop.is_cancelled() {
                    health.starts();
                    let ended = catch_unwind(AssertUnwindSafe(&task));
                    if stop.is_cancelled() {
                        break;
                    }
                    thread::sleep(health.failed(&match ended {
                        Ok(()) => "it ended".to_owned(),
                        Err(panic) => panic_message(panic.as_ref()),
                    }));
                }
                health.stopped();
            }
        })?;
        self.add(name, stop, health, None);
        Ok(())
    }

    /// Names of the tasks that keep failing.
    pub fn failing(&self) -> Vec<&'static str> {
        let now = Instant::now();
        let tasks = self.tasks();
        let failing = tasks.iter().filter(|task| {
            let runs = *task.health.runs();
            !task.stop.is_cancelled() && runs.failures >= FAILING_AFTER && !runs.has_recovered(now)
        });
        failing.map(|task| task.name).collect()
    }

    /// Waits until all stopped async tasks have ended.
    pub async fn stopped(&self) {
        let handles: Vec<_> = {
            let mut tasks = self.tasks();
            let stopping = tasks.iter_mut().filter(|task| task.stop.is_cancelled());
            stopping.filter_map(|task| task.handle.take()).collect()
        };
        for handle in handles {
            // The task may have been aborted with the runtime.
            let _ = handle.await;
        }
    }

    fn health(&self, name: &'static str) -> Arc<Health> {
        Arc::new(Health {
            name,
            runs: Mutex::default(),
            metrics: self.metrics.clone(),
        })
    }

    fn add(
        &self,
        name: &'static str,
        stop: CancellationToken,
        health: Arc<Health>,
        handle: Option<JoinHandle<()>>,
    ) {
        self.tasks().push(Task {
            name,
            stop,
            health,
            handle,
        });
    }

    fn tasks(&self) -> MutexGuard<'_, Vec<Task>> {
        self.tasks.lock()
    }
}

impl Health {
    fn runs(&self) -> MutexGuard<'_, Runs> {
        self.runs.lock()
    }

    fn starts(&self) {
        self.runs().since = Some(Instant::now());
        self.metrics.up(self.name, true);
    }

    fn stopped(&self) {
        self.runs().since = None;
        self.metrics.up(self.name, false);
    }

    /// Records a failure. Returns the pause before the restart.
    fn failed(&self, reason: &str) -> Duration {
        let failures = {
            let mut runs = self.runs();
            if runs.has_recovered(Instant::now()) {
                runs.failures = 0;
            }
            runs.since = None;
            runs.failures = runs.failures.saturating_add(1);
            runs.failures
        };
        self.metrics.up(self.name, false);
        self.metrics.failed(self.name);
        let pause = pause_after(failures);
        tracing::error!(
            task = self.name,
            reason,
            failures,
            ?pause,
            "a background task failed, and is started again"
        );
        pause
    }
}

fn pause_after(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    (FIRST_PAUSE * 2_u32.pow(doublings)).min(MAX_PAUSE)
}

/// The message of a panic.
fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    match text {
        Some(text) => format!("it panicked: {text}"),
        None => "it panicked".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    async fn until(what: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !what() {
            assert!(Instant::now() < deadline, "it did not come about");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn a_task_that_panics_or_ends_runs_again_and_is_no_failure_of_the_host() {
        let supervisor = Supervisor::default();
        let (runs, stop) = (Arc::new(AtomicU32::new(0)), CancellationToken::new());
        let counted = Arc::clone(&runs);
        supervisor.spawn("flaky", stop.clone(), move |stop| {
            let run = counted.fetch_add(1, Ordering::Relaxed);
            async move {
                match run {
                    0 => panic!("the first run"),
                    1 => {}
                    _ => stop.cancelled().await,
                }
            }
        });
        until(|| runs.load(Ordering::Relaxed) == 3).await;
        assert!(supervisor.failing().is_empty());
        stop.cancel();
        supervisor.stopped().await;
    }

    #[tokio::test]
    async fn a_task_that_keeps_panicking_is_named_until_it_is_told_to_stop() {
        let supervisor = Supervisor::default();
        let stop = CancellationToken::new();
        supervisor.spawn("broken", stop.clone(), |_| async { panic!("again") });
        until(|| supervisor.failing() == ["broken"]).await;
        stop.cancel();
        supervisor.stopped().await;
        assert!(supervisor.failing().is_empty());
    }

    #[tokio::test]
    async fn a_thread_that_panics_runs_again() {
        let supervisor = Supervisor::default();
        let (runs, stop) = (Arc::new(AtomicU32::new(0)), CancellationToken::new());
        let (counted, stopped) = (Arc::clone(&runs), stop.clone());
        let task = move || {
            if counted.fetch_add(1, Ordering::Relaxed) == 0 {
                panic!("the first run");
            }
            while !stopped.is_cancelled() {
                thread::sleep(Duration::from_millis(1));
            }
        };
        supervisor
            .spawn_thread("thread", stop.clone(), task)
            .unwrap();
        until(|| runs.load(Ordering::Relaxed) == 2).await;
        stop.cancel();
    }

    #[test]
    fn pauses_double_up_to_half_a_minute() {
        let pauses: Vec<_> = (1..=9).map(|it| pause_after(it).as_millis()).collect();
        assert_eq!(
            pauses,
            [250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]
        );
        assert_eq!(pause_after(u32::MAX), MAX_PAUSE);
    }

    #[test]
    fn a_task_that_ran_long_enough_has_recovered() {
        let now = Instant::now();
        let runs = |since| Runs {
            since,
            failures: FAILING_AFTER,
        };
        assert!(!runs(None).has_recovered(now));
        assert!(!runs(Some(now)).has_recovered(now));
        assert!(runs(Some(now)).has_recovered(now + RECOVERED_AFTER));
    }
}
