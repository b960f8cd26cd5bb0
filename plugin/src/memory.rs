//! The allocator: an arena in static memory. Rust's default allocator grows the memory in every fresh instance, which
//! doubles the cost of a call.

use talc::{ClaimOnOom, Span, Talc, Talck};

/// Size of the arena in bytes: more than any decision needs. Unused pages are never touched, and cost nothing.
const SIZE: usize = 1 << 20;

static mut ARENA: [u8; SIZE] = [0; SIZE];

#[global_allocator]
#[allow(unsafe_code)]
static ALLOCATOR: Talck<talc::locking::AssumeUnlockable, ClaimOnOom> = Talc::new(
    // SAFETY: only the allocator uses the arena, and a component has one thread.
    unsafe { ClaimOnOom::new(Span::from_array((&raw const ARENA).cast_mut())) },
)
.lock();
