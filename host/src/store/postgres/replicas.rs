//! What replicas tell each other through PostgreSQL, and remember together.

use super::{
    connection::Ask as _,
    messages::{self, Message, TELL},
    pool::{Pool, SETTINGS},
    rows::{number, signed},
};
use crate::store::{CallCount, Changes, Heard, NotTaken, Replicas, StoreError};
use async_trait::async_trait;
use futures_util::future::poll_fn;
use mdm_wire::{
    signature::{LONGEST_AGE, MOST_AHEAD},
    time::{self, Timestamp},
};
use std::{
    sync::{
        Arc, Once,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Mutex, Notify, mpsc},
    time::{sleep, timeout},
};
use tokio_postgres::{AsyncMessage, Client, Connection, Socket};
use uuid::Uuid;

/// Held by the replica that does what is to be done once.
const LEAD: i64 = 0x6d64_6d03;

/// How often a replica tries to take the lead, and sees that it is still connected.
const EVERY: Duration = Duration::from_secs(1);

/// How many rounds pass before what need not be remembered any more is forgotten.
const FORGET_EVERY: u64 = 10;

/// How long nothing may be heard of the database.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a signature is remembered, in seconds.
const REMEMBERED: u64 = LONGEST_AGE + MOST_AHEAD + 1;

/// This host among the replicas.
pub(super) struct Replica {
    pool: Pool,
    /// What messages name it by.
    id: String,
    sender: mpsc::UnboundedSender<Heard>,
    heard: Mutex<mpsc::UnboundedReceiver<Heard>>,
    joined: Once,
    leads: Arc<AtomicBool>,
    leaves: Arc<Notify>,
}

impl Replica {
    pub(super) fn new(pool: Pool) -> Self {
        let (sender, heard) = mpsc::unbounded_channel();
        Self {
            pool,
            id: Uuid::now_v7().to_string(),
            sender,
            heard: Mutex::new(heard),
            joined: Once::new(),
            leads: Arc::default(),
            leaves: Arc::default(),
        }
    }

    /// From now on it is one of the replicas, and may take the lead.
    pub(super) fn join(&self) {
        self.joined.call_once(|| {
            let (sender, leads) = (self.sender.clone(), Arc::clone(&self.leads));
            let listens = listen(self.pool.clone(), self.id.clone(), sender, leads);
            let (leads, leaves) = (Arc::clone(&self.leads), Arc::clone(&self.leaves));
            tokio::spawn(async move {
                tokio::select! {
                    () = listens => {}
                    () = leaves.notified() => leads.store(false, Ordering::Relaxed),
                }
            });
        });
    }

    /// It is not known whether a commit was made. If the database makes it after all, it does so soon.
    pub(super) fn doubt(&self) {
        let sender = self.sender.clone();
        tokio::spawn(async move {
            sleep(EVERY).await;
            // A host that nobody listens for is about to end.
            let _ = sender.send(Heard::Missed);
        });
    }

    /// What the other replicas are told of these changes.
    pub(super) fn messages(&self, changes: &Changes) -> Vec<String> {
        messages::of_changes(&self.id, changes)
    }
}

/// Hears what other replicas do, and takes the lead if nobody has it, again and again.
async fn listen(
    pool: Pool,
    id: String,
    heard: mpsc::UnboundedSender<Heard>,
    leads: Arc<AtomicBool>,
) {
    while !heard.is_closed() {
        let end = match pool.listen().await {
            Ok((client, connection)) => tokio::select! {
                () = drive(connection, &id, &heard) => Ok(()),
                end = lead(&client, &heard, &leads) => end,
            },
            Err(error) => Err(error),
        };
        leads.store(false, Ordering::Relaxed);
        if let Err(error) = end {
            tracing::warn!(%error, "nothing is heard of other replicas");
        }
        sleep(EVERY).await;
    }
}

/// Hands on what is heard, until the connection ends.
async fn drive(
    mut connection: Connection<Socket, super::tls::Stream>,
    id: &str,
    heard: &mpsc::UnboundedSender<Heard>,
) {
    while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
        let AsyncMessage::Notification(notification) = message else {
            continue;
        };
        match serde_json::from_str::<Message<'_>>(notification.payload()) {
            Ok(message) if message.from == id => {}
            Ok(Message { changes, calls, .. }) => {
                let changes = changes.map(Heard::Changes);
                let calls = (!calls.is_empty()).then_some(Heard::Calls(calls));
                for it in changes.into_iter().chain(calls) {
                    // A host that nobody listens for is about to end.
                    let _ = heard.send(it);
                }
            }
            Err(error) => tracing::warn!(%error, "another replica said what this one can't read"),
        }
    }
}

/// Takes the lead if nobody has it, and keeps it for as long as this connection lasts.
async fn lead(
    client: &Client,
    heard: &mpsc::UnboundedSender<Heard>,
    leads: &AtomicBool,
) -> Result<(), StoreError> {
    client.batch_execute(SETTINGS).await?;
    client.batch_execute("listen mdm").await?;
    // What was said before nobody has heard.
    let _ = heard.send(Heard::Missed);
    let late = |_| StoreError::Failed(format!("the database has not answered for {PATIENCE:?}"));
    for round in 0_u64.. {
        if heard.is_closed() {
            break;
        }
        let query = match leads.load(Ordering::Relaxed) {
            true => "select true or $1::bigint is null",
            false => "select pg_try_advisory_lock($1)",
        };
        let answer = timeout(PATIENCE, client.query_one(query, &[&LEAD])).await;
        let has_lead = answer.map_err(late)??.try_get(0)?;
        leads.store(has_lead, Ordering::Relaxed);
        if has_lead && round.is_multiple_of(FORGET_EVERY) {
            let now = time::now();
            let oldest = signed((now / 1000).saturating_sub(REMEMBERED));
            client
                .execute("delete from seen_signatures where created < $1", &[&oldest])
                .await?;
            client
                .execute("delete from contacts where until < $1", &[&signed(now)])
                .await?;
        }
        sleep(EVERY).await;
    }
    Ok(())
}

#[async_trait]
impl Replicas for Replica {
    async fn hear(&self) -> Heard {
        match self.heard.lock().await.recv().await {
            Some(heard) => heard,
            None => std::future::pending().await,
        }
    }

    fn leads(&self) -> bool {
        self.leads.load(Ordering::Relaxed)
    }

    fn leave(&self) {
        self.leaves.notify_one();
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
                        where $3 > (select since from remembers) on conflict do nothing";
            let created = signed(created);
            let rows = reader.write(take, &[&device, &nonce, &created]).await?;
            Ok::<_, StoreError>(rows == 1)
        };
        if taken().await? {
            return Ok(Ok(()));
        }
        // A crash of the database may have emptied the tables: what is signed from now on they remember. Agents may be
        // ahead of it, so what was taken before may be of a time to come.
        let begin = "insert into remembers values (1, extract(epoch from clock_timestamp())::bigint + $1) \
                     on conflict do nothing";
        let ahead = signed(MOST_AHEAD);
        if reader.write(begin, &[&ahead]).await? == 1 && taken().await? {
            return Ok(Ok(()));
        }
        let since = reader.row("select since from remembers", &[]).await?;
        let since: u64 = number(&since, "since")?;
        Ok(Err(match created > since {
            true => NotTaken::Replayed,
            false => NotTaken::Forgotten { sign_at: since + 1 },
        }))
    }

    async fn note_contact(&self, device: &str, until: Timestamp) -> Result<(), StoreError> {
        let reader = self.pool.connection().await?;
        reader
            .write(
                "insert into contacts (device, until) values ($1, $2) \
                 on conflict (device) do update set until = excluded.until",
                &[&device, &signed(until)],
            )
            .await?;
        Ok(())
    }

    async fn tell_calls(&self, calls: Vec<CallCount>) -> Result<(), StoreError> {
        let reader = self.pool.connection().await?;
        for text in messages::of_calls(&self.id, &calls) {
            reader.row(TELL, &[&text]).await?;
        }
        Ok(())
    }
}
