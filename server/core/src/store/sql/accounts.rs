//! Users, invitations and sessions in SQL.

use super::{Engine, Row, Tx, Value};
use crate::{
    access::{DeviceScope, Role},
    store::{
        Accounts, NewInvitation, RequestRecord, Session, StoreError, User, UserChange, token_ended,
    },
    token::TokenDigest,
};
use async_trait::async_trait;
use mdm_contract::time::Timestamp;

const COLUMNS: &str =
    "users.name, users.role, users.scope, users.password, users.totp, users.created_at";

#[async_trait]
impl<E: Engine> Accounts for E {
    async fn users(&self) -> Result<Vec<User>, StoreError> {
        let sql = format!("select {COLUMNS} from users order by name");
        self.query(&sql, &[]).await?.iter().map(user).collect()
    }

    async fn user(&self, name: &str) -> Result<Option<User>, StoreError> {
        let sql = format!("select {COLUMNS} from users where name = $1");
        let rows = self.query(&sql, &[name.into()]).await?;
        rows.first().map(user).transpose()
    }

    async fn add_user(
        &self,
        user: User,
        invitation: NewInvitation,
        audit: RequestRecord,
    ) -> Result<bool, StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                let sql = "insert into users (name, role, scope, password, totp, created_at) \
                           values ($1, $2, $3, $4, $5, $6) on conflict do nothing";
                let values = [
                    user.name.as_str().into(),
                    user.role.as_str().into(),
                    Value::json(&user.scope)?,
                    user.password.into(),
                    user.totp.into(),
                    user.created_at.into(),
                ];
                let added = tx.execute(sql, &values).await?;
                if !tx.audit_if_done(added, audit).await? {
                    return Ok(false);
                }
                let NewInvitation {
                    token,
                    expires_at,
                    audit,
                } = invitation;
                tx.execute(
                    "insert into invitations (token, user_name, expires_at) values ($1, $2, $3)",
                    &[token.into(), user.name.into(), expires_at.into()],
                )
                .await?;
                tx.audit(audit.into()).await?;
                Ok(true)
            })
        })
        .await
    }

    async fn set_role(
        &self,
        name: &str,
        role: Role,
        scope: DeviceScope,
        audit: RequestRecord,
    ) -> Result<UserChange, StoreError> {
        let name = name.to_owned();
        self.write(move |tx| {
            Box::pin(async move {
                let stays = role == Role::Admin && scope == DeviceScope::ALL;
                if !stays && is_last_admin(tx, &name).await? {
                    return Ok(UserChange::LastAdmin);
                }
                let sql = "update users set role = $1, scope = $2 where name = $3";
                let values = [role.as_str().into(), Value::json(&scope)?, name.into()];
                let changed = tx.execute(sql, &values).await?;
                Ok(tx.audit_if_done(changed, audit).await?.into())
            })
        })
        .await
    }

    async fn remove_user(
        &self,
        name: &str,
        audit: RequestRecord,
    ) -> Result<UserChange, StoreError> {
        let name = name.to_owned();
        self.write(move |tx| {
            Box::pin(async move {
                if is_last_admin(tx, &name).await? {
                    return Ok(UserChange::LastAdmin);
                }
                let owned = "delete from api_tokens where owner = $1 returning name";
                let ended = tx.query(owned, &[name.as_str().into()]).await?;
                let sql = "delete from users where name = $1";
                let removed = tx.execute(sql, &[name.as_str().into()]).await?;
                let entry = audit.entry.clone();
                let is_removed = tx.audit_if_done(removed, audit).await?;
                for row in ended {
                    let token: String = row.get("name")?;
                    tx.audit(token_ended(&token, &name, &entry).into()).await?;
                }
                Ok(is_removed.into())
            })
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
        self.write(move |tx| {
            Box::pin(async move {
                let sql = "update users set totp = $1 where name = $2";
                let changed = tx.execute(sql, &[totp.into(), name.into()]).await?;
                tx.audit_if_done(changed, audit).await
            })
        })
        .await
    }

    async fn use_totp(&self, user: &str, number: u64) -> Result<bool, StoreError> {
        let user = user.to_owned();
        self.write(move |tx| {
            Box::pin(async move {
                let sql = "update users set totp_used = $1 where name = $2 and totp_used < $1";
                let used = tx.execute(sql, &[number.into(), user.into()]).await?;
                Ok(used == 1)
            })
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
        self.write(move |tx| {
            Box::pin(async move {
                let sql = "delete from invitations where user_name = $1";
                tx.execute(sql, &[user.as_str().into()]).await?;
                let added = tx
                    .execute(
                        "insert into invitations (token, user_name, expires_at) \
                         select $1, name, $2 from users where name = $3",
                        &[token.into(), expires_at.into(), user.into()],
                    )
                    .await?;
                tx.audit_if_done(added, audit).await
            })
        })
        .await
    }

    async fn invitation(
        &self,
        token: TokenDigest,
        now: Timestamp,
    ) -> Result<Option<String>, StoreError> {
        let sql = "select user_name from invitations where token = $1 and expires_at > $2";
        let rows = self.query(sql, &[token.into(), now.into()]).await?;
        rows.first().map(|row| row.get("user_name")).transpose()
    }

    async fn invited_until(
        &self,
        user: &str,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let sql = "select expires_at from invitations where user_name = $1 and expires_at > $2 \
                   order by expires_at desc limit 1";
        let rows = self.query(sql, &[user.into(), now.into()]).await?;
        rows.first().map(|row| row.get("expires_at")).transpose()
    }

    async fn accept_invitation(
        &self,
        token: TokenDigest,
        password: String,
        audit: RequestRecord,
    ) -> Result<bool, StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                let spent = tx
                    .row(
                        "delete from invitations where token = $1 and expires_at > $2 returning user_name",
                        &[token.into(), audit.entry.at.into()],
                    )
                    .await?;
                let Some(spent) = spent else {
                    return Ok(false);
                };
                let user: String = spent.get("user_name")?;
                let sql = "delete from sessions where user_name = $1";
                tx.execute(sql, &[user.as_str().into()]).await?;
                let sql = "update users set password = $1, totp = null where name = $2";
                let changed = tx.execute(sql, &[password.into(), user.into()]).await?;
                tx.audit_if_done(changed, audit).await
            })
        })
        .await
    }

    async fn open_session(
        &self,
        token: TokenDigest,
        user: &str,
        password: &str,
        created_at: Timestamp,
        audit: RequestRecord,
    ) -> Result<bool, StoreError> {
        let (user, password) = (user.to_owned(), password.to_owned());
        self.write(move |tx| {
            Box::pin(async move {
                let opened = tx
                    .execute(
                        "insert into sessions (token, user_name, created_at, last_used_at) \
                         select $1, name, $2, $2 from users where name = $3 and password = $4",
                        &[
                            token.into(),
                            created_at.into(),
                            user.into(),
                            password.into(),
                        ],
                    )
                    .await?;
                tx.audit_if_done(opened, audit).await
            })
        })
        .await
    }

    async fn session(&self, token: TokenDigest) -> Result<Option<Session>, StoreError> {
        let sql = format!(
            "select {COLUMNS}, sessions.created_at as session_created_at, last_used_at from sessions \
             join users on users.name = sessions.user_name where token = $1"
        );
        let rows = self.query(&sql, &[token.into()]).await?;
        let session = rows.first().map(|row| {
            Ok(Session {
                user: user(row)?,
                created_at: row.get("session_created_at")?,
                last_used_at: row.get("last_used_at")?,
            })
        });
        session.transpose()
    }

    async fn use_session(
        &self,
        token: TokenDigest,
        last_used_at: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "update sessions set last_used_at = $1 where token = $2";
        run(self, sql, [last_used_at.into(), token.into()]).await
    }

    async fn close_session(&self, token: TokenDigest) -> Result<(), StoreError> {
        run(
            self,
            "delete from sessions where token = $1",
            [token.into()],
        )
        .await
    }

    async fn forget_sessions(
        &self,
        created_before: Timestamp,
        last_used_before: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "delete from sessions where created_at < $1 or last_used_at < $2";
        run(self, sql, [created_before.into(), last_used_before.into()]).await
    }
}

/// Writes by one statement.
async fn run<const N: usize>(
    engine: &impl Engine,
    sql: &'static str,
    values: [Value; N],
) -> Result<(), StoreError> {
    engine
        .write(move |tx| {
            Box::pin(async move {
                tx.execute(sql, &values).await?;
                Ok(())
            })
        })
        .await
}

/// Returns `true` if this user is the last one with all permissions who can sign in.
async fn is_last_admin(tx: &mut (dyn Tx + '_), name: &str) -> Result<bool, StoreError> {
    let may_do_everything = "role = 'admin' and scope = 'null'";
    let sql = format!(
        "select 1 from users where name = $1 and {may_do_everything} and not exists \
         (select 1 from users where name <> $1 and password is not null and {may_do_everything})"
    );
    tx.exists(&sql, &[name.into()]).await
}

fn user(row: &Row) -> Result<User, StoreError> {
    Ok(User {
        name: row.get("name")?,
        role: row.parse("role")?,
        scope: row.json("scope")?,
        password: row.get("password")?,
        totp: row.get("totp")?,
        created_at: row.get("created_at")?,
    })
}
