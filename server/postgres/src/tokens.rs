//! Tokens in PostgreSQL.

use super::{
    PostgresStore,
    connection::Ask as _,
    rows::{self, number, optional_number, optional_signed, signed},
    writer::Batch,
};
use crate::rows::Columns as _;
use async_trait::async_trait;
use mdm_contract::time::Timestamp;
use mdm_server_core::{
    store::{ApiToken, RequestRecord, StoreError, TokenChange, Tokens, not_made},
    token::TokenDigest,
};
use tokio_postgres::Row;

const TOKEN_COLUMNS: &str = "api_tokens.name, api_tokens.permissions, api_tokens.reach, api_tokens.owner, \
    api_tokens.created_at, api_tokens.expires_at";

#[async_trait]
impl Tokens for PostgresStore {
    async fn api_tokens(&self) -> Result<Vec<ApiToken>, StoreError> {
        let query = format!("select {TOKEN_COLUMNS} from api_tokens order by name");
        let rows = self.reader().await?.rows(&query, &[]).await?;
        rows.iter().map(api_token).collect()
    }

    async fn api_token(
        &self,
        token: TokenDigest,
        now: Timestamp,
    ) -> Result<Option<ApiToken>, StoreError> {
        let query = format!(
            "select {TOKEN_COLUMNS}, users.role as owner_role, users.reach as owner_reach \
             from api_tokens left join users on users.name = api_tokens.owner \
             where token = $1 and (expires_at is null or expires_at > $2)"
        );
        let reader = self.reader().await?;
        let row = reader
            .row_if_any(&query, &[&&token[..], &signed(now)])
            .await?;
        let token = row.map(|row| {
            let token = api_token(&row)?;
            Ok(match token.owner {
                Some(_) => {
                    let reach = rows::json(&row, "owner_reach")?;
                    token.limited_to(rows::word(&row, "owner_role")?, &reach)
                }
                None => token,
            })
        });
        token.transpose()
    }

    async fn add_api_token(
        &self,
        token: TokenDigest,
        about: ApiToken,
        audit: RequestRecord,
    ) -> Result<TokenChange, StoreError> {
        self.writer
            .run(move |batch| async move {
                if let Some(owner) = &about.owner
                    && !is_user(&batch, owner).await?
                {
                    return Ok(TokenChange::UnknownOwner);
                }
                let added = insert(&batch, token, &about).await?;
                Ok(match batch.audit_if_done(added, audit).await? {
                    true => TokenChange::Done,
                    false => TokenChange::NameTaken,
                })
            })
            .await
    }

    async fn replace_api_token(
        &self,
        token: TokenDigest,
        about: ApiToken,
        removed: RequestRecord,
        added: RequestRecord,
    ) -> Result<(), StoreError> {
        self.writer
            .run(move |batch| async move {
                let lost = batch
                    .write("delete from api_tokens where name = $1", &[&about.name])
                    .await?;
                batch.audit_if_done(lost, removed).await?;
                let made = insert(&batch, token, &about).await?;
                match batch.audit_if_done(made, added).await? {
                    true => Ok(()),
                    false => Err(not_made(&about)),
                }
            })
            .await
    }

    async fn set_token_owner(
        &self,
        name: &str,
        owner: &str,
        audit: RequestRecord,
    ) -> Result<TokenChange, StoreError> {
        let (name, owner) = (name.to_owned(), owner.to_owned());
        self.writer
            .run(move |batch| async move {
                if !is_user(&batch, &owner).await? {
                    return Ok(TokenChange::UnknownOwner);
                }
                let set = "update api_tokens set owner = $1 where name = $2";
                let changed = batch.write(set, &[&owner, &name]).await?;
                Ok(match batch.audit_if_done(changed, audit).await? {
                    true => TokenChange::Done,
                    false => TokenChange::Unknown,
                })
            })
            .await
    }

    async fn remove_api_token(&self, name: &str, audit: RequestRecord) -> Result<bool, StoreError> {
        let name = name.to_owned();
        self.writer
            .run(move |batch| async move {
                let removed = batch
                    .write("delete from api_tokens where name = $1", &[&name])
                    .await?;
                batch.audit_if_done(removed, audit).await
            })
            .await
    }
}

/// Returns how many tokens were made: none, if its name or digest is taken.
async fn insert(batch: &Batch, token: TokenDigest, about: &ApiToken) -> Result<u64, StoreError> {
    batch
        .write(
            "insert into api_tokens \
             (token, name, permissions, reach, owner, created_at, expires_at) \
             values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing",
            &[
                &&token[..],
                &about.name,
                &rows::to_json(&about.permissions)?,
                &rows::to_json(&about.reach)?,
                &about.owner,
                &signed(about.created_at),
                &optional_signed(about.expires_at),
            ],
        )
        .await
}

async fn is_user(batch: &Batch, name: &str) -> Result<bool, StoreError> {
    let query = "select exists (select 1 from users where name = $1)";
    Ok(batch.row(query, &[&name]).await?.column(0)?)
}

fn api_token(row: &Row) -> Result<ApiToken, StoreError> {
    Ok(ApiToken {
        name: row.column("name")?,
        permissions: rows::json(row, "permissions")?,
        reach: rows::json(row, "reach")?,
        owner: row.column("owner")?,
        created_at: number(row, "created_at")?,
        expires_at: optional_number(row, "expires_at")?,
    })
}
