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

/// What the writer's thread is sent.
enum Order {
    Run(Job),
    /// Ends the thread, which tells how that went.
    Close(oneshot::Sender<Result<(), StoreError>>),
}

pub(super) struct Writer {
    orders: Sender<Order>,
}

impl Writer {
    pub(super) fn start(
        connection: Connection,
        most_jobs: usize,
        metrics: StoreMetrics,
    ) -> Result<Self, StoreError> {
        let (orders, waiting) = channel();
        thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || write(connection, &waiting, most_jobs, &metrics))
            .map_err(|error| StoreError::Failed(error.to_string()))?;
        Ok(Self { orders })
    }

    /// Commits the jobs that wait, writes the log back into the database's file, and closes the connection.
    pub(super) async fn close(&self) -> Result<(), StoreError> {
        let (sender, answer) = oneshot::channel();
        self.orders.send(Order::Close(sender)).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
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
        self.orders.send(Order::Run(job)).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

/// The error of a call whose job the writer's thread did not run to its end.
fn gone() -> StoreError {
    StoreError::Failed("the write was not carried out (the log says why)".into())
}

fn write(
    mut connection: Connection,
    waiting: &Receiver<Order>,
    most_jobs: usize,
    metrics: &StoreMetrics,
) {
    let mut closing = None;
    while closing.is_none()
        && let Ok(first) = waiting.recv()
    {
        let first = match first {
            Order::Run(job) => job,
            Order::Close(done) => {
                closing = Some(done);
                break;
            }
        };
        let others = waiting.try_iter().map_while(|order| match order {
            Order::Run(job) => Some(job),
            Order::Close(done) => {
                closing = Some(done);
                None
            }
        });
        let jobs = std::iter::once(first).chain(others).take(most_jobs);
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
    let closed = close(connection);
    if let Some(done) = closing {
        // The caller may not wait any longer.
        let _ = done.send(closed);
    }
}

/// Writes the log back into the database's file, and empties it.
fn close(connection: Connection) -> Result<(), StoreError> {
    let checkpoint = "pragma wal_checkpoint(truncate)";
    let is_busy: bool = connection.query_row(checkpoint, [], |row| row.get(0))?;
    connection.close().map_err(|(_, error)| error)?;
    match is_busy {
        false => Ok(()),
        true => Err(StoreError::Failed(
            "another process reads the database, so its log could not be written back into its file: copy both, or \
             make a copy by `mdm-host backup`"
                .into(),
        )),
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
