//! Calls that name themselves by a key: the first is carried out, and whoever repeats it gets its answer again.

use super::{Service, ServiceError, sealed};
use crate::{
    access::Caller,
    store::{Begun, KeyTimes, KeyedCall},
};
use mdm_wire::time;
use zeroize::Zeroizing;

/// How long a key is known, in milliseconds.
const KEPT: u64 = 24 * 3600 * 1000;

/// How long a call without an answer counts as in progress, in milliseconds. After that, the host that began it
/// has stopped in the middle of it.
const IN_PROGRESS: u64 = 60 * 1000;

/// What is to be done with a call.
pub enum Once {
    /// It is carried out: it is the first of its key.
    Do(KeyedCall),
    /// It is answered with what it was answered before.
    Again(Zeroizing<Vec<u8>>),
}

impl Service {
    /// A call begins that its caller names by this key.
    pub async fn begin_call(
        &self,
        by: &Caller,
        key: &str,
        request: &[&[u8]],
    ) -> Result<Once, ServiceError> {
        let now = time::now();
        let call = KeyedCall {
            caller: by.name.clone(),
            key: key.to_owned(),
            request: self.keys.request_digest(request),
            began_at: now,
        };
        let times = KeyTimes {
            kept_since: now.saturating_sub(KEPT),
            in_progress_since: now.saturating_sub(IN_PROGRESS),
        };
        match self.store.begin_call(call.clone(), times).await? {
            Begun::Now => Ok(Once::Do(call)),
            Begun::InProgress => Err(ServiceError::KeyInProgress(call.key)),
            Begun::OtherRequest => Err(ServiceError::KeyReused(call.key)),
            Begun::Answered(answer) => {
                let key = self.keys.answer_key();
                Ok(Once::Again(sealed::open(&key, &owner(&call), &answer)?))
            }
        }
    }

    /// A call has this answer, which is sealed: it may hold a secret. None: it may be made again.
    pub async fn end_call(
        &self,
        call: KeyedCall,
        answer: Option<&[u8]>,
    ) -> Result<(), ServiceError> {
        let key = self.keys.answer_key();
        let seal = |answer| sealed::seal(&key, &owner(&call), answer);
        let answer = answer.map(seal).transpose()?;
        Ok(self.store.end_call(call, answer).await?)
    }
}

/// What an answer is sealed for. No name has a line break, nor has a key.
fn owner(call: &KeyedCall) -> String {
    format!("{}\n{}", call.caller, call.key)
}
