//! Worker pool: plugin calls run on threads of their own, because a call may use all of its time limit. There is one
//! thread per allowed instance. Busy workers take the next call without parking.

use parking_lot::{Condvar, Mutex, MutexGuard};
use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
};
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// The worker threads. After it is dropped, they finish the queued calls and end.
pub struct WorkerPool {
    shared: Arc<Shared>,
    most: usize,
}

/// The error of a call that did not complete.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The call panicked in the host.
    #[error("the host panicked in the call")]
    Panicked,
    /// The system could not start a thread.
    #[error("there is no thread for it: {0}")]
    NoThread(std::io::Error),
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    more: Condvar,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    /// The number of threads, and of parked ones.
    threads: usize,
    asleep: usize,
    is_closed: bool,
}

impl WorkerPool {
    /// A pool of at most this many threads, each started on demand.
    pub fn new(most: u32) -> Self {
        Self {
            shared: Arc::default(),
            most: (most as usize).max(1),
        }
    }

    /// Runs a call as soon as a thread is free. A call whose future was dropped is not started; a started one runs to
    /// its end. The value of `waits` is held while the call waits.
    pub async fn run<T: Send + 'static, W: Send + 'static>(
        &self,
        waits: impl FnOnce() -> W,
        call: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, RunError> {
        let (sender, answer) = oneshot::channel();
        self.add(waits, |waiting| {
            Box::new(move || {
                drop(waiting);
                if !sender.is_closed()
                    && let Ok(value) = catch_unwind(AssertUnwindSafe(call))
                {
                    let _ = sender.send(value);
                }
            })
        })
        .map_err(RunError::NoThread)?;
        answer.await.map_err(|_| RunError::Panicked)
    }

    fn add<W>(
        &self,
        waits: impl FnOnce() -> W,
        job: impl FnOnce(Option<W>) -> Job,
    ) -> std::io::Result<()> {
        let mut queue = self.shared.lock();
        let is_free = queue.asleep > queue.jobs.len();
        let begins = is_free || self.add_thread(&mut queue)?;
        queue.jobs.push_back(job((!begins).then(waits)));
        drop(queue);
        if is_free {
            self.shared.more.notify_one();
        }
        Ok(())
    }

    /// Starts a thread, unless the limit is reached, and returns `true` if it did. Errors only if the pool has no
    /// thread.
    fn add_thread(&self, queue: &mut Queue) -> std::io::Result<bool> {
        if queue.threads == self.most {
            return Ok(false);
        }
        let shared = Arc::clone(&self.shared);
        let thread = thread::Builder::new().name("plugin-call".into());
        match thread.spawn(move || shared.work()) {
            Ok(_) => queue.threads += 1,
            Err(error) if queue.threads == 0 => return Err(error),
            Err(error) => {
                tracing::error!(%error, "no further thread could be started for plugins");
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock()
    }

    fn work(&self) {
        let mut queue = self.lock();
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                drop(queue);
                job();
                queue = self.lock();
            } else if queue.is_closed {
                return;
            } else {
                queue.asleep += 1;
                self.more.wait(&mut queue);
                queue.asleep -= 1;
            }
        }
    }
}

impl Drop for WorkerPool {
    fn drop(&mut self) {
        self.shared.lock().is_closed = true;
        self.shared.more.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        sync::{
            Barrier,
            atomic::{AtomicUsize, Ordering::SeqCst},
        },
        time::Duration,
    };

    #[tokio::test]
    async fn as_many_calls_run_at_once_as_there_are_threads_and_the_others_wait() {
        let threads = Arc::new(WorkerPool::new(2));
        let (waited, both) = (Arc::new(AtomicUsize::new(0)), Arc::new(Barrier::new(3)));
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let calls = (0..20).map(|number| {
            let (threads, waited) = (Arc::clone(&threads), Arc::clone(&waited));
            let (running, most) = (Arc::clone(&running), Arc::clone(&most));
            let both = Arc::clone(&both);
            tokio::spawn(async move {
                let waits = || waited.fetch_add(1, SeqCst);
                threads
                    .run(waits, move || {
                        most.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
                        if number < 2 {
                            both.wait();
                        }
                        thread::sleep(Duration::from_millis(1));
                        running.fetch_sub(1, SeqCst);
                        number
                    })
                    .await
            })
        });
        let calls: Vec<_> = calls.collect();
        // The first two hold both threads until all others wait.
        while waited.load(SeqCst) < 18 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        both.wait();
        for (number, call) in calls.into_iter().enumerate() {
            assert_eq!(call.await.unwrap().unwrap(), number);
        }
        assert_eq!((waited.load(SeqCst), most.load(SeqCst)), (18, 2));
    }

    #[tokio::test]
    async fn a_call_that_panics_harms_no_other_on_its_thread() {
        let threads = WorkerPool::new(1);
        let failed = threads.run(|| (), || -> u32 { panic!("as the test wants") });
        assert!(matches!(failed.await, Err(RunError::Panicked)));
        assert_eq!(threads.run(|| (), || 7).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn a_call_that_nobody_waits_for_any_more_is_not_begun() {
        let threads = Arc::new(WorkerPool::new(1));
        let (go, stay) = std::sync::mpsc::channel::<()>();
        let (told, has_begun) = oneshot::channel();
        let first = tokio::spawn({
            let threads = Arc::clone(&threads);
            let call = move || told.send(()).is_ok() && stay.recv().is_ok();
            async move { threads.run(|| (), call).await }
        });
        has_begun.await.unwrap();
        let begun = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&begun);
        let second = threads.run(|| (), move || count.fetch_add(1, SeqCst));
        let dropped = tokio::time::timeout(Duration::from_millis(20), second).await;
        assert!(dropped.is_err());
        go.send(()).unwrap();
        assert!(first.await.unwrap().unwrap());
        threads.run(|| (), || ()).await.unwrap();
        assert_eq!(begun.load(SeqCst), 0);
    }
}
