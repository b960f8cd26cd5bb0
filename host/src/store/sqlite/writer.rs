//! The one thread that writes. Jobs that wait together are committed together, each in a savepoint of
//! its own, and each caller is answered once the commit that holds its job is durable.

use crate::{metrics::StoreMetrics, store::StoreError};
use rusqlite::{Connection, TransactionBehavior};
use std::{
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::Instant,
};
use tokio::sync::oneshot;

/// The most jobs in one commit: it bounds how long the first of them waits.
const MOST_JOBS: usize = 256;

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
    pub(super) fn start(connection: Connection, metrics: StoreMetrics) -> Result<Self, StoreError> {
        let (jobs, waiting) = channel();
        thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || write(connection, &waiting, &metrics))
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

fn write(mut connection: Connection, waiting: &Receiver<Job>, metrics: &StoreMetrics) {
    while let Ok(first) = waiting.recv() {
        let jobs = std::iter::once(first)
            .chain(waiting.try_iter())
            .take(MOST_JOBS);
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
    let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for job in jobs {
        let savepoint = transaction.savepoint()?;
        let done = job(&savepoint);
        answers.push(done.answer);
        if done.ok {
            savepoint.commit()?;
        } else {
            drop(savepoint);
        }
    }
    transaction.commit()
}
