//! Texts from outside.

/// Makes a text storable in every database: PostgreSQL accepts no NUL.
pub fn storable(text: String) -> String {
    match text.contains('\0') {
        true => text.replace('\0', "\u{FFFD}"),
        false => text,
    }
}
