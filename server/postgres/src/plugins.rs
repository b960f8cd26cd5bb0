//! Which plugins were chosen, in PostgreSQL.

use super::{
    PostgresStore,
    connection::Ask as _,
    rows::{number, signed},
    writer::Batch,
};
use crate::rows::Columns as _;
use async_trait::async_trait;
use mdm_server_core::store::{
    ChosenPlugin, PluginChoice, PluginChoices, PluginFile, RequestRecord, StoreError,
};
use tokio_postgres::Row;

/// The numbers go on, so that nobody takes a later choice for one before.
const FORGET: &str = "update plugin_choice set number = number + 1, active = null, previous = null";

#[async_trait]
impl PluginChoices for PostgresStore {
    async fn plugin_choice(&self) -> Result<Option<PluginChoice>, StoreError> {
        let reader = self.reader().await?;
        let row = reader
            .row_if_any(
                "select number, active, previous, a.is_proven as active_is_proven, \
                 p.is_proven as previous_is_proven from plugin_choice \
                 left join plugins a on a.digest = active left join plugins p on p.digest = previous",
                &[],
            )
            .await?;
        let choice = row.map(|row| {
            Ok(PluginChoice {
                number: number(&row, "number")?,
                active: chosen(&row, "active", "active_is_proven")?,
                previous: chosen(&row, "previous", "previous_is_proven")?,
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
        self.writer
            .run(move |batch| async move { choose(&batch, choice, new, audit).await })
            .await
    }

    async fn forget_plugin_choice(&self) -> Result<(), StoreError> {
        self.writer
            .run(|batch| async move {
                batch.write(FORGET, &[]).await?;
                batch.write("delete from plugins", &[]).await?;
                batch.tell(|told| told.plugin = true);
                Ok(())
            })
            .await
    }

    async fn plugin_file(&self, digest: &str) -> Result<Option<PluginFile>, StoreError> {
        let reader = self.reader().await?;
        let query = "select file, signature from plugins where digest = $1";
        let row = reader.row_if_any(query, &[&digest]).await?;
        let file = row.map(|row| {
            Ok(PluginFile {
                bytes: row.column("file")?,
                signature: row.column("signature")?,
            })
        });
        file.transpose()
    }
}

fn chosen(row: &Row, digest: &str, is_proven: &str) -> Result<Option<ChosenPlugin>, StoreError> {
    let digest: Option<String> = row.column(digest)?;
    let chosen = digest.map(|digest| {
        Ok(ChosenPlugin {
            digest,
            is_proven: row.column(is_proven)?,
        })
    });
    chosen.transpose()
}

/// Keeps the choice, and the files of what is chosen and no others.
async fn choose(
    batch: &Batch,
    choice: PluginChoice,
    new: Option<PluginFile>,
    line: RequestRecord,
) -> Result<(), StoreError> {
    let last = batch
        .row_if_any("select number from plugin_choice", &[])
        .await?;
    let last = last.map(|row| number::<u64>(&row, "number")).transpose()?;
    if choice.number != last.unwrap_or(0) + 1 {
        return Err(StoreError::Conflict);
    }
    if let (Some(active), Some(file)) = (&choice.active, &new) {
        batch
            .write(
                "insert into plugins (digest, file, signature, is_proven) values ($1, $2, $3, false) \
                 on conflict (digest) do update set file = excluded.file, \
                 signature = excluded.signature, is_proven = false",
                &[&active.digest, &file.bytes, &file.signature],
            )
            .await?;
    }
    for chosen in [&choice.active, &choice.previous].into_iter().flatten() {
        batch
            .write(
                "update plugins set is_proven = $1 where digest = $2",
                &[&chosen.is_proven, &chosen.digest],
            )
            .await?;
    }
    let digest = |chosen: &Option<ChosenPlugin>| chosen.as_ref().map(|it| it.digest.clone());
    let (active, previous) = (digest(&choice.active), digest(&choice.previous));
    batch
        .write(
            "insert into plugin_choice (one, number, active, previous) values (1, $1, $2, $3) \
             on conflict (one) do update set number = excluded.number, active = excluded.active, \
             previous = excluded.previous",
            &[&signed(choice.number), &active, &previous],
        )
        .await?;
    batch
        .write(
            "delete from plugins where digest is distinct from $1 and digest is distinct from $2",
            &[&active, &previous],
        )
        .await?;
    batch.tell(|told| told.plugin = true);
    batch.audit(line).await
}
