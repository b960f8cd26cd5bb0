//! Searches the plugin's own memory for a password.

/// The mark to find, with every byte inverted, so that the search itself does not put it into the memory.
const SOUGHT: [u8; 8] = invert(*b"cAnArY7z");

/// The memory that is added, in pages of 64 KiB: it may have been another instance's before.
const MORE: usize = 64;

const fn invert(mut bytes: [u8; 8]) -> [u8; 8] {
    let mut at = 0;
    while at < bytes.len() {
        bytes[at] = !bytes[at];
        at += 1;
    }
    bytes
}

/// Returns `true` if the mark is in the linear memory, which is grown before.
pub(crate) fn holds_it() -> bool {
    let size = enlarged();
    let holds = |at: usize| {
        let mut bytes = SOUGHT.iter().enumerate();
        bytes.all(|(offset, byte)| !byte_at(at + offset) == *byte)
    };
    (1..size - SOUGHT.len()).any(holds)
}

/// A text whose length claims nearly the whole address space.
#[allow(unsafe_code)]
pub(crate) fn four_gibibytes() -> String {
    let longest = usize::MAX - (1 << 20);
    // SAFETY: none; a lying plugin does this. The text is passed by address and length, which the host must check.
    unsafe { String::from_raw_parts(SOUGHT.as_ptr().cast_mut(), longest, longest) }
}

#[cfg(target_family = "wasm")]
fn enlarged() -> usize {
    core::arch::wasm32::memory_grow(0, MORE);
    core::arch::wasm32::memory_size(0) << 16
}

#[cfg(target_family = "wasm")]
#[allow(unsafe_code)]
fn byte_at(address: usize) -> u8 {
    // SAFETY: the address lies in the linear memory, which is readable as a whole. The read is volatile because Rust
    // does not know of this memory.
    unsafe { core::ptr::with_exposed_provenance::<u8>(address).read_volatile() }
}

// Only a component has a linear memory; elsewhere this crate is only checked.
#[cfg(not(target_family = "wasm"))]
fn enlarged() -> usize {
    MORE
}

#[cfg(not(target_family = "wasm"))]
fn byte_at(_: usize) -> u8 {
    0
}
