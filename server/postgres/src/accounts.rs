//! Users and sessions in PostgreSQL.

use super::{
    PostgresStore,
    connection::Ask as _,
    rows::{self, number, optional_number, signed},
    writer::Batch,
};
use crate::rows::Columns as _;
use async_trait::async_trait;
use mdm_contract::time::Timestamp;
use mdm_server_core::{
    access::{Reach, Role},
    store::{
        Accounts, NewInvitation, RequestRecord, Session, StoreError, User, UserChange, token_ended,
    },
    token::TokenDigest,
};
use tokio_postgres::Row;

const USER_COLUMNS: &str = "name, role, reach, password, totp, created_at";

#[async_trait]
impl Accounts for PostgresStore {
    async fn users(&self) -> Result<Vec<User>, StoreError> {
        let query = format!("select {USER_COLUMNS} from users order by name");
        let rows = self.reader().await?.rows(&query, &[]).await?;
        rows.iter().map(user).collect()
    }

    async fn user(&self, name: &str) -> Result<Option<User>, StoreError> {
        let query = format!("select {USER_COLUMNS} from users where name = $1");
        let row = self.reader().await?.row_if_any(&query, &[&name]).await?;
        row.as_ref().map(user).transpose()
    }

    async fn add_user(
        &self,
        user: User,
        invitation: NewInvitation,
        audit: RequestRecord,
    ) -> Result<bool, StoreError> {
        self.writer
            .run(move |batch| async move {
                let added = batch
                    .write(
                        "insert into users (name, role, reach, password, totp, created_at) \
                         values ($1, $2, $3, $4, $5, $6) on conflict do nothing",
                        &[
                            &user.name,
                            &user.role.word(),
                            &rows::to_json(&user.reach)?,
                            &user.password,
                            &user.totp,
                            &signed(user.created_at),
                        ],
                    )
                    .await?;
                if !batch.audit_if_done(added, audit).await? {
                    return Ok(false);
                }
                batch
                    .write(
                        "insert into invitations (token, user_name, expires_at) values ($1, $2, $3)",
                        &[
                            &&invitation.token[..],
                            &user.name,
                            &signed(invitation.expires_at),
                        ],
                    )
                    .await?;
                batch.audit(invitation.audit.into()).await?;
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
            .run(move |batch| async move {
                let stays = role == Role::Admin && reach == Reach::ALL;
                if !stays && is_last_admin(&batch, &name).await? {
                    return Ok(UserChange::LastAdmin);
                }
                let changed = batch
                    .write(
                        "update users set role = $1, reach = $2 where name = $3",
                        &[&role.word(), &rows::to_json(&reach)?, &name],
                    )
                    .await?;
                Ok(batch.audit_if_done(changed, audit).await?.into())
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
            .run(move |batch| async move {
                if is_last_admin(&batch, &name).await? {
                    return Ok(UserChange::LastAdmin);
                }
                let ended = batch
                    .rows(
                        "delete from api_tokens where owner = $1 returning name",
                        &[&name],
                    )
                    .await?;
                let removed = batch
                    .write("delete from users where name = $1", &[&name])
                    .await?;
                let entry = audit.entry.clone();
                let is_removed = batch.audit_if_done(removed, audit).await?;
                for row in ended {
                    let token: String = row.column(0)?;
                    let ended = token_ended(&token, &name, &entry);
                    batch.audit(ended.into()).await?;
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
            .run(move |batch| async move {
                let set = "update users set totp = $1 where name = $2";
                let changed = batch.write(set, &[&totp, &name]).await?;
                batch.audit_if_done(changed, audit).await
            })
            .await
    }

    async fn use_totp(&self, user: &str, number: u64) -> Result<bool, StoreError> {
        let user = user.to_owned();
        self.writer
            .run(move |batch| async move {
                let used = batch
                    .write(
                        "update users set totp_used = $1 where name = $2 and totp_used < $1",
                        &[&signed(number), &user],
                    )
                    .await?;
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
            .run(move |batch| async move {
                batch
                    .write("delete from invitations where user_name = $1", &[&user])
                    .await?;
                let added = batch
                    .write(
                        "insert into invitations (token, user_name, expires_at) \
                         select $1, name, $2 from users where name = $3",
                        &[&&token[..], &signed(expires_at), &user],
                    )
                    .await?;
                batch.audit_if_done(added, audit).await
            })
            .await
    }

    async fn invitation(
        &self,
        token: TokenDigest,
        now: Timestamp,
    ) -> Result<Option<String>, StoreError> {
        let reader = self.reader().await?;
        let row = reader
            .row_if_any(
                "select user_name from invitations where token = $1 and expires_at > $2",
                &[&&token[..], &signed(now)],
            )
            .await?;
        Ok(row.map(|row| row.column(0)).transpose()?)
    }

    async fn invited_until(
        &self,
        user: &str,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let reader = self.reader().await?;
        let row = reader
            .row(
                "select max(expires_at) as until from invitations where user_name = $1 and expires_at > $2",
                &[&user, &signed(now)],
            )
            .await?;
        optional_number(&row, "until")
    }

    async fn accept_invitation(
        &self,
        token: TokenDigest,
        password: String,
        audit: RequestRecord,
    ) -> Result<bool, StoreError> {
        self.writer
            .run(move |batch| async move {
                let spent = batch
                    .row_if_any(
                        "delete from invitations where token = $1 and expires_at > $2 returning user_name",
                        &[&&token[..], &signed(audit.entry.at)],
                    )
                    .await?;
                let Some(spent) = spent else {
                    return Ok(false);
                };
                let user: String = spent.column(0)?;
                batch
                    .write("delete from sessions where user_name = $1", &[&user])
                    .await?;
                let changed = batch
                    .write(
                        "update users set password = $1, totp = null where name = $2",
                        &[&password, &user],
                    )
                    .await?;
                batch.audit_if_done(changed, audit).await
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
            .run(move |batch| async move {
                let opened = batch
                    .write(
                        "insert into sessions (token, user_name, began, used) \
                         select $1, name, $2, $2 from users where name = $3 and password = $4",
                        &[&&token[..], &signed(began), &user, &password],
                    )
                    .await?;
                batch.audit_if_done(opened, audit).await
            })
            .await
    }

    async fn session(&self, token: TokenDigest) -> Result<Option<Session>, StoreError> {
        let query = format!(
            "select {USER_COLUMNS}, began, used from sessions \
             join users on users.name = sessions.user_name where token = $1"
        );
        let reader = self.reader().await?;
        let row = reader.row_if_any(&query, &[&&token[..]]).await?;
        let session = row.map(|row| {
            Ok(Session {
                user: user(&row)?,
                began: number(&row, "began")?,
                used: number(&row, "used")?,
            })
        });
        session.transpose()
    }

    async fn use_session(&self, token: TokenDigest, used: Timestamp) -> Result<(), StoreError> {
        self.writer
            .run(move |batch| async move {
                let note = "update sessions set used = $1 where token = $2";
                batch.write(note, &[&signed(used), &&token[..]]).await?;
                Ok(())
            })
            .await
    }

    async fn close_session(&self, token: TokenDigest) -> Result<(), StoreError> {
        self.writer
            .run(move |batch| async move {
                batch
                    .write("delete from sessions where token = $1", &[&&token[..]])
                    .await?;
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
            .run(move |batch| async move {
                batch
                    .write(
                        "delete from sessions where began < $1 or used < $2",
                        &[&signed(began_before), &signed(used_before)],
                    )
                    .await?;
                Ok(())
            })
            .await
    }
}

/// Whether this user may do everything, and nobody else who can sign in may: somebody has to be able to let others in.
async fn is_last_admin(batch: &Batch, name: &str) -> Result<bool, StoreError> {
    let may_do_everything = "role = 'admin' and reach = 'null'";
    let query = format!(
        "select exists (select 1 from users where name = $1 and {may_do_everything}) and not exists \
         (select 1 from users where name <> $1 and password is not null and {may_do_everything})"
    );
    Ok(batch.row(&query, &[&name]).await?.column(0)?)
}

fn user(row: &Row) -> Result<User, StoreError> {
    Ok(User {
        name: row.column("name")?,
        role: rows::word(row, "role")?,
        reach: rows::json(row, "reach")?,
        password: row.column("password")?,
        totp: row.column("totp")?,
        created_at: number(row, "created_at")?,
    })
}
