//! What lies in the folder of compiled plugins, where someone else may have written: a compiled plugin that was
//! altered in any byte is not run.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mdm_host::plugin::{Artifacts, Limits, LoadError, REFERENCE, Runtime};
use std::sync::LazyLock;

struct Host {
    runtime: Runtime,
    artifacts: Artifacts,
    /// The reference plugin, compiled by this host.
    made: Vec<u8>,
}

static HOST: LazyLock<Host> = LazyLock::new(|| {
    let limits = Limits {
        instances: 1,
        ..Limits::default()
    };
    let runtime = Runtime::new(limits).expect("an engine");
    let folder = std::env::temp_dir().join(format!("mdm-fuzz-{}", std::process::id()));
    let artifacts = Artifacts::open(&folder, [7; 32]).expect("a folder");
    let made = runtime
        .compile_ahead(REFERENCE, &artifacts)
        .expect("the reference plugin compiles");
    Host {
        runtime,
        artifacts,
        made,
    }
});

fuzz_target!(|bytes: &[u8]| {
    let Host { made, .. } = &*HOST;
    // Any bytes behind what every artifact begins with.
    assert_refused(&[&made[..16], bytes].concat());
    // A real one: cut off at the first word of the input, with more at its end, or altered by each four bytes
    // of the rest at the place that three of them say.
    let Some((head, edits)) = bytes.split_at_checked(2) else {
        return;
    };
    let end = usize::from(u16::from_le_bytes([head[0], head[1]])) % made.len();
    assert_refused(&made[..end]);
    assert_refused(&[made.as_slice(), head].concat());
    let mut altered = made.clone();
    for edit in edits.chunks_exact(4) {
        let place = u32::from_le_bytes([edit[0], edit[1], edit[2], 0]);
        let place = usize::try_from(place).unwrap_or(0) % altered.len();
        altered[place] ^= edit[3];
    }
    if altered != *made {
        assert_refused(&altered);
    }
});

fn assert_refused(artifact: &[u8]) {
    let Host {
        runtime, artifacts, ..
    } = &*HOST;
    let _ = runtime.digest(artifact);
    match runtime.load(artifact, Some(artifacts)).map(|_| ()) {
        Err(
            LoadError::Altered | LoadError::NotWasm | LoadError::CoreModule | LoadError::Broken(_),
        ) => {}
        other => panic!("an altered artifact was not refused as such: {other:?}"),
    }
}
