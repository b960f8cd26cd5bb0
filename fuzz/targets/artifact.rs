//! Files in the folder of compiled plugins, from an attacker: a compiled plugin with any altered byte is not run. The
//! first byte selects the alteration.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mdm_fuzz::GUEST;
use mdm_password_host::{Artifacts, Limits, LoadError, Runtime, component_of};
use std::sync::LazyLock;

/// The length of the mark that a compiled plugin begins with.
const MARK: usize = 16;

struct Host {
    runtime: Runtime,
    artifacts: Artifacts,
    /// A plugin compiled by this host.
    made: Vec<u8>,
}

static HOST: LazyLock<Host> = LazyLock::new(|| {
    let limits = Limits {
        instances: 1,
        ..Limits::default()
    };
    let runtime = Runtime::new(limits).expect("an engine");
    // The folder stays empty: the altered artifact is passed as bytes.
    let folder = std::env::temp_dir().join("mdm-fuzz-artifacts");
    let artifacts = Artifacts::open(&folder, [7; 32]).expect("a folder");
    let made = runtime.compile_ahead(GUEST, &artifacts);
    let made = made.expect("the plugin compiles");
    Host {
        runtime,
        artifacts,
        made,
    }
});

fuzz_target!(|bytes: &[u8]| {
    let Some((how, bytes)) = bytes.split_first() else {
        return;
    };
    let made = &HOST.made;
    match how % 4 {
        // Arbitrary bytes after the mark.
        0 => assert_refused(&[&made[..MARK], bytes].concat()),
        // Truncated, or extended.
        1 => assert_refused(&made[..number(bytes) % made.len()]),
        2 if !bytes.is_empty() => assert_refused(&[made, bytes].concat()),
        // Six bytes per alteration, four of them for its offset.
        _ => {
            let mut altered = made.clone();
            for edit in bytes.chunks_exact(6) {
                let place = number(edit) % (altered.len() - 1);
                altered[place] ^= edit[4];
                altered[place + 1] ^= edit[5];
            }
            if altered != *made {
                assert_refused(&altered);
            }
        }
    }
});

fn number(bytes: &[u8]) -> usize {
    let bytes = bytes.first_chunk().copied().unwrap_or_default();
    u32::from_le_bytes(bytes) as usize
}

fn assert_refused(artifact: &[u8]) {
    let Host {
        runtime, artifacts, ..
    } = &*HOST;
    if let Ok(component) = component_of(artifact) {
        assert!(component.len() <= artifact.len());
    }
    match runtime.load(artifact, Some(artifacts)).map(|_| ()) {
        Err(LoadError::Altered) => {}
        // The mark is incomplete.
        Err(LoadError::NotWasm)
            if artifact.len() < MARK || !artifact.starts_with(&HOST.made[..MARK]) => {}
        other => panic!("an altered compiled plugin was not refused as such: {other:?}"),
    }
}
