//! Choices of plugins in SQL.

use super::{Engine, Row, Tx};
use crate::store::{
    Changes, ChosenPlugin, PluginChoice, PluginChoices, PluginFile, RequestRecord, StoreError,
};
use async_trait::async_trait;

/// Numbers are never reused, so that a later choice is not taken for an earlier one.
const FORGET: &str = "update plugin_choice set number = number + 1, active = null, previous = null";

#[async_trait]
impl<E: Engine> PluginChoices for E {
    async fn plugin_choice(&self) -> Result<Option<PluginChoice>, StoreError> {
        let sql = "select number, active, previous, a.is_promoted as active_is_promoted, \
                   p.is_promoted as previous_is_promoted from plugin_choice \
                   left join plugins a on a.digest = active left join plugins p on p.digest = previous";
        let rows = self.query(sql, &[]).await?;
        let choice = rows.first().map(|row| {
            Ok(PluginChoice {
                number: row.get("number")?,
                active: chosen(row, "active", "active_is_promoted")?,
                previous: chosen(row, "previous", "previous_is_promoted")?,
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

fn chosen(row: &Row, digest: &str, is_promoted: &str) -> Result<Option<ChosenPlugin>, StoreError> {
    let digest: Option<String> = row.get(digest)?;
    let chosen = digest.map(|digest| {
        Ok(ChosenPlugin {
            digest,
            is_promoted: row.get(is_promoted)?,
        })
    });
    chosen.transpose()
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
    if let (Some(active), Some(file)) = (&choice.active, new) {
        tx.execute(
            "insert into plugins (digest, file, signature, is_promoted) values ($1, $2, $3, false) \
             on conflict (digest) do update set file = excluded.file, \
             signature = excluded.signature, is_promoted = false",
            &[
                active.digest.as_str().into(),
                file.bytes.into(),
                file.signature.into(),
            ],
        )
        .await?;
    }
    for chosen in [&choice.active, &choice.previous].into_iter().flatten() {
        let sql = "update plugins set is_promoted = $1 where digest = $2";
        let values = [chosen.is_promoted.into(), chosen.digest.as_str().into()];
        tx.execute(sql, &values).await?;
    }
    let digest = |chosen: &Option<ChosenPlugin>| chosen.as_ref().map(|it| it.digest.clone());
    let (active, previous) = (digest(&choice.active), digest(&choice.previous));
    tx.execute(
        "insert into plugin_choice (one, number, active, previous) values (1, $1, $2, $3) \
         on conflict (one) do update set number = excluded.number, active = excluded.active, \
         previous = excluded.previous",
        &[
            choice.number.into(),
            active.clone().into(),
            previous.clone().into(),
        ],
    )
    .await?;
    tx.execute(
        "delete from plugins where digest is distinct from $1 and digest is distinct from $2",
        &[active.into(), previous.into()],
    )
    .await?;
    tx.tell(changed());
    tx.audit(record).await
}
