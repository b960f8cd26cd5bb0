//! What an admin's program sends: any password that can be read can be measured, also one of characters that no
//! keyboard has.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mdm_host::{
    password::Password,
    service::{Request, Reset},
};
use mdm_wire::{decisions::Terms, words::Policy};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(reset) = serde_json::from_slice::<Reset>(bytes) {
        measure(&reset.password);
    }
    if let Ok(Request {
        password: Some(password),
        ..
    }) = serde_json::from_slice(bytes)
    {
        measure(&password);
    }
    let _ = serde_json::from_slice::<Terms>(bytes);
    if let Ok(policy) = serde_json::from_slice::<Policy>(bytes) {
        let written = serde_json::to_vec(&policy).expect("what was read can be written");
        let again: Policy = serde_json::from_slice(&written).expect("and read again");
        assert_eq!(again, policy);
    }
});

fn measure(password: &Password) {
    let measure = password.measure();
    let classes = [
        measure.digits,
        measure.lower_case,
        measure.upper_case,
        measure.symbols,
        measure.others,
    ];
    assert_eq!(classes.iter().sum::<u32>(), measure.length);
    assert!(measure.longest_sequence <= measure.length);
    assert!(password.guessability() <= 4);
}
