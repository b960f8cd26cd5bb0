//! The connections to PostgreSQL.

use super::{connection::described, schema, tls};
use crate::store::StoreError;
use deadpool_postgres::{
    ClientWrapper, Hook, HookError, Manager, ManagerConfig, Object, PoolError, RecyclingMethod,
    Runtime, Timeouts,
};
use std::{num::NonZeroUsize, path::PathBuf, str::FromStr, time::Duration};
use tokio_postgres::{Client, Config};

/// How long a call waits for a connection, and the host for a new one.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connection on which nothing is heard of the database for so long is broken.
const SILENCE: Duration = Duration::from_secs(15);

/// What every connection begins with: a commit that was answered is durable, nobody waits for ever, and the locks of
/// a host that lost its power or its network are free after [`SILENCE`], not after hours.
pub(super) const SETTINGS: &str = "set synchronous_commit = on; set statement_timeout = '30s'; set lock_timeout = '20s'; \
    set idle_in_transaction_session_timeout = '30s'; set client_min_messages = warning; \
    set tcp_keepalives_idle = 5; set tcp_keepalives_interval = 5; set tcp_keepalives_count = 2; \
    set tcp_user_timeout = '15s'; set client_connection_check_interval = '5s'";

/// The address of a database, such as `postgres://mdm:secret@db.example/mdm?sslmode=require`. It may hold a password, so
/// it is shown nowhere.
#[derive(Clone)]
pub struct PostgresUrl(pub(super) Config);

impl FromStr for PostgresUrl {
    type Err = BadUrl;

    fn from_str(text: &str) -> Result<Self, BadUrl> {
        let config: Config = text
            .parse()
            .map_err(|error: tokio_postgres::Error| BadUrl(described(&error)))?;
        match config.get_hosts() {
            [] => Err(BadUrl("it names no host".into())),
            _ => Ok(Self(config)),
        }
    }
}

/// The address of a database can't be read.
#[derive(Debug, thiserror::Error)]
#[error("the address of a database has the form postgres://user:password@host/database: {0}")]
pub struct BadUrl(String);

/// Where a database is, and how it is spoken to.
#[derive(Clone)]
pub struct PostgresOptions {
    /// Where it is.
    pub url: PostgresUrl,
    /// The certificates of the authorities that may vouch for it; none: those that the system knows.
    pub authorities: Option<PathBuf>,
    /// How many calls it is asked by at once.
    pub connections: usize,
    /// How many calls share a commit at most.
    pub calls_per_commit: NonZeroUsize,
}

/// The connections that nobody uses now, and the way to more.
#[derive(Clone)]
pub(super) struct Pool {
    pool: deadpool_postgres::Pool,
    config: Config,
    tls: tls::Tls,
}

impl Pool {
    /// Connects to nobody yet.
    pub(super) fn new(options: &PostgresOptions) -> Result<Self, StoreError> {
        let PostgresUrl(mut config) = options.url.clone();
        config
            .application_name("mdm-host")
            .connect_timeout(PATIENCE)
            .keepalives_idle(SILENCE / 3)
            .keepalives_interval(SILENCE / 3)
            .keepalives_retries(2)
            .tcp_user_timeout(SILENCE);
        let tls = tls::trusting(options.authorities.as_deref())?;
        let manager = Manager::from_config(
            config.clone(),
            tls.clone(),
            ManagerConfig {
                recycling_method: RecyclingMethod::Fast,
            },
        );
        let settings = Hook::async_fn(|client: &mut ClientWrapper, _| {
            Box::pin(async move {
                client
                    .batch_execute(SETTINGS)
                    .await
                    .map_err(HookError::Backend)
            })
        });
        let pool = deadpool_postgres::Pool::builder(manager)
            .max_size(options.connections)
            .timeouts(Timeouts {
                wait: Some(PATIENCE),
                create: Some(PATIENCE),
                recycle: Some(PATIENCE),
            })
            .runtime(Runtime::Tokio1)
            .post_create(settings)
            .build()
            .map_err(|error| StoreError::Failed(error.to_string()))?;
        Ok(Self { pool, config, tls })
    }

    /// Brings the tables to the newest form.
    pub(super) async fn migrate(&self) -> Result<(), StoreError> {
        let (mut client, connection) = self.config.connect(self.tls.clone()).await?;
        let task = tokio::spawn(connection);
        let migrated = schema::migrate(&mut client).await;
        task.abort();
        migrated
    }

    /// Whether there are no tables of a host yet.
    pub(super) async fn is_empty(&self) -> Result<bool, StoreError> {
        let client = self.connection().await?;
        let query = "select to_regclass('devices') is null";
        Ok(client.query_one(query, &[]).await?.try_get(0)?)
    }

    /// Closes the connections that nobody uses now; no others are made.
    pub(super) fn close(&self) {
        self.pool.close();
    }

    /// A connection, for as long as something is asked.
    pub(super) async fn connection(&self) -> Result<Object, StoreError> {
        self.pool.get().await.map_err(|error| match error {
            PoolError::Timeout(deadpool_postgres::TimeoutType::Wait) => {
                StoreError::Busy(self.pool.status().max_size)
            }
            PoolError::Backend(error) => error.into(),
            PoolError::PostCreateHook(HookError::Backend(error)) => error.into(),
            error => StoreError::Failed(error.to_string()),
        })
    }

    /// A connection for good.
    pub(super) async fn own_connection(&self) -> Result<ClientWrapper, StoreError> {
        Ok(Object::take(self.connection().await?))
    }

    /// A connection that tells what it hears beside what it is asked.
    pub(super) async fn listen(
        &self,
    ) -> Result<
        (
            Client,
            tokio_postgres::Connection<tokio_postgres::Socket, tls::Stream>,
        ),
        StoreError,
    > {
        Ok(self.config.connect(self.tls.clone()).await?)
    }
}
