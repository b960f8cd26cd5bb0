//! The one thread that writes. Jobs that wait together are committed together, each in a savepoint of
//! its own, and each caller is answered once the commit that holds its job is durable.
//!
//! Nobody waits for others to come: a commit takes what waits when it begins, and what comes until its last job is
//! done. So a job waits for the commit before its own, and for the jobs beside it, whose number is bounded: 256 of
//! some 50 µs each are about 15 ms, and there are two syncs of the disk.

use crate::{metrics::StoreMetrics, store::StoreError};
use rusqlite::{Connection, TransactionBehavior};
use std::{
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::Instant,
};
use tokio::sync::oneshot;

/// Does its part of a transaction, and says whom to tell what once it is durable.
type Job = Box<dyn FnOnce(&Connection) -> Done + Send>;

/// Told whether the commit succeeded.
type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

struct Done {
    ok: bool,
    answer: Answer,
}

pub(super) struct Writer {
    jobs: Sender<Job>,
}

impl Writer {
    pub(super) fn start(
        connection: Connection,
        most_jobs: usize,
        metrics: StoreMetrics,
    ) -> Result<Self, StoreError> {
        let (jobs, waiting) = channel();
        thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || write(connection, &waiting, most_jobs, &metrics))
            .map_err(|error| StoreError::Failed(error.to_string()))?;
        Ok(Self { jobs })
    }

    /// Runs a job in the next transaction. If it errs, its changes are rolled back, and only its.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, answer) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let result = job(connection);
            Done {
                ok: result.is_ok(),
                answer: Box::new(move |durable| {
                    // A caller that has gone away wants no answer.
                    let _ = sender.send(result.and_then(|value| durable.map(|()| value)));
                }),
            }
        });
        let gone = || StoreError::Failed("the write was not carried out (the log says why)".into());
        self.jobs.send(job).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

fn write(
    mut connection: Connection,
    waiting: &Receiver<Job>,
    most_jobs: usize,
    metrics: &StoreMetrics,
) {
    while let Ok(first) = waiting.recv() {
        let jobs = std::iter::once(first)
            .chain(waiting.try_iter())
            .take(most_jobs);
        let mut answers = Vec::new();
        let began = Instant::now();
        let committed = commit(&mut connection, jobs, &mut answers);
        metrics.committed(answers.len(), began.elapsed(), committed.is_ok());
        if let Err(error) = &committed {
            tracing::error!(%error, "a transaction failed");
        }
        for answer in answers {
            answer(
                committed
                    .as_ref()
                    .map(|_| ())
                    .map_err(|e| StoreError::Failed(e.to_string())),
            );
        }
    }
}

fn commit(
    connection: &mut Connection,
    jobs: impl Iterator<Item = Job>,
    answers: &mut Vec<Answer>,
) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // A savepoint of rusqlite would be parsed anew for each job.
    let run = |sql: &str| transaction.prepare_cached(sql)?.execute([]);
    for job in jobs {
        run("savepoint job")?;
        let done = job(&transaction);
        answers.push(done.answer);
        if !done.ok {
            run("rollback to job")?;
        }
        run("release job")?;
    }
    transaction.commit()
}
