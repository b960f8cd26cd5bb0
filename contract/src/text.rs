//! Texts that others have written.

/// The text as every store can keep it: PostgreSQL takes no NUL.
pub fn storable(text: String) -> String {
    match text.contains('\0') {
        true => text.replace('\0', "\u{FFFD}"),
        false => text,
    }
}
