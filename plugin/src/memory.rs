//! Where the component's memory comes from: an arena that is part of it from the start. Rust's own allocator
//! asks the host for more memory in every fresh instance, which costs as much as all the rest of a call.

use talc::{ClaimOnOom, Span, Talc, Talck};

/// More than any decision needs. What is not used is never touched, and costs nothing.
const SIZE: usize = 1 << 20;

static mut ARENA: [u8; SIZE] = [0; SIZE];

#[global_allocator]
#[allow(unsafe_code)]
static ALLOCATOR: Talck<talc::locking::AssumeUnlockable, ClaimOnOom> = Talc::new(
    // SAFETY: nothing but the allocator ever uses the arena, and a component has one thread.
    unsafe { ClaimOnOom::new(Span::from_array((&raw const ARENA).cast_mut())) },
)
.lock();
