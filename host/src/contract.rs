//! The contract's `types` interface, for the bindings: the words of `mdm-contract`.

pub use mdm_contract::{time::Timestamp, *};
use wasmtime::component::{HasData, Linker};

/// The interface has types and no functions, so there is nothing to implement.
pub trait Host {}
impl<T> Host for T {}

/// See [`Host`].
pub trait HostWithStore<T>: HasData {}
impl<T, D: HasData> HostWithStore<T> for D {}

/// See [`Host`]: nothing to link.
pub fn add_to_linker<T: 'static, D: HasData>(
    _linker: &mut Linker<T>,
    _host: fn(&mut T) -> D::Data<'_>,
) -> wasmtime::Result<()> {
    Ok(())
}
