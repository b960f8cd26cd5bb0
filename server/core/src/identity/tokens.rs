//! Management of the tokens of programs.

use super::users::Identity;
use crate::{
    access::{Caller, DeviceScope, Permission},
    audit::AuditEntry,
    bounds::TOKEN_VALIDITY,
    error::ServerError,
    request_checks::{check_name, check_scope},
    store::{ApiToken, TokenChange},
    token,
};
use mdm_contract::time;
use std::collections::BTreeSet;
use zeroize::Zeroizing;

impl Identity {
    /// The tokens that this caller may manage.
    pub async fn tokens(&self, by: &Caller) -> Result<Vec<ApiToken>, ServerError> {
        let mut tokens = self.store.api_tokens().await?;
        tokens.retain(|it| by.check_grant(&it.permissions, &it.scope).is_ok());
        Ok(tokens)
    }

    /// Makes a token with these permissions and scope. It is valid for this many seconds, or until it is removed. It is
    /// shown once.
    pub async fn add_token(
        &self,
        by: &Caller,
        name: &str,
        permissions: BTreeSet<Permission>,
        scope: DeviceScope,
        valid_for: Option<u64>,
    ) -> Result<Zeroizing<String>, ServerError> {
        if permissions.is_empty() {
            let text = "name at least one permission, or the token can do nothing";
            return Err(ServerError::BadRequest(text.into()));
        }
        if valid_for.is_some_and(|seconds| !TOKEN_VALIDITY.contains(&seconds)) {
            let text = "a token is valid for 1 second to 10 years";
            return Err(ServerError::BadRequest(text.into()));
        }
        check_name(name)?;
        check_scope(&scope)?;
        by.check_grant(&permissions, &scope)?;
        self.responses
            .once(by, self.make_token(by, name, permissions, scope, valid_for))
            .await
    }

    async fn make_token(
        &self,
        by: &Caller,
        name: &str,
        permissions: BTreeSet<Permission>,
        scope: DeviceScope,
        valid_for: Option<u64>,
    ) -> Result<Zeroizing<String>, ServerError> {
        let token = token::new_token("api")?;
        let at = time::now();
        let about = ApiToken {
            name: name.to_owned(),
            permissions,
            scope,
            owner: by.user().map(str::to_owned),
            created_at: at,
            expires_at: valid_for.map(|seconds| at + seconds * 1000),
        };
        self.keep_token(by, &token, about).await?;
        Ok(token)
    }

    async fn keep_token(
        &self,
        by: &Caller,
        token: &Zeroizing<String>,
        about: ApiToken,
    ) -> Result<(), ServerError> {
        let name = about.name.clone();
        let words: Vec<&str> = about.permissions.iter().map(|it| it.as_str()).collect();
        let audit = AuditEntry {
            detail: Some(format!("{name}: {}, {}", words.join(" "), about.scope)),
            ..AuditEntry::new(about.created_at, by, "add-token")
        };
        let owner = about.owner.clone().unwrap_or_default();
        let audit = self.responses.record(by, audit, token)?;
        let digest = token::digest(token);
        let change = self.store.add_api_token(digest, about, audit).await?;
        changed(change, &name, &owner)
    }

    /// Changes the owner of a token. It acts for the owner, is limited to their permissions, and ends with them.
    pub async fn hand_over_token(
        &self,
        by: &Caller,
        name: &str,
        owner: &str,
    ) -> Result<ApiToken, ServerError> {
        self.managed_token(by, name).await?;
        self.managed_user(by, owner).await?;
        self.responses
            .once(by, self.change_owner(by, name, owner))
            .await?;
        self.managed_token(by, name).await
    }

    async fn change_owner(&self, by: &Caller, name: &str, owner: &str) -> Result<(), ServerError> {
        let token = self.managed_token(by, name).await?;
        let audit = AuditEntry {
            detail: Some(match &token.owner {
                Some(former) => format!("{name}: from {former} to {owner}"),
                None => format!("{name}: to {owner}"),
            }),
            ..AuditEntry::new(time::now(), by, "hand-over-token")
        };
        let audit = self.responses.record(by, audit, &())?;
        let change = self.store.set_token_owner(name, owner, audit).await?;
        changed(change, name, owner)
    }

    /// Removes a token.
    pub async fn remove_token(&self, by: &Caller, name: &str) -> Result<(), ServerError> {
        self.responses
            .once(by, self.take_token_back(by, name))
            .await
    }

    async fn take_token_back(&self, by: &Caller, name: &str) -> Result<(), ServerError> {
        self.managed_token(by, name).await?;
        let audit = AuditEntry {
            detail: Some(name.to_owned()),
            ..AuditEntry::new(time::now(), by, "remove-token")
        };
        let audit = self.responses.record(by, audit, &())?;
        match self.store.remove_api_token(name, audit).await? {
            true => Ok(()),
            false => Err(ServerError::UnknownToken(name.to_owned())),
        }
    }

    /// Loads a token that this caller may manage.
    async fn managed_token(&self, by: &Caller, name: &str) -> Result<ApiToken, ServerError> {
        let tokens = self.store.api_tokens().await?;
        let token = tokens.into_iter().find(|token| token.name == name);
        let token = token.ok_or_else(|| ServerError::UnknownToken(name.to_owned()))?;
        by.check_grant(&token.permissions, &token.scope)?;
        Ok(token)
    }
}

fn changed(change: TokenChange, name: &str, owner: &str) -> Result<(), ServerError> {
    match change {
        TokenChange::Done => Ok(()),
        TokenChange::Unknown => Err(ServerError::UnknownToken(name.to_owned())),
        TokenChange::NameTaken => Err(ServerError::NameTaken(name.to_owned())),
        TokenChange::UnknownOwner => Err(ServerError::UnknownUser(owner.to_owned())),
    }
}
