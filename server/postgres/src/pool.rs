//! The connections to PostgreSQL.

use super::{
    connection::{Connection, Silence, described, silent},
    schema, tls,
};
use crate::connection::failed;
use crate::rows::Columns as _;
use deadpool_postgres::{
    ClientWrapper, Hook, HookError, Manager, ManagerConfig, PoolError, RecyclingMethod, Runtime,
    Timeouts,
};
use mdm_server_core::store::{Busy, StoreError};
use std::{num::NonZeroUsize, path::PathBuf, str::FromStr, time::Duration};
use tokio::time::timeout;
use tokio_postgres::{Client, Config};

/// Timeout for a connection of the pool, and for a new one, including its login and settings.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Timeout of the migrations at a start. They wait for rows, not for other servers.
const MIGRATION_TIMEOUT: Duration = Duration::from_secs(600);

/// Timeout of silence, after which a connection is broken.
const SILENCE: Duration = Duration::from_secs(15);

/// The settings of every connection: an acknowledged commit is durable, and no statement waits without a bound. A
/// server that freezes within a transaction keeps its locks for `idle_in_transaction_session_timeout`; one that lost
/// its power or its network keeps them for [`SILENCE`], not for hours.
pub(super) const SETTINGS: &str = "set synchronous_commit = on; set statement_timeout = '8s'; set lock_timeout = '5s'; \
    set idle_in_transaction_session_timeout = '3s'; set client_min_messages = warning; \
    set tcp_keepalives_idle = 5; set tcp_keepalives_interval = 5; set tcp_keepalives_count = 2; \
    set tcp_user_timeout = '15s'; set client_connection_check_interval = '2s'";

/// The address of a database, such as `postgres://mdm:secret@db.example/mdm?sslmode=require`. It may hold a password,
/// so it is shown nowhere.
#[derive(Clone)]
pub struct PostgresUrl(pub(super) Config);

impl FromStr for PostgresUrl {
    type Err = BadUrl;

    fn from_str(text: &str) -> Result<Self, BadUrl> {
        let config: Config = text
            .parse()
            .map_err(|error: tokio_postgres::Error| BadUrl(unreadable(&error)))?;
        match config.get_hosts() {
            [] => Err(BadUrl("it names no host".into())),
            _ => Ok(Self(config)),
        }
    }
}

/// Why an address can't be read. Other programs know more values of `sslmode`.
fn unreadable(error: &tokio_postgres::Error) -> String {
    let reason = described(error);
    match reason.contains("sslmode") {
        true => format!(
            "{reason}. sslmode is disable, prefer or require; with require, the server's certificate and name are \
             checked as other programs do with verify-full"
        ),
        false => reason,
    }
}

/// The address of a database can't be read.
#[derive(Debug, thiserror::Error)]
#[error(
    "the address of a database has the form postgres://user:password@host/database, or, by a Unix socket, \
     postgres:///database?user=mdm&host=/var/run/postgresql: {0}"
)]
pub struct BadUrl(String);

/// The options of a database connection.
#[derive(Clone)]
pub struct PostgresOptions {
    /// The URL of the database.
    pub url: PostgresUrl,
    /// The certificates of its authorities. Without any, those that the system trusts.
    pub authorities: Option<PathBuf>,
    /// The size of the pool.
    pub connections: usize,
    /// Maximum number of jobs per commit.
    pub calls_per_commit: NonZeroUsize,
}

/// The pool of idle connections.
#[derive(Clone)]
pub(super) struct Pool {
    pool: deadpool_postgres::Pool,
    config: Config,
    tls: tls::Tls,
    silence: Silence,
}

impl Pool {
    /// An empty pool, without connections yet.
    pub(super) fn new(options: &PostgresOptions) -> Result<Self, StoreError> {
        let PostgresUrl(mut config) = options.url.clone();
        config
            .application_name("mdm-server")
            .connect_timeout(CONNECT_TIMEOUT)
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
                match timeout(CONNECT_TIMEOUT, client.batch_execute(SETTINGS)).await {
                    Ok(set) => set.map_err(HookError::Backend),
                    Err(_) => Err(HookError::message(silent(CONNECT_TIMEOUT).to_string())),
                }
            })
        });
        let silence = Silence::default();
        let is_heard = {
            let silence = silence.clone();
            Hook::sync_fn(move |_: &mut ClientWrapper, metrics| {
                match silence.covers(metrics.recycled.unwrap_or(metrics.created)) {
                    true => Err(HookError::message("the database did not answer in time")),
                    false => Ok(()),
                }
            })
        };
        let pool = deadpool_postgres::Pool::builder(manager)
            .max_size(options.connections)
            .timeouts(Timeouts {
                wait: Some(CONNECT_TIMEOUT),
                create: Some(CONNECT_TIMEOUT),
                recycle: Some(CONNECT_TIMEOUT),
            })
            .runtime(Runtime::Tokio1)
            .post_create(settings)
            .pre_recycle(is_heard)
            .build()
            .map_err(|error| StoreError::Failed(error.to_string()))?;
        Ok(Self {
            pool,
            config,
            tls,
            silence,
        })
    }

    /// Brings the tables to the newest form.
    pub(super) async fn migrate(&self) -> Result<(), StoreError> {
        let (mut client, connection) = self.listen().await?;
        let task = tokio::spawn(connection);
        let migrated = timeout(MIGRATION_TIMEOUT, async {
            // Another server may be migrating. The timeout makes this one log that, and try again.
            client
                .batch_execute("set lock_timeout = '5s'")
                .await
                .map_err(failed)?;
            schema::migrate(&mut client).await
        })
        .await;
        task.abort();
        migrated.unwrap_or_else(|_| Err(silent(MIGRATION_TIMEOUT)))
    }

    /// Returns `true` if there are no tables of a server yet.
    pub(super) async fn is_empty(&self) -> Result<bool, StoreError> {
        let client = self.connection().await?;
        let query = "select to_regclass('devices') is null";
        client
            .query_one(query, &[])
            .await
            .map_err(failed)?
            .column(0)
    }

    /// Closes the idle connections, and makes no more.
    pub(super) fn close(&self) {
        self.pool.close();
    }

    /// A connection for the time of a query.
    pub(super) async fn connection(&self) -> Result<Connection, StoreError> {
        self.connection_within(CONNECT_TIMEOUT).await
    }

    /// The same, for a caller that waits for a free one no longer than this.
    pub(super) async fn connection_within(&self, wait: Duration) -> Result<Connection, StoreError> {
        let timeouts = Timeouts {
            wait: Some(wait),
            ..self.pool.timeouts()
        };
        let got = self.pool.timeout_get(&timeouts).await;
        let object = got.map_err(|error| match error {
            PoolError::Timeout(deadpool_postgres::TimeoutType::Wait) => {
                StoreError::Busy(Busy::Connections(self.pool.status().max_size))
            }
            PoolError::Timeout(_) => silent(CONNECT_TIMEOUT),
            PoolError::Backend(error) => failed(error),
            PoolError::PostCreateHook(HookError::Backend(error)) => failed(error),
            error => StoreError::Failed(error.to_string()),
        })?;
        Ok(Connection::pooled(object, self.silence.clone()))
    }

    /// A connection that also receives notifications.
    pub(super) async fn listen(
        &self,
    ) -> Result<
        (
            Client,
            tokio_postgres::Connection<tokio_postgres::Socket, tls::Stream>,
        ),
        StoreError,
    > {
        let connected = timeout(CONNECT_TIMEOUT, self.config.connect(self.tls.clone())).await;
        connected
            .map_err(|_| silent(CONNECT_TIMEOUT))?
            .map_err(failed)
    }
}
