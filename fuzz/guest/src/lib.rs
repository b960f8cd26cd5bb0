//! A plugin that runs a program: the bytes in the name of its device's group, one per character. It passes raw values
//! that no language's bindings would let through: undefined enum cases, texts outside the memory or not in UTF-8,
//! invalid handles.
//!
//! The first byte is the number of import calls. Each call takes one byte for the import, and four per parameter. The
//! rest is the memory at `RETURNED`: the returned value, and data for the parameters to point into.

#![cfg_attr(not(target_family = "wasm"), allow(dead_code))]

#[allow(dead_code, missing_docs, unsafe_code, unreachable_pub, clippy::all)]
mod bindings {
    wit_bindgen::generate!({ path: "../../wit", world: "password-plugin", generate_all });
}

#[cfg(target_family = "wasm")]
use bindings::mdm::password::device_store::get_situation;

/// The address of the returned value: at the far end of the stack, which is never used.
const RETURNED: usize = 256;
/// The size of that memory.
const MAX_RETURNED: usize = 16 << 10;
/// Maximum number of import calls: more than the host's limit of effects.
const MAX_CALLS: u8 = 20;

/// The contract's imports, as WebAssembly has them.
// SAFETY: the host checks every parameter, which is the subject of the fuzzing.
#[allow(unsafe_code)]
#[cfg(target_family = "wasm")]
mod raw {
    #[link(wasm_import_module = "mdm:password/device-store@1.0.0")]
    unsafe extern "C" {
        #[link_name = "get-situation"]
        pub(crate) safe fn get_situation(to: i32);
        #[link_name = "complete"]
        pub(crate) safe fn complete(a: i32, b: i32, c: i32, d: i32, e: i32, f: i32, g: i32);
        #[link_name = "keep-late-outcome"]
        pub(crate) safe fn keep_late_outcome(a: i32, b: i32, c: i32, d: i32, e: i32, f: i32);
        #[link_name = "set-policy-override"]
        pub(crate) safe fn set_policy_override(a: i32, b: i32, c: i32);
    }

    #[link(wasm_import_module = "mdm:password/transport@1.0.0")]
    unsafe extern "C" {
        #[link_name = "send"]
        pub(crate) safe fn send(
            action: i32,
            options: i32,
            has_expiry: i32,
            expires_at: i64,
            has_secret: i32,
            secret: i32,
            to: i32,
        );
    }

    #[link(wasm_import_module = "mdm:password/secrets@1.0.0")]
    unsafe extern "C" {
        #[link_name = "[method]secret.guessability"]
        pub(crate) safe fn guessability(secret: i32) -> i32;
        #[link_name = "[resource-drop]secret"]
        pub(crate) safe fn drop_secret(secret: i32);
    }

    #[link(wasm_import_module = "mdm:password/settings@1.0.0")]
    unsafe extern "C" {
        #[link_name = "get"]
        pub(crate) safe fn get_settings(to: i32);
    }

    #[link(wasm_import_module = "mdm:password/logging@1.0.0")]
    unsafe extern "C" {
        #[link_name = "log"]
        pub(crate) safe fn log(level: i32, text: i32, length: i32);
    }
}

/// The rest of the bytes.
#[cfg(target_family = "wasm")]
struct Bytes(std::vec::IntoIter<u8>);

#[cfg(target_family = "wasm")]
impl Bytes {
    fn byte(&mut self) -> u8 {
        self.0.next().unwrap_or(0)
    }

    fn word(&mut self) -> i32 {
        i32::from_le_bytes([self.byte(), self.byte(), self.byte(), self.byte()])
    }

    fn words<const N: usize>(&mut self) -> [i32; N] {
        std::array::from_fn(|_| self.word())
    }

    fn call_an_import(&mut self) {
        match self.byte() % 8 {
            0 => {
                let [a, b, c, d, e, f, g] = self.words();
                raw::complete(a, b, c, d, e, f, g);
            }
            1 => {
                let [a, b, c, d, e, f] = self.words();
                raw::keep_late_outcome(a, b, c, d, e, f);
            }
            2 => {
                let [a, b, c] = self.words();
                raw::set_policy_override(a, b, c);
            }
            3 => {
                let [low, high, action, options, has_expiry] = self.words();
                let expires_at = i64::from(high) << 32 | i64::from(low.cast_unsigned());
                let [has_secret, secret, to] = self.words();
                raw::send(
                    action, options, has_expiry, expires_at, has_secret, secret, to,
                );
            }
            4 => match self.byte() % 2 {
                0 => raw::get_situation(self.word()),
                _ => raw::get_settings(self.word()),
            },
            5 => {
                let [level, text, length] = self.words();
                raw::log(level, text, length);
            }
            6 => {
                raw::guessability(self.word());
            }
            _ => raw::drop_secret(self.word()),
        }
    }
}

/// Runs the program in the device's group, and returns the address of the returned value.
#[cfg(target_family = "wasm")]
#[allow(unsafe_code)]
fn obey() -> usize {
    let group = get_situation().device.groups.swap_remove(0);
    let bytes: Vec<u8> = group.chars().map(|it| it as u8).collect();
    let mut bytes = Bytes(bytes.into_iter());
    let calls = bytes.byte().min(MAX_CALLS);
    for _ in 0..calls {
        bytes.call_an_import();
    }
    for (at, byte) in bytes.0.take(MAX_RETURNED).enumerate() {
        let to = core::ptr::with_exposed_provenance_mut::<u8>(RETURNED + at);
        // SAFETY: the memory lies in the 64 KiB of the stack, at the end that is used last.
        unsafe { to.write_volatile(byte) };
    }
    RETURNED
}

/// The contract's functions, as WebAssembly has them.
#[cfg(target_family = "wasm")]
#[allow(unsafe_code, clippy::too_many_arguments)]
mod exports {
    use super::obey;

    #[unsafe(export_name = "mdm:password/plugin@1.0.0#describe")]
    extern "C" fn describe() -> usize {
        let texts = ["fuzz-guest", "1.0.0", "runs a program", "{}", "{}"];
        let parts = texts.map(|text| [text.as_ptr().expose_provenance(), text.len()]);
        Box::leak(Box::new(parts)).as_ptr().expose_provenance()
    }

    #[unsafe(export_name = "mdm:password/plugin@1.0.0#check-settings")]
    extern "C" fn check_settings(_settings: i32, _length: i32) -> usize {
        Box::leak(Box::new([0_u32; 3])).as_ptr().expose_provenance()
    }

    #[unsafe(export_name = "mdm:password/password@1.0.0#reset")]
    extern "C" fn reset(
        _secret: i32,
        _options: i32,
        _replaces: i32,
        _replaced: i32,
        _replaced_length: i32,
        _is_limited: i32,
        _valid_for: i64,
        _has_reason: i32,
        _reason: i32,
        _reason_length: i32,
        _has_requester: i32,
        _role: i32,
        _role_length: i32,
        _id: i32,
        _id_length: i32,
    ) -> usize {
        obey()
    }

    #[unsafe(export_name = "mdm:password/password@1.0.0#remove")]
    extern "C" fn remove(
        _options: i32,
        _replaces: i32,
        _replaced: i32,
        _replaced_length: i32,
        _is_limited: i32,
        _valid_for: i64,
        _has_reason: i32,
        _reason: i32,
        _reason_length: i32,
        _has_requester: i32,
        _role: i32,
        _role_length: i32,
        _id: i32,
        _id_length: i32,
    ) -> usize {
        obey()
    }

    #[unsafe(export_name = "mdm:password/password@1.0.0#preview")]
    extern "C" fn preview(_parameters: i32) -> usize {
        obey()
    }

    #[unsafe(export_name = "mdm:password/password@1.0.0#status")]
    extern "C" fn status() -> usize {
        obey()
    }

    #[unsafe(export_name = "mdm:password/password@1.0.0#policy-override")]
    extern "C" fn policy_override() -> usize {
        obey()
    }

    #[unsafe(export_name = "mdm:password/password@1.0.0#report")]
    extern "C" fn report(_parameters: i32) -> usize {
        obey()
    }

    #[unsafe(export_name = "mdm:password/password@1.0.0#cancel")]
    extern "C" fn cancel(_parameters: i32) -> usize {
        obey()
    }

    #[unsafe(export_name = "mdm:password/password@1.0.0#expire")]
    extern "C" fn expire(_parameters: i32) -> usize {
        obey()
    }
}
