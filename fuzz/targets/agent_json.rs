//! What an agent sends: what can be read is written and read again as the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mdm_wire::sync::{EnrollRequest, SyncRequest};
use serde::{Serialize, de::DeserializeOwned};

fuzz_target!(|bytes: &[u8]| {
    stays_the_same::<SyncRequest>(bytes);
    stays_the_same::<EnrollRequest>(bytes);
});

fn stays_the_same<T: Serialize + DeserializeOwned>(bytes: &[u8]) {
    let Ok(read) = serde_json::from_slice::<T>(bytes) else {
        return;
    };
    let written = serde_json::to_vec(&read).expect("what was read can be written");
    let again: T = serde_json::from_slice(&written).expect("what was written can be read");
    let written_again = serde_json::to_vec(&again).expect("it can be written again");
    assert_eq!(written, written_again);
}
