//! Shortens a plugin's texts, for errors and the log.

use mdm_contract::text::storable;

/// Maximum length of a plugin's text in an error or a log line, in bytes.
const MAX_WORDS: usize = 500;

/// Shortens a plugin's text to the default length.
pub fn shortened(text: String) -> String {
    cut(storable(text), MAX_WORDS)
}

/// Shortens a text to this many bytes.
pub(crate) fn cut(mut text: String, longest: usize) -> String {
    if text.len() > longest {
        text.truncate(text.floor_char_boundary(longest));
        text.push('…');
    }
    text
}
