//! Tokens in SQL.

use super::{Engine, Row, Tx, Value};
use crate::{
    store::{ApiToken, RequestRecord, StoreError, TokenChange, Tokens, not_made},
    token::TokenDigest,
};
use async_trait::async_trait;
use mdm_contract::time::Timestamp;

const COLUMNS: &str = "api_tokens.name, api_tokens.permissions, api_tokens.scope, api_tokens.owner, \
    api_tokens.created_at, api_tokens.expires_at";

#[async_trait]
impl<E: Engine> Tokens for E {
    async fn api_tokens(&self) -> Result<Vec<ApiToken>, StoreError> {
        let sql = format!("select {COLUMNS} from api_tokens order by name");
        self.query(&sql, &[]).await?.iter().map(api_token).collect()
    }

    async fn api_token(
        &self,
        token: TokenDigest,
        now: Timestamp,
    ) -> Result<Option<ApiToken>, StoreError> {
        let sql = format!(
            "select {COLUMNS}, users.role as owner_role, users.scope as owner_scope \
             from api_tokens left join users on users.name = api_tokens.owner \
             where token = $1 and (expires_at is null or expires_at > $2)"
        );
        let rows = self.look_up(&sql, &[token.into(), now.into()]).await?;
        let token = rows.first().map(|row| {
            let token = api_token(row)?;
            Ok(match token.owner {
                Some(_) => token.limited_to(row.parse("owner_role")?, &row.json("owner_scope")?),
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
        self.write(move |tx| {
            Box::pin(async move {
                if let Some(owner) = &about.owner
                    && !is_user(tx, owner).await?
                {
                    return Ok(TokenChange::UnknownOwner);
                }
                let added = insert(tx, token, &about).await?;
                Ok(match tx.audit_if_done(added, audit).await? {
                    true => TokenChange::Done,
                    false => TokenChange::NameTaken,
                })
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
        self.write(move |tx| {
            Box::pin(async move {
                let lost = delete(tx, &about.name).await?;
                tx.audit_if_done(lost, removed).await?;
                let made = insert(tx, token, &about).await?;
                match tx.audit_if_done(made, added).await? {
                    true => Ok(()),
                    false => Err(not_made(&about)),
                }
            })
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
        self.write(move |tx| {
            Box::pin(async move {
                if !is_user(tx, &owner).await? {
                    return Ok(TokenChange::UnknownOwner);
                }
                let sql = "update api_tokens set owner = $1 where name = $2";
                let changed = tx.execute(sql, &[owner.into(), name.into()]).await?;
                Ok(match tx.audit_if_done(changed, audit).await? {
                    true => TokenChange::Done,
                    false => TokenChange::Unknown,
                })
            })
        })
        .await
    }

    async fn remove_api_token(&self, name: &str, audit: RequestRecord) -> Result<bool, StoreError> {
        let name = name.to_owned();
        self.write(move |tx| {
            Box::pin(async move {
                let removed = delete(tx, &name).await?;
                tx.audit_if_done(removed, audit).await
            })
        })
        .await
    }
}

async fn delete(tx: &mut (dyn Tx + '_), name: &str) -> Result<u64, StoreError> {
    let sql = "delete from api_tokens where name = $1";
    tx.execute(sql, &[name.into()]).await
}

/// Returns the number of new tokens: 0 if the name or the digest is taken.
async fn insert(
    tx: &mut (dyn Tx + '_),
    token: TokenDigest,
    about: &ApiToken,
) -> Result<u64, StoreError> {
    tx.execute(
        "insert into api_tokens (token, name, permissions, scope, owner, created_at, expires_at) \
         values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing",
        &[
            token.into(),
            about.name.as_str().into(),
            Value::json(&about.permissions)?,
            Value::json(&about.scope)?,
            about.owner.as_deref().into(),
            about.created_at.into(),
            about.expires_at.into(),
        ],
    )
    .await
}

async fn is_user(tx: &mut (dyn Tx + '_), name: &str) -> Result<bool, StoreError> {
    let sql = "select 1 from users where name = $1";
    tx.exists(sql, &[name.into()]).await
}

fn api_token(row: &Row) -> Result<ApiToken, StoreError> {
    Ok(ApiToken {
        name: row.get("name")?,
        permissions: row.json("permissions")?,
        scope: row.json("scope")?,
        owner: row.get("owner")?,
        created_at: row.get("created_at")?,
        expires_at: row.get("expires_at")?,
    })
}
