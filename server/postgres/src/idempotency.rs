//! Stored responses in PostgreSQL, written in the transaction of the request's changes.

use super::{
    connection::{Step, values},
    rows::to_i64,
};
use mdm_server_core::store::{
    EXPIRED_PER_INSERT, StoreError, StoredResponse, sql::DELETE_RESPONSES,
};

/// The statements that store a response, and delete some that have expired. They err if its key is taken.
pub(super) fn insert(response: StoredResponse) -> [Step; 2] {
    let expired_before = to_i64(response.expired_before());
    [
        Step::new(
            DELETE_RESPONSES,
            values![expired_before, i64::from(EXPIRED_PER_INSERT)],
        ),
        Step::new(
            "insert into idempotency_keys as stored (caller, key, request, response, created_at) \
             values ($1, $2, $3, $4, $5) on conflict (caller, key) do update set request = excluded.request, \
             response = excluded.response, created_at = excluded.created_at where stored.created_at < $6",
            values![
                response.caller,
                response.key,
                response.request.to_vec(),
                response.response,
                to_i64(response.created_at),
                expired_before
            ],
        )
        .or(StoreError::IdempotencyKeyTaken),
    ]
}
