//! The writer thread, with group commit: waiting jobs are committed together, each in its own savepoint. Each caller
//! gets its result once the commit of its job is durable.
//!
//! A commit takes the jobs that wait at its beginning and those that arrive before its last job is done. So a job waits
//! for the previous commit and for the jobs of its own, whose number is bounded: 256 of some 50 µs each are about 15
//! ms, and there are two syncs of the disk.

use crate::error::Error;
use mdm_server_core::{metrics::StoreMetrics, store::StoreError, supervisor::Supervisor};
use parking_lot::Mutex;
use rusqlite::Connection;
use std::{
    sync::mpsc::{Receiver, Sender, channel},
    time::Instant,
};
use tokio::sync::oneshot;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Runs its part of a transaction, and returns the notification for when it is durable.
type Job = Box<dyn FnOnce(&mut Connection) -> Done + Send>;

/// Gets the result of the commit.
type Reply = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

struct Done {
    ok: bool,
    answer: Reply,
}

/// DeviceInfo how the end of the writer's thread went.
type Closing = oneshot::Sender<Result<(), StoreError>>;

/// A message to the writer's thread.
enum Order {
    Run(Job),
    /// Ends the thread.
    Close(Closing),
}

pub(super) struct Writer {
    /// Dropped before the sender: the thread ends when the last sender is dropped.
    _stop: DropGuard,
    orders: Sender<Order>,
}

impl Writer {
    pub(super) fn start(
        connection: Connection,
        most_jobs: usize,
        metrics: StoreMetrics,
        supervisor: &Supervisor,
    ) -> Result<Self, Error> {
        let (orders, waiting) = channel();
        let stop = CancellationToken::new();
        let ends = stop.clone();
        let open = Mutex::new((Some(connection), waiting));
        let task = move || {
            let (kept, waiting) = &mut *open.lock();
            let Some(connection) = kept else {
                return;
            };
            let closing = write(connection, waiting, most_jobs, &metrics);
            ends.cancel();
            let closed = kept.take().map_or(Ok(()), close).map_err(StoreError::from);
            if let Some(done) = closing {
                // The caller may not wait any longer.
                let _ = done.send(closed);
            }
        };
        supervisor
            .spawn_thread("store-writer", stop.clone(), task)
            .map_err(|error| StoreError::Failed(error.to_string()))?;
        Ok(Self {
            _stop: stop.drop_guard(),
            orders,
        })
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
        job: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.run_exclusively(|connection| job(connection)).await
    }

    /// The same, for a job with exclusive use of the connection.
    pub(super) async fn run_exclusively<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, answer) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let result = job(connection);
            Done {
                ok: result.is_ok(),
                answer: Box::new(move |durable| {
                    // A caller that has gone away wants no answer.
                    let _ = sender.send(
                        result
                            .map_err(StoreError::from)
                            .and_then(|value| durable.map(|()| value)),
                    );
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

/// Commits jobs until the store is closed or all senders are gone. Returns the caller that waits for the end.
fn write(
    connection: &mut Connection,
    waiting: &Receiver<Order>,
    most_jobs: usize,
    metrics: &StoreMetrics,
) -> Option<Closing> {
    // A job that panicked may have left its transaction open.
    roll_back(connection);
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
        let started = Instant::now();
        let committed = commit(connection, jobs, &mut answers)
            .map_err(|error| StoreError::from(Error::from(error)));
        metrics.committed(answers.len(), started.elapsed(), committed.is_ok());
        if let Err(error) = &committed {
            tracing::error!(%error, "a transaction failed");
        }
        for answer in answers {
            answer(committed.clone());
        }
    }
    closing
}

/// Writes the log back into the database's file, and empties it.
fn close(connection: Connection) -> Result<(), Error> {
    let checkpoint = "pragma wal_checkpoint(truncate)";
    let is_busy: bool = connection.query_row(checkpoint, [], |row| row.get(0))?;
    connection.close().map_err(|(_, error)| error)?;
    match is_busy {
        false => Ok(()),
        true => Err(StoreError::Failed(
            "another process reads the database, so its log could not be written back into its file: copy both, or \
             make a copy by `mdm-server backup`"
                .into(),
        )
        .into()),
    }
}

fn commit(
    connection: &mut Connection,
    jobs: impl Iterator<Item = Job>,
    answers: &mut Vec<Reply>,
) -> rusqlite::Result<()> {
    let committed = run_and_commit(connection, jobs, answers);
    if committed.is_err() {
        roll_back(connection);
    }
    committed
}

fn run_and_commit(
    connection: &mut Connection,
    jobs: impl Iterator<Item = Job>,
    answers: &mut Vec<Reply>,
) -> rusqlite::Result<()> {
    run(connection, "begin immediate")?;
    for job in jobs {
        run(connection, "savepoint job")?;
        let done = job(connection);
        answers.push(done.answer);
        if !done.ok {
            run(connection, "rollback to job")?;
        }
        run(connection, "release job")?;
    }
    run(connection, "commit")?;
    Ok(())
}

/// Statements are kept: one of rusqlite's own would be parsed anew for each job.
fn run(connection: &Connection, sql: &str) -> rusqlite::Result<usize> {
    connection.prepare_cached(sql)?.execute([])
}

/// Rolls a failed transaction back, if one is open.
fn roll_back(connection: &Connection) {
    if !connection.is_autocommit()
        && let Err(error) = connection.execute_batch("rollback")
    {
        tracing::error!(%error, "a transaction was not rolled back");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_job_that_panics_fails_alone_and_the_next_one_is_written() {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch("create table t (n integer)")
            .unwrap();
        let supervisor = Supervisor::default();
        let metrics = StoreMetrics::default();
        let writer = Writer::start(connection, 8, metrics, &supervisor).unwrap();
        let panics = writer.run::<()>(|connection| {
            connection.execute_batch("insert into t values (1)")?;
            panic!("in a job")
        });
        assert!(matches!(panics.await, Err(StoreError::Failed(_))));
        let next = writer.run(|connection| {
            connection.execute_batch("insert into t values (2)")?;
            Ok(connection.query_row("select sum(n) from t", [], |row| row.get::<_, i64>(0))?)
        });
        assert_eq!(next.await.unwrap(), 2);
        assert!(supervisor.failing().is_empty());
    }
}
