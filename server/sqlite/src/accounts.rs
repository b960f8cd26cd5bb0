//! Users and sessions in SQLite.

use super::{SqliteStore, audit, rows};
use crate::error::Error;
use async_trait::async_trait;
use mdm_contract::time::Timestamp;
use mdm_server_core::{
    access::{Reach, Role},
    store::{
        Accounts, NewInvitation, RequestRecord, Session, StoreError, User, UserChange, token_ended,
    },
    token::TokenDigest,
};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

const USER_COLUMNS: &str = "name, role, reach, password, totp, created_at";

#[async_trait]
impl Accounts for SqliteStore {
    async fn users(&self) -> Result<Vec<User>, StoreError> {
        self.read(|connection| {
            let query = format!("select {USER_COLUMNS} from users order by name");
            let mut query = connection.prepare_cached(&query)?;
            let users = query.query_map([], user)?;
            Ok(users.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn user(&self, name: &str) -> Result<Option<User>, StoreError> {
        let name = name.to_owned();
        self.read(move |connection| {
            let query = format!("select {USER_COLUMNS} from users where name = ?");
            let mut query = connection.prepare_cached(&query)?;
            Ok(query.query_row([name], user).optional()?)
        })
        .await
    }

    async fn add_user(
        &self,
        user: User,
        invitation: NewInvitation,
        audit: RequestRecord,
    ) -> Result<bool, StoreError> {
        self.writer
            .run(move |connection| {
                let added = connection.execute(
                    "insert or ignore into users (name, role, reach, password, totp, created_at) \
                     values (?, ?, ?, ?, ?, ?)",
                    params![
                        user.name,
                        user.role.word(),
                        rows::to_json(&user.reach)?,
                        user.password,
                        user.totp,
                        user.created_at
                    ],
                )?;
                if !audit::write_if_done(connection, added, &audit)? {
                    return Ok(false);
                }
                connection.execute(
                    "insert into invitations (token, user, expires_at) values (?, ?, ?)",
                    params![invitation.token, user.name, invitation.expires_at],
                )?;
                audit::write(connection, &invitation.audit.into())?;
                Ok(true)
            })
            .await
    }

    async fn set_role(
        &self,
        name: &str,
        role: Role,
        reach: Reach,
        audit: RequestRecord,
    ) -> Result<UserChange, StoreError> {
        let name = name.to_owned();
        self.writer
            .run(move |connection| {
                let stays = role == Role::Admin && reach == Reach::ALL;
                if !stays && is_last_admin(connection, &name)? {
                    return Ok(UserChange::LastAdmin);
                }
                let changed = connection.execute(
                    "update users set role = ?, reach = ? where name = ?",
                    params![role.word(), rows::to_json(&reach)?, name],
                )?;
                Ok(audit::write_if_done(connection, changed, &audit)?.into())
            })
            .await
    }

    async fn remove_user(
        &self,
        name: &str,
        audit: RequestRecord,
    ) -> Result<UserChange, StoreError> {
        let name = name.to_owned();
        self.writer
            .run(move |connection| {
                if is_last_admin(connection, &name)? {
                    return Ok(UserChange::LastAdmin);
                }
                let ended = connection
                    .prepare("delete from api_tokens where owner = ? returning name")?
                    .query_map([&name], |row| row.get(0))?
                    .collect::<Result<Vec<String>, _>>()?;
                let removed = connection.execute("delete from users where name = ?", [&name])?;
                let is_removed = audit::write_if_done(connection, removed, &audit)?;
                for token in ended {
                    let entry = token_ended(&token, &name, &audit.entry);
                    audit::write(connection, &entry.into())?;
                }
                Ok(is_removed.into())
            })
            .await
    }

    async fn set_totp(
        &self,
        name: &str,
        totp: Option<Vec<u8>>,
        audit: RequestRecord,
    ) -> Result<bool, StoreError> {
        let name = name.to_owned();
        self.writer
            .run(move |connection| {
                let changed = connection.execute(
                    "update users set totp = ? where name = ?",
                    params![totp, name],
                )?;
                audit::write_if_done(connection, changed, &audit)
            })
            .await
    }

    async fn use_totp(&self, user: &str, number: u64) -> Result<bool, StoreError> {
        let user = user.to_owned();
        self.writer
            .run(move |connection| {
                let used = connection.execute(
                    "update users set totp_used = ?1 where name = ?2 and totp_used < ?1",
                    params![number, user],
                )?;
                Ok(used == 1)
            })
            .await
    }

    async fn add_invitation(
        &self,
        token: TokenDigest,
        user: &str,
        expires_at: Timestamp,
        audit: RequestRecord,
    ) -> Result<bool, StoreError> {
        let user = user.to_owned();
        self.writer
            .run(move |connection| {
                connection.execute("delete from invitations where user = ?", [&user])?;
                let added = connection.execute(
                    "insert into invitations (token, user, expires_at) \
                     select ?, name, ? from users where name = ?",
                    params![token, expires_at, user],
                )?;
                audit::write_if_done(connection, added, &audit)
            })
            .await
    }

    async fn invitation(
        &self,
        token: TokenDigest,
        now: Timestamp,
    ) -> Result<Option<String>, StoreError> {
        self.read(move |connection| {
            let mut query = connection.prepare_cached(
                "select user from invitations where token = ? and expires_at > ?",
            )?;
            Ok(query
                .query_row(params![token, now], |row| row.get(0))
                .optional()?)
        })
        .await
    }

    async fn invited_until(
        &self,
        user: &str,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let user = user.to_owned();
        self.read(move |connection| {
            let mut query = connection.prepare_cached(
                "select max(expires_at) from invitations where user = ? and expires_at > ?",
            )?;
            Ok(query.query_row(params![user, now], |row| row.get(0))?)
        })
        .await
    }

    async fn accept_invitation(
        &self,
        token: TokenDigest,
        password: String,
        audit: RequestRecord,
    ) -> Result<bool, StoreError> {
        self.writer
            .run(move |connection| {
                let user: Option<String> = connection
                    .query_row(
                        "delete from invitations where token = ? and expires_at > ? returning user",
                        params![token, audit.entry.at],
                        |row| row.get(0),
                    )
                    .optional()?;
                let Some(user) = user else {
                    return Ok(false);
                };
                connection.execute("delete from sessions where user = ?", [&user])?;
                let changed = connection.execute(
                    "update users set password = ?, totp = null where name = ?",
                    params![password, user],
                )?;
                audit::write_if_done(connection, changed, &audit)
            })
            .await
    }

    async fn open_session(
        &self,
        token: TokenDigest,
        user: &str,
        password: &str,
        began: Timestamp,
        audit: RequestRecord,
    ) -> Result<bool, StoreError> {
        let (user, password) = (user.to_owned(), password.to_owned());
        self.writer
            .run(move |connection| {
                let opened = connection.execute(
                    "insert into sessions (token, user, began, used) \
                     select ?, name, ?, ? from users where name = ? and password = ?",
                    params![token, began, began, user, password],
                )?;
                audit::write_if_done(connection, opened, &audit)
            })
            .await
    }

    async fn session(&self, token: TokenDigest) -> Result<Option<Session>, StoreError> {
        self.read(move |connection| {
            let query = format!(
                "select {USER_COLUMNS}, began, used from sessions \
                 join users on users.name = sessions.user where token = ?"
            );
            let mut query = connection.prepare_cached(&query)?;
            let session = query.query_row([token], |row| {
                Ok(Session {
                    user: user(row)?,
                    began: row.get("began")?,
                    used: row.get("used")?,
                })
            });
            Ok(session.optional()?)
        })
        .await
    }

    async fn use_session(&self, token: TokenDigest, used: Timestamp) -> Result<(), StoreError> {
        self.writer
            .run(move |connection| {
                connection
                    .prepare_cached("update sessions set used = ? where token = ?")?
                    .execute(params![used, token])?;
                Ok(())
            })
            .await
    }

    async fn close_session(&self, token: TokenDigest) -> Result<(), StoreError> {
        self.writer
            .run(move |connection| {
                connection.execute("delete from sessions where token = ?", [token])?;
                Ok(())
            })
            .await
    }

    async fn forget_sessions(
        &self,
        began_before: Timestamp,
        used_before: Timestamp,
    ) -> Result<(), StoreError> {
        self.writer
            .run(move |connection| {
                connection.execute(
                    "delete from sessions where began < ? or used < ?",
                    params![began_before, used_before],
                )?;
                Ok(())
            })
            .await
    }
}

/// Whether this user may do everything, and nobody else who can sign in may: somebody has to be able to let others in.
fn is_last_admin(connection: &Connection, name: &str) -> Result<bool, Error> {
    let may_do_everything = "role = 'admin' and reach = 'null'";
    let query = format!(
        "select exists (select 1 from users where name = ?1 and {may_do_everything}) and not exists \
         (select 1 from users where name <> ?1 and password is not null and {may_do_everything})"
    );
    Ok(connection.query_row(&query, [name], |row| row.get(0))?)
}

fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        name: row.get("name")?,
        role: rows::word(row, "role")?,
        reach: rows::json(row, "reach")?,
        password: row.get("password")?,
        totp: row.get("totp")?,
        created_at: row.get("created_at")?,
    })
}
