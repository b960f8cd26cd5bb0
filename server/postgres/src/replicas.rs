//! Coordination of replicas through PostgreSQL: notifications, the leader lease, seen signatures and the presence of
//! agents.

use super::{
    connection::{Executor as _, silent},
    lease::Lease,
    messages::{self, Message, NOTIFY},
    pool::{Pool, SETTINGS},
    rows::{number, to_i64},
};
use crate::connection::failed;
use async_trait::async_trait;
use futures_util::future::poll_fn;
use mdm_agent_protocol::signature::{MAX_AGE, MAX_AHEAD};
use mdm_contract::time::{self, Timestamp};
use mdm_server_core::{
    store::{CallCount, Changes, Lead, NotTaken, ReplicaEvent, Replicas, StoreError},
    supervisor::Supervisor,
};
use std::{
    sync::{Arc, Once},
    time::Duration,
};
use tokio::{
    sync::{Mutex, mpsc},
    time::{sleep, timeout},
};
use tokio_postgres::{AsyncMessage, Client, Connection, Socket};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Interval at which a replica renews or tries to take the lease, and checks its connection.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// The number of rounds between cleanups of expired records.
const CLEANUP_INTERVAL: u64 = 10;

/// Timeout of a response: shorter than a lease, so that a leader reconnects before its lease expires.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(3);

/// The time for which a signature is remembered, in seconds.
const REMEMBERED: u64 = MAX_AGE + MAX_AHEAD + 1;

/// This server as one of the replicas.
pub(super) struct Replica {
    pool: Pool,
    /// Its id in messages.
    id: String,
    sender: mpsc::UnboundedSender<ReplicaEvent>,
    heard: Mutex<mpsc::UnboundedReceiver<ReplicaEvent>>,
    joined: Once,
    lease: Arc<Lease>,
    leaves: CancellationToken,
    supervisor: Arc<Supervisor>,
}

impl Replica {
    pub(super) fn new(pool: Pool, supervisor: Arc<Supervisor>) -> Self {
        let (sender, heard) = mpsc::unbounded_channel();
        let id = Uuid::now_v7().to_string();
        Self {
            pool,
            lease: Arc::new(Lease::new(id.clone())),
            id,
            sender,
            heard: Mutex::new(heard),
            joined: Once::new(),
            leaves: CancellationToken::new(),
            supervisor,
        }
    }

    /// Joins the replicas: this server receives their notifications, and may become the leader. Later calls do nothing.
    pub(super) fn join(&self) {
        self.joined.call_once(|| {
            let member = Arc::new(Member {
                pool: self.pool.clone(),
                id: self.id.clone(),
                heard: self.sender.clone(),
                lease: Arc::clone(&self.lease),
                leaves: self.leaves.clone(),
            });
            self.supervisor
                .spawn("replica-lease", self.leaves.clone(), move |_| {
                    let member = Arc::clone(&member);
                    async move { member.listen().await }
                });
        });
    }

    /// Call this if the result of a commit is unknown. Sends `ReplicaEvent::Lagged` after `RETRY_INTERVAL`: a late
    /// commit is visible by then.
    pub(super) fn report_unknown_commit(&self) {
        let sender = self.sender.clone();
        tokio::spawn(async move {
            sleep(RETRY_INTERVAL).await;
            // Without a receiver, the server is about to stop.
            let _ = sender.send(ReplicaEvent::Lagged);
        });
    }

    /// The messages to other replicas about these changes.
    pub(super) fn messages(&self, changes: &Changes) -> Vec<String> {
        messages::of_changes(&self.id, changes)
    }
}

/// The connection of a replica to the others: it receives their notifications, and renews the lease.
struct Member {
    pool: Pool,
    id: String,
    heard: mpsc::UnboundedSender<ReplicaEvent>,
    lease: Arc<Lease>,
    leaves: CancellationToken,
}

impl Member {
    /// Keeps the connection open, and reconnects after an error, until the replica resigns.
    async fn listen(&self) {
        while !self.leaves.is_cancelled() && !self.heard.is_closed() {
            let end = match self.pool.listen().await {
                Ok((client, connection)) => tokio::select! {
                    () = self.drive(connection) => Ok(()),
                    end = self.stay(&client) => end,
                },
                Err(error) => Err(error),
            };
            if let Err(error) = end {
                tracing::warn!(%error, "the connection to other replicas failed");
            }
            self.pause().await;
        }
    }

    /// Forwards notifications until the connection ends.
    async fn drive(&self, mut connection: Connection<Socket, super::tls::Stream>) {
        while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
            let AsyncMessage::Notification(notification) = message else {
                continue;
            };
            match serde_json::from_str::<Message<'_>>(notification.payload()) {
                Ok(message) if message.from == self.id => {}
                Ok(Message { changes, calls, .. }) => {
                    let changes = changes.map(ReplicaEvent::Changes);
                    let calls = (!calls.is_empty()).then_some(ReplicaEvent::Calls(calls));
                    for it in changes.into_iter().chain(calls) {
                        // Without a receiver, the server is about to stop.
                        let _ = self.heard.send(it);
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "a notification of another replica can't be read")
                }
            }
        }
    }

    /// Renews the lease, or takes it when it is free, for as long as the database answers.
    async fn stay(&self, client: &Client) -> Result<(), StoreError> {
        in_time(async { client.batch_execute(SETTINGS).await.map_err(failed) }).await?;
        in_time(async { client.batch_execute("listen mdm").await.map_err(failed) }).await?;
        // Notifications before `listen` were missed.
        let _ = self.heard.send(ReplicaEvent::Lagged);
        for round in 0_u64.. {
            if self.heard.is_closed() {
                break;
            }
            if self.leaves.is_cancelled() {
                return in_time(self.lease.release(client)).await;
            }
            in_time(self.lease.renew(client)).await?;
            if self.lease.lead().is_some() && round.is_multiple_of(CLEANUP_INTERVAL) {
                in_time(forget(client)).await?;
            }
            self.pause().await;
        }
        Ok(())
    }

    /// Waits for the next round, or until it leaves.
    async fn pause(&self) {
        tokio::select! {
            () = sleep(RETRY_INTERVAL) => {}
            () = self.leaves.cancelled() => {}
        }
    }
}

async fn in_time<T>(answer: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    let answer = timeout(STATEMENT_TIMEOUT, answer).await;
    answer.unwrap_or_else(|_| Err(silent(STATEMENT_TIMEOUT)))
}

/// Deletes signatures that are too old to be accepted, and expired rows of `presence`.
async fn forget(client: &Client) -> Result<(), StoreError> {
    let now = time::now();
    let oldest = to_i64((now / 1000).saturating_sub(REMEMBERED));
    let old = "delete from seen_signatures where created < $1";
    client.execute(old, &[&oldest]).await.map_err(failed)?;
    let gone = "delete from presence where until < $1";
    client
        .execute(gone, &[&to_i64(now)])
        .await
        .map_err(failed)?;
    Ok(())
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.leaves.cancel();
    }
}

#[async_trait]
impl Replicas for Replica {
    async fn recv(&self) -> ReplicaEvent {
        match self.heard.lock().await.recv().await {
            Some(heard) => heard,
            None => std::future::pending().await,
        }
    }

    fn lead(&self) -> Option<Lead> {
        self.lease.lead()
    }

    fn resign(&self) {
        self.leaves.cancel();
    }

    async fn take_signature(
        &self,
        device: &str,
        nonce: &str,
        created: u64,
    ) -> Result<Result<(), NotTaken>, StoreError> {
        let reader = self.pool.connection().await?;
        let taken = async || {
            let take = "insert into seen_signatures (device, nonce, created) select $1, $2, $3 \
                        where $3 > (select since from nonce_epoch) on conflict do nothing";
            let created = to_i64(created);
            let rows = reader.write(take, &[&device, &nonce, &created]).await?;
            Ok::<_, StoreError>(rows == 1)
        };
        if taken().await? {
            return Ok(Ok(()));
        }
        // PostgreSQL empties these unlogged tables after a crash. A new epoch then starts: signatures created before it
        // are rejected, because they may be replays. The epoch starts `MAX_AHEAD` in the future, because a signature
        // accepted before the crash can have a timestamp up to `MAX_AHEAD` ahead.
        let begin = "insert into nonce_epoch values (1, extract(epoch from clock_timestamp())::bigint + $1) \
                     on conflict do nothing";
        let ahead = to_i64(MAX_AHEAD);
        if reader.write(begin, &[&ahead]).await? == 1 && taken().await? {
            return Ok(Ok(()));
        }
        let since = reader.row("select since from nonce_epoch", &[]).await?;
        let since: u64 = number(&since, "since")?;
        Ok(Err(match created > since {
            true => NotTaken::Replayed,
            false => NotTaken::Forgotten { sign_at: since + 1 },
        }))
    }

    async fn note_presence(&self, device: &str, until: Timestamp) -> Result<(), StoreError> {
        let reader = self.pool.connection().await?;
        reader
            .write(
                "insert into presence (device, until) values ($1, $2) \
                 on conflict (device) do update set until = excluded.until",
                &[&device, &to_i64(until)],
            )
            .await?;
        Ok(())
    }

    async fn notify_call_counts(&self, calls: Vec<CallCount>) -> Result<(), StoreError> {
        let reader = self.pool.connection().await?;
        for text in messages::of_calls(&self.id, &calls) {
            reader.row(NOTIFY, &[&text]).await?;
        }
        Ok(())
    }
}
