//! Choices of plugins in SQL.

use super::{Engine, Tx};
use crate::store::{
    Changes, ChosenPlugin, PluginChoice, PluginChoices, PluginFile, RequestRecord, StoreError,
};
use async_trait::async_trait;

/// Numbers are never reused, so that a later choice is not taken for an earlier one.
const FORGET: &str = "update plugin_choice set number = number + 1, active = null, active_settings = null, \
                      active_is_promoted = true, previous = null, previous_settings = null, previous_is_promoted = true";

#[async_trait]
impl<E: Engine> PluginChoices for E {
    async fn plugin_choice(&self) -> Result<Option<PluginChoice>, StoreError> {
        let sql = "select number, active, active_settings, active_is_promoted, \
                   previous, previous_settings, previous_is_promoted from plugin_choice";
        let rows = self.query(sql, &[]).await?;
        let choice = rows.first().map(|row| {
            Ok(PluginChoice {
                number: row.get("number")?,
                active: ChosenPlugin {
                    digest: row.get("active")?,
                    settings: row.get("active_settings")?,
                    is_promoted: row.get("active_is_promoted")?,
                },
                previous: ChosenPlugin {
                    digest: row.get("previous")?,
                    settings: row.get("previous_settings")?,
                    is_promoted: row.get("previous_is_promoted")?,
                },
            })
        });
        choice.transpose()
    }

    async fn choose_plugin(
        &self,
        choice: PluginChoice,
        new: Option<PluginFile>,
        audit: RequestRecord,
    ) -> Result<(), StoreError> {
        self.write(move |tx| Box::pin(async move { choose(tx, choice, new, audit).await }))
            .await
    }

    async fn forget_plugin_choice(&self) -> Result<(), StoreError> {
        self.write(|tx| {
            Box::pin(async move {
                tx.execute(FORGET, &[]).await?;
                tx.execute("delete from plugins", &[]).await?;
                tx.tell(changed());
                Ok(())
            })
        })
        .await
    }

    async fn plugin_file(&self, digest: &str) -> Result<Option<PluginFile>, StoreError> {
        let sql = "select file, signature from plugins where digest = $1";
        let rows = self.query(sql, &[digest.into()]).await?;
        let file = rows.first().map(|row| {
            Ok(PluginFile {
                bytes: row.get("file")?,
                signature: row.get("signature")?,
            })
        });
        file.transpose()
    }
}

/// The message to other replicas.
fn changed() -> Changes {
    Changes {
        plugin: true,
        ..Changes::default()
    }
}

/// Stores the choice, with the files of the chosen plugins only.
async fn choose(
    tx: &mut (dyn Tx + '_),
    choice: PluginChoice,
    new: Option<PluginFile>,
    record: RequestRecord,
) -> Result<(), StoreError> {
    let last = tx.row("select number from plugin_choice", &[]).await?;
    let last: Option<u64> = last.map(|row| row.get("number")).transpose()?;
    if choice.number != last.unwrap_or(0) + 1 {
        return Err(StoreError::Conflict);
    }
    let (active, previous) = (choice.active, choice.previous);
    if let (Some(digest), Some(file)) = (&active.digest, new) {
        tx.execute(
            "insert into plugins (digest, file, signature) values ($1, $2, $3) \
             on conflict (digest) do update set file = excluded.file, signature = excluded.signature",
            &[
                digest.as_str().into(),
                file.bytes.into(),
                file.signature.into(),
            ],
        )
        .await?;
    }
    tx.execute(
        "insert into plugin_choice (one, number, active, active_settings, active_is_promoted, \
         previous, previous_settings, previous_is_promoted) values (1, $1, $2, $3, $4, $5, $6, $7) \
         on conflict (one) do update set number = excluded.number, active = excluded.active, \
         active_settings = excluded.active_settings, active_is_promoted = excluded.active_is_promoted, \
         previous = excluded.previous, previous_settings = excluded.previous_settings, \
         previous_is_promoted = excluded.previous_is_promoted",
        &[
            choice.number.into(),
            active.digest.clone().into(),
            active.settings.into(),
            active.is_promoted.into(),
            previous.digest.clone().into(),
            previous.settings.into(),
            previous.is_promoted.into(),
        ],
    )
    .await?;
    tx.execute(
        "delete from plugins where digest is distinct from $1 and digest is distinct from $2",
        &[active.digest.into(), previous.digest.into()],
    )
    .await?;
    tx.tell(changed());
    tx.audit(record).await
}
