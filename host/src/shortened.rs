//! Texts that a plugin may have written, shortened for errors and the log.

use mdm_contract::text::storable;

/// The most of a plugin's own words that an error or a line of the log repeats, in bytes.
const MAX_WORDS: usize = 500;

/// The beginning of a text that a plugin may have written.
pub fn shortened(text: String) -> String {
    cut(storable(text), MAX_WORDS)
}

/// The beginning of a text, of so many bytes.
pub(crate) fn cut(mut text: String, longest: usize) -> String {
    if text.len() > longest {
        text.truncate(text.floor_char_boundary(longest));
        text.push('…');
    }
    text
}
