//! Calls that name themselves by a key, in PostgreSQL.

use super::{
    PostgresStore,
    connection::Ask as _,
    rows::{self, signed},
    writer::Batch,
};
use crate::store::{Begun, Idempotency, KeyTimes, KeyedCall, StoreError};
use async_trait::async_trait;

#[async_trait]
impl Idempotency for PostgresStore {
    async fn begin_call(&self, call: KeyedCall, times: KeyTimes) -> Result<Begun, StoreError> {
        self.writer
            .run(move |batch| async move { begin(&batch, &call, times).await })
            .await
    }

    async fn end_call(&self, call: KeyedCall, answer: Option<Vec<u8>>) -> Result<(), StoreError> {
        self.writer
            .run(move |batch| async move {
                let began_at = signed(call.began_at);
                match answer {
                    Some(answer) => {
                        let keep = "update keyed_calls set answer = $4 \
                                    where caller = $1 and key = $2 and began_at = $3";
                        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
                            [&call.caller, &call.key, &began_at, &answer];
                        batch.write(keep, &values).await?;
                    }
                    None => {
                        let forget = "delete from keyed_calls \
                                      where caller = $1 and key = $2 and began_at = $3";
                        batch
                            .write(forget, &[&call.caller, &call.key, &began_at])
                            .await?;
                    }
                }
                Ok(())
            })
            .await
    }
}

async fn begin(batch: &Batch, call: &KeyedCall, times: KeyTimes) -> Result<Begun, StoreError> {
    batch
        .write(
            "delete from keyed_calls where began_at < $1",
            &[&signed(times.kept_since)],
        )
        .await?;
    let known = batch
        .row_if_any(
            "select request, answer, began_at < $1 as is_old from keyed_calls where caller = $2 and key = $3",
            &[&signed(times.in_progress_since), &call.caller, &call.key],
        )
        .await?;
    if let Some(known) = known {
        if rows::bytes::<32>(&known, "request")? != call.request {
            return Ok(Begun::OtherRequest);
        }
        match known.try_get::<_, Option<Vec<u8>>>("answer")? {
            Some(answer) => return Ok(Begun::Answered(answer)),
            None if !known.try_get::<_, bool>("is_old")? => return Ok(Begun::InProgress),
            None => {}
        }
    }
    batch
        .write(
            "insert into keyed_calls (caller, key, request, began_at) values ($1, $2, $3, $4) \
             on conflict (caller, key) do update set request = excluded.request, \
             began_at = excluded.began_at, answer = null",
            &[
                &call.caller,
                &call.key,
                &&call.request[..],
                &signed(call.began_at),
            ],
        )
        .await?;
    Ok(Begun::Now)
}
