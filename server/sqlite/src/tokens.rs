//! Tokens in SQLite.

use super::{SqliteStore, audit, rows};
use crate::error::Error;
use async_trait::async_trait;
use mdm_contract::time::Timestamp;
use mdm_server_core::{
    store::{ApiToken, RequestRecord, StoreError, TokenChange, Tokens, not_made},
    token::TokenDigest,
};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

const TOKEN_COLUMNS: &str = "api_tokens.name, api_tokens.permissions, api_tokens.reach, api_tokens.owner, \
    api_tokens.created_at, api_tokens.expires_at";

#[async_trait]
impl Tokens for SqliteStore {
    async fn api_tokens(&self) -> Result<Vec<ApiToken>, StoreError> {
        self.read(|connection| {
            let query = format!("select {TOKEN_COLUMNS} from api_tokens order by name");
            let mut query = connection.prepare_cached(&query)?;
            let tokens = query.query_map([], api_token)?;
            Ok(tokens.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn api_token(
        &self,
        token: TokenDigest,
        now: Timestamp,
    ) -> Result<Option<ApiToken>, StoreError> {
        self.look_up(|connection| {
            let query = format!(
                "select {TOKEN_COLUMNS}, users.role as owner_role, users.reach as owner_reach \
                 from api_tokens left join users on users.name = api_tokens.owner \
                 where token = ? and (expires_at is null or expires_at > ?)"
            );
            let mut query = connection.prepare_cached(&query)?;
            let token = query.query_row(params![token, now], |row| {
                let token = api_token(row)?;
                Ok(match token.owner {
                    Some(_) => {
                        let reach = rows::json(row, "owner_reach")?;
                        token.limited_to(rows::word(row, "owner_role")?, &reach)
                    }
                    None => token,
                })
            });
            Ok(token.optional()?)
        })
    }

    async fn add_api_token(
        &self,
        token: TokenDigest,
        about: ApiToken,
        audit: RequestRecord,
    ) -> Result<TokenChange, StoreError> {
        self.writer
            .run(move |connection| {
                if let Some(owner) = &about.owner
                    && !is_user(connection, owner)?
                {
                    return Ok(TokenChange::UnknownOwner);
                }
                let added = insert(connection, token, &about)?;
                Ok(match audit::write_if_done(connection, added, &audit)? {
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
            .run(move |connection| {
                let lost =
                    connection.execute("delete from api_tokens where name = ?", [&about.name])?;
                audit::write_if_done(connection, lost, &removed)?;
                let made = insert(connection, token, &about)?;
                match audit::write_if_done(connection, made, &added)? {
                    true => Ok(()),
                    false => Err(not_made(&about).into()),
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
            .run(move |connection| {
                if !is_user(connection, &owner)? {
                    return Ok(TokenChange::UnknownOwner);
                }
                let changed = connection.execute(
                    "update api_tokens set owner = ? where name = ?",
                    params![owner, name],
                )?;
                Ok(match audit::write_if_done(connection, changed, &audit)? {
                    true => TokenChange::Done,
                    false => TokenChange::Unknown,
                })
            })
            .await
    }

    async fn remove_api_token(&self, name: &str, audit: RequestRecord) -> Result<bool, StoreError> {
        let name = name.to_owned();
        self.writer
            .run(move |connection| {
                let removed =
                    connection.execute("delete from api_tokens where name = ?", [name])?;
                audit::write_if_done(connection, removed, &audit)
            })
            .await
    }
}

/// Returns how many tokens were made: none, if its name or digest is taken.
fn insert(connection: &Connection, token: TokenDigest, about: &ApiToken) -> Result<usize, Error> {
    Ok(connection.execute(
        "insert or ignore into api_tokens \
         (token, name, permissions, reach, owner, created_at, expires_at) \
         values (?, ?, ?, ?, ?, ?, ?)",
        params![
            token,
            about.name,
            rows::to_json(&about.permissions)?,
            rows::to_json(&about.reach)?,
            about.owner,
            about.created_at,
            about.expires_at
        ],
    )?)
}

fn is_user(connection: &Connection, name: &str) -> Result<bool, Error> {
    let query = "select exists (select 1 from users where name = ?)";
    Ok(connection.query_row(query, [name], |row| row.get(0))?)
}

fn api_token(row: &Row<'_>) -> rusqlite::Result<ApiToken> {
    Ok(ApiToken {
        name: row.get("name")?,
        permissions: rows::json(row, "permissions")?,
        reach: rows::json(row, "reach")?,
        owner: row.get("owner")?,
        created_at: row.get("created_at")?,
        expires_at: row.get("expires_at")?,
    })
}
