//! The speedup of two threads over one.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::Duration,
};

/// Returns the time of a job.
pub(crate) type Job = Arc<dyn Fn() -> Duration + Send + Sync>;

/// Two permanent threads, which keep their thread-local state.
pub(crate) struct WorkerPool([Worker; 2]);

struct Worker {
    jobs: Sender<(Job, Arc<AtomicUsize>)>,
    done: Receiver<Duration>,
}

impl WorkerPool {
    pub(crate) fn new() -> Self {
        Self(std::array::from_fn(|_| Worker::new()))
    }

    /// The rate of one thread, in items per second, for a job with this many items.
    pub(crate) fn one(&self, things: usize, job: &Job) -> f64 {
        self.run(1, things, job)
    }

    /// The rate of two threads.
    pub(crate) fn two(&self, things: usize, job: &Job) -> f64 {
        self.run(2, things, job)
    }

    fn run(&self, number: usize, things: usize, job: &Job) -> f64 {
        let missing = Arc::new(AtomicUsize::new(number));
        let workers = &self.0[..number];
        for worker in workers {
            let order = (Arc::clone(job), Arc::clone(&missing));
            worker.jobs.send(order).expect("the thread is there");
        }
        let times = workers.iter().map(|it| it.done.recv().expect("a time"));
        times.map(|time| things as f64 / time.as_secs_f64()).sum()
    }
}

impl Worker {
    fn new() -> Self {
        let (jobs, orders) = channel::<(Job, Arc<AtomicUsize>)>();
        let (says, done) = channel();
        thread::spawn(move || {
            for (job, missing) in orders {
                // All begin at the same time.
                missing.fetch_sub(1, Ordering::SeqCst);
                while missing.load(Ordering::SeqCst) > 0 {
                    thread::yield_now();
                }
                if says.send(job()).is_err() {
                    return;
                }
            }
        });
        Self { jobs, done }
    }
}
