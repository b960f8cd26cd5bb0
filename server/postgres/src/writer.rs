//! The writer. Jobs that wait together are committed together, each in a savepoint of its own. Each caller gets its
//! result once the commit is durable. Of all replicas, one commits at a time: the audit trail is one chain, and without
//! concurrent writers there is no deadlock.

use super::{
    audit,
    connection::{Connection, Executor as _, Step, silent, values},
    idempotency,
    lease::Fence,
    messages::NOTIFY,
    pool::Pool,
    replicas::Replica,
};
use crate::connection::failed;
use futures_util::future::{BoxFuture, join};
use mdm_server_core::{
    audit::{AuditEntry, Chain},
    metrics::StoreMetrics,
    store::{Changes, Lead, RequestRecord, StoreError},
    supervisor::Supervisor,
};
use parking_lot::{Mutex, MutexGuard};
use std::{
    num::NonZeroUsize,
    ops::Deref,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Timeout for the beginning of a batch, and for its jobs: others wait for it.
const BATCH_TIMEOUT: Duration = Duration::from_secs(10);

/// Timeout of a job, including the batch before its own.
const JOB_TIMEOUT: Duration = Duration::from_secs(15);

/// The lock is held from the beginning of a transaction that writes to its end.
const BEGIN: &str =
    "begin isolation level read committed; select pg_advisory_xact_lock(1835298050)";

/// A job to write.
struct Job {
    /// The lead under which it is written.
    lead: Lead,
    run: Run,
}

/// Runs its part of a transaction, if there is one, and returns the notification for when it is durable.
type Run = Box<dyn FnOnce(Result<Arc<Batch>, StoreError>) -> BoxFuture<'static, Done> + Send>;

/// Gets the result of the commit.
type Reply = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

struct Done {
    ok: bool,
    answer: Reply,
}

/// A transaction, as a job sees it.
pub(super) struct Batch {
    client: Connection,
    state: Mutex<State>,
}

/// The state that a failed job must leave unchanged.
struct State {
    /// The end of the audit trail.
    chain: Chain,
    /// The changes of this job.
    changes: Changes,
}

impl Deref for Batch {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.client
    }
}

impl Batch {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Adds a notification for the other replicas, sent once the change is durable.
    pub(super) fn tell(&self, change: impl FnOnce(&mut Changes)) {
        change(&mut self.state().changes);
    }

    /// The statements that write the record of a request: its line in the audit trail, and its response if it has an
    /// idempotency key.
    pub(super) fn record(&self, record: RequestRecord) -> Vec<Step> {
        let RequestRecord { entry, response } = record;
        let mut steps: Vec<Step> = response
            .map(idempotency::insert)
            .into_iter()
            .flatten()
            .collect();
        steps.push(self.audit_line(entry));
        steps
    }

    fn audit_line(&self, entry: AuditEntry) -> Step {
        let state = &mut *self.state();
        let line = state.chain.next(entry);
        state.chain = Chain {
            number: line.number,
            digest: line.digest,
        };
        audit::insert(line)
    }
}

pub(super) struct Writer {
    /// Dropped before the sender: the task ends when the last sender is dropped.
    _stop: DropGuard,
    jobs: mpsc::UnboundedSender<Job>,
}

impl Writer {
    pub(super) fn start(
        pool: Pool,
        replica: Arc<Replica>,
        most_jobs: NonZeroUsize,
        metrics: StoreMetrics,
        supervisor: &Supervisor,
    ) -> Self {
        let (jobs, waiting) = mpsc::unbounded_channel();
        let stop = CancellationToken::new();
        let batches = Arc::new(Batches {
            pool,
            replica,
            waiting: tokio::sync::Mutex::new(waiting),
            most_jobs: most_jobs.get(),
            metrics,
        });
        supervisor.spawn("store-writer", stop.clone(), move |_| {
            let batches = Arc::clone(&batches);
            async move { batches.write().await }
        });
        Self {
            _stop: stop.drop_guard(),
            jobs,
        }
    }

    /// Runs a job in the next transaction. If it errs, its changes are rolled back, and only its. It runs under the
    /// lead of the task that calls.
    pub(super) async fn run<T, F>(
        &self,
        job: impl FnOnce(Arc<Batch>) -> F + Send + 'static,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let (sender, answer) = oneshot::channel();
        let run: Run = Box::new(move |batch| {
            Box::pin(async move {
                let result = match batch {
                    // Its caller has timed out, and counts it as failed.
                    Ok(_) if sender.is_closed() => Err(silent(JOB_TIMEOUT)),
                    Ok(batch) => job(batch).await,
                    Err(error) => Err(error),
                };
                Done {
                    ok: result.is_ok(),
                    answer: Box::new(move |durable| {
                        // A caller that has gone away wants no answer.
                        let _ = sender.send(result.and_then(|value| durable.map(|()| value)));
                    }),
                }
            })
        });
        let gone = || StoreError::Failed("the write was not carried out (the log says why)".into());
        let lead = Lead::current();
        self.jobs.send(Job { lead, run }).map_err(|_| gone())?;
        match timeout(JOB_TIMEOUT, answer).await {
            Ok(answer) => answer.map_err(|_| gone())?,
            Err(_) => Err(silent(JOB_TIMEOUT)),
        }
    }
}

/// Commits jobs in batches.
struct Batches {
    pool: Pool,
    replica: Arc<Replica>,
    waiting: tokio::sync::Mutex<mpsc::UnboundedReceiver<Job>>,
    most_jobs: usize,
    metrics: StoreMetrics,
}

impl Batches {
    async fn write(&self) {
        let Self {
            pool,
            replica,
            most_jobs,
            metrics,
            ..
        } = self;
        let mut waiting = self.waiting.lock().await;
        let mut kept = None;
        let mut jobs = Vec::new();
        while waiting.recv_many(&mut jobs, *most_jobs).await > 0 {
            let mut answers = Vec::new();
            let started = Instant::now();
            let late = |_| silent(BATCH_TIMEOUT);
            let begun = timeout(BATCH_TIMEOUT, begin(pool, kept.take())).await;
            let committed = match begun.map_err(late).flatten() {
                Ok(batch) => {
                    let jobs = jobs.drain(..);
                    let commit = commit(batch, replica, jobs, &mut answers);
                    let committed = timeout(BATCH_TIMEOUT, commit).await;
                    let committed = committed.map_err(late).flatten();
                    if committed.is_err() {
                        replica.report_unknown_commit();
                    }
                    committed
                }
                Err(error) => {
                    for job in jobs.drain(..) {
                        answers.push((job.run)(Err(error.clone())).await.answer);
                    }
                    Err(error)
                }
            };
            metrics.committed(answers.len(), started.elapsed(), committed.is_ok());
            if let Err(error) = &committed {
                tracing::error!(%error, "a transaction failed");
            }
            for answer in answers {
                answer(committed.as_ref().map(|_| ()).map_err(Clone::clone));
            }
            kept = committed.ok();
        }
    }
}

/// Begins a transaction, alone among all replicas.
async fn begin(pool: &Pool, kept: Option<Connection>) -> Result<Arc<Batch>, StoreError> {
    let begun = async |client: Connection| {
        // The end of the trail is asked for right behind, and read when the lock is held.
        let (begun, chain) = join(client.batch_execute(BEGIN), audit::end(&client)).await;
        begun.map_err(failed)?;
        let state = State {
            chain: chain?,
            changes: Changes::default(),
        };
        Ok::<_, StoreError>(Arc::new(Batch {
            client,
            state: Mutex::new(state),
        }))
    };
    if let Some(client) = kept {
        match begun(client).await {
            Ok(batch) => return Ok(batch),
            // The database may have been restarted since the last transaction: that alone is no failure.
            Err(error) => tracing::info!(%error, "reconnects to the database"),
        }
    }
    begun(pool.connection().await?.owned()).await
}

/// Carries out the jobs and commits them, and gives the connection back. If it errs, the connection is gone, and with
/// it all that was written in it.
async fn commit(
    batch: Arc<Batch>,
    replica: &Replica,
    jobs: impl Iterator<Item = Job>,
    answers: &mut Vec<Reply>,
) -> Result<Connection, StoreError> {
    let mut next = "savepoint job";
    let mut changes = Changes::default();
    let mut fence = Fence::default();
    for Job { lead, run } in jobs {
        let begun = match fence.lets(lead, &**batch).await? {
            true => Ok(Arc::clone(&batch)),
            false => Err(StoreError::NotLeader),
        };
        let before = batch.state().chain.clone();
        // The job's first question is sent right behind it, and needs no answer of it.
        let savepoint = batch.batch_execute(next);
        let (savepoint, done) = join(savepoint, run(begun)).await;
        answers.push(done.answer);
        savepoint.map_err(failed)?;
        next = match done.ok {
            true => "release job; savepoint job",
            false => "rollback to job; release job; savepoint job",
        };
        let state = &mut *batch.state();
        let told = std::mem::take(&mut state.changes);
        match done.ok {
            true => changes.add(told),
            false => state.chain = before,
        }
    }
    if next.starts_with("rollback") {
        batch
            .batch_execute("rollback to job")
            .await
            .map_err(failed)?;
    }
    // Of a transaction that has failed, `commit` would be a rollback that no error tells of; this errs.
    let mut last = vec![Step::new("release job", values![])];
    for text in replica.messages(&changes) {
        last.push(Step::new(NOTIFY, values![text]));
    }
    last.push(Step::new("commit", values![]));
    batch.together(last).await?;
    let batch = Arc::into_inner(batch);
    let gone = || StoreError::Failed("a job outlived its transaction".into());
    Ok(batch.ok_or_else(gone)?.client)
}
