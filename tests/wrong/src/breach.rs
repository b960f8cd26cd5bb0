//! The selection of the broken rule.

use std::hint::black_box;

/// The rule that this plugin breaks, and the way.
pub(super) fn breach() -> (u8, u8) {
    static MARK: &[u8; 15] = b"breaks-rule-00a";
    let mark = black_box(MARK);
    ((mark[12] - b'0') * 10 + (mark[13] - b'0'), mark[14])
}
