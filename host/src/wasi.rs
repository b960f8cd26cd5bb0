//! The granted part of WASI, which languages other than Rust import: clocks and random bytes. Nothing here blocks.

use super::imports::HostState;
use wasmtime::{
    Result, StoreContextMut,
    component::{ComponentType, Lift, Linker, Lower},
};

/// Maximum number of random bytes per import call.
const MAX_BYTES: u64 = 4096;

/// WASI's time of day.
#[derive(ComponentType, Lift, Lower)]
#[component(record)]
struct Datetime {
    seconds: u64,
    nanoseconds: u32,
}

pub(super) fn add_to_linker(linker: &mut Linker<HostState>) -> Result<()> {
    // Time stands still during a call, on every clock.
    let mut clock = linker.instance("wasi:clocks/wall-clock@0.2.6")?;
    clock.func_wrap(
        "now",
        |mut store: StoreContextMut<'_, HostState>, (): ()| Ok((datetime(store.data_mut().now()),)),
    )?;
    clock.func_wrap("resolution", |_: StoreContextMut<'_, HostState>, (): ()| {
        Ok((datetime(1),))
    })?;
    let mut clock = linker.instance("wasi:clocks/monotonic-clock@0.2.6")?;
    clock.func_wrap(
        "now",
        |mut store: StoreContextMut<'_, HostState>, (): ()| {
            Ok((store.data_mut().now().saturating_mul(1_000_000),))
        },
    )?;
    clock.func_wrap("resolution", |_: StoreContextMut<'_, HostState>, (): ()| {
        Ok((1_000_000u64,))
    })?;
    for (interface, prefix) in [("random", ""), ("insecure", "insecure-")] {
        let mut random = linker.instance(&format!("wasi:random/{interface}@0.2.6"))?;
        random.func_wrap(
            &format!("get-{prefix}random-bytes"),
            |_: StoreContextMut<'_, HostState>, (length,): (u64,)| Ok((random_bytes(length)?,)),
        )?;
        random.func_wrap(
            &format!("get-{prefix}random-u64"),
            |_: StoreContextMut<'_, HostState>, (): ()| Ok((getrandom::u64()?,)),
        )?;
    }
    linker
        .instance("wasi:random/insecure-seed@0.2.6")?
        .func_wrap(
            "insecure-seed",
            |_: StoreContextMut<'_, HostState>, (): ()| {
                Ok(((getrandom::u64()?, getrandom::u64()?),))
            },
        )?;
    Ok(())
}

fn datetime(milliseconds: u64) -> Datetime {
    Datetime {
        seconds: milliseconds / 1000,
        nanoseconds: (milliseconds % 1000) as u32 * 1_000_000,
    }
}

fn random_bytes(length: u64) -> Result<Vec<u8>> {
    if length > MAX_BYTES {
        wasmtime::bail!("a plugin gets at most {MAX_BYTES} random bytes at a time");
    }
    let mut bytes = vec![0; length as usize];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}
