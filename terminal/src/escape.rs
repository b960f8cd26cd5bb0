//! Escapes the characters that a log, a terminal or a spreadsheet acts on instead of showing them.
//!
//! Names, reasons and error texts come from agents, plugins, receivers of webhooks and other hosts. Raw, they could
//! forge a line of the log, send escape sequences to an admin's terminal, or look like another name.

use std::{
    fmt::{self, Write},
    ops::RangeInclusive,
};

/// The characters with which a spreadsheet begins a formula, also in their full-width and small forms.
const FORMULA: [char; 13] = [
    '=', '+', '-', '@', '＝', '＋', '－', '＠', '﹦', '﹢', '﹣', '﹫', '\u{2212}',
];

/// The characters that are not shown as themselves: control characters (C0, DEL, C1), line and paragraph separators,
/// and what is invisible, has no width, or changes the direction of text (Unicode's `Default_Ignorable_Code_Point`,
/// and the interlinear annotations).
pub const HIDDEN: [RangeInclusive<char>; 19] = [
    '\0'..='\u{1f}',
    '\u{7f}'..='\u{9f}',
    '\u{ad}'..='\u{ad}',
    '\u{34f}'..='\u{34f}',
    '\u{61c}'..='\u{61c}',
    '\u{115f}'..='\u{1160}',
    '\u{17b4}'..='\u{17b5}',
    '\u{180b}'..='\u{180f}',
    '\u{200b}'..='\u{200f}',
    '\u{2028}'..='\u{202e}',
    '\u{2060}'..='\u{206f}',
    '\u{3164}'..='\u{3164}',
    '\u{fe00}'..='\u{fe0f}',
    '\u{feff}'..='\u{feff}',
    '\u{ffa0}'..='\u{ffa0}',
    '\u{fff0}'..='\u{fffb}',
    '\u{1bca0}'..='\u{1bca3}',
    '\u{1d173}'..='\u{1d17a}',
    '\u{e0000}'..='\u{e0fff}',
];

/// Returns `true` for a character that is not shown as itself.
pub fn is_hidden(character: char) -> bool {
    // Most characters are printable ASCII.
    !matches!(character, ' '..='~') && HIDDEN.iter().any(|range| range.contains(&character))
}

/// A text on one line, with hidden characters written as in Rust: `\n`, `\u{1b}`.
///
/// ```
/// use mdm_terminal::escape::Escaped;
/// assert_eq!(Escaped("pho\nne\u{202e}").to_string(), r"pho\nne\u{202e}");
/// ```
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.contains(is_hidden) {
            false => f.pad(self.0),
            true => f.pad(&escaped(self.0, |_| false)),
        }
    }
}

/// A writer that escapes all that is written to it, as [`Escaped`] does.
pub struct Escaping<'a>(pub &'a mut dyn Write);

impl Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        escape(text, self.0, |_| false)
    }
}

/// A page of several lines: its line feeds stay, and everything else that is hidden is escaped. Texts of others that
/// stand in the page are to be [`Escaped`] before, or they could begin a line of their own.
pub fn page(text: &str) -> String {
    escaped(text, |character| character == '\n')
}

/// JSON that says the same, with every hidden character inside its strings as `\uXXXX`. Its own line feeds, between
/// the values, stay.
pub fn json(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for character in text.chars() {
        if character != '\n' && is_hidden(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a string can't fail.
                let _ = write!(result, "\\u{unit:04x}");
            }
        } else {
            result.push(character);
        }
    }
    result
}

/// A cell of a CSV table: escaped, and with `'` before what a spreadsheet would compute, also after blanks.
pub fn cell(text: &str) -> String {
    let text = escaped(text, |_| false);
    match text.trim_start().starts_with(FORMULA) || is_escaped_blank(&text) {
        true => format!("'{text}"),
        false => text,
    }
}

/// Returns `true` if a tab or a carriage return stood first: some programs turn the escape back.
fn is_escaped_blank(text: &str) -> bool {
    let text = text.trim_start();
    text.starts_with("\\t") || text.starts_with("\\r")
}

fn escaped(text: &str, stays: fn(char) -> bool) -> String {
    let mut result = String::with_capacity(text.len());
    // Writing to a string can't fail.
    let _ = escape(text, &mut result, stays);
    result
}

fn escape(text: &str, into: &mut dyn Write, stays: fn(char) -> bool) -> fmt::Result {
    let acts = |character: char| is_hidden(character) && !stays(character);
    let mut rest = text;
    while let Some(place) = rest.find(acts) {
        let (before, from) = rest.split_at(place);
        into.write_str(before)?;
        let mut characters = from.chars();
        match characters.next() {
            Some('\n') => into.write_str("\\n")?,
            Some('\r') => into.write_str("\\r")?,
            Some('\t') => into.write_str("\\t")?,
            Some(other) => write!(into, "\\u{{{:x}}}", u32::from(other))?,
            None => {}
        }
        rest = characters.as_str();
    }
    into.write_str(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Each hidden character of what an attacker would send, with what is shown of it.
    const ATTACKS: [(&str, &str); 10] = [
        (
            "\u{1b}[2J\u{1b}]0;title\u{7}",
            r"\u{1b}[2J\u{1b}]0;title\u{7}",
        ),
        ("a\r\nb\tc", r"a\r\nb\tc"),
        ("\u{9b}31m\u{85}\u{7f}", r"\u{9b}31m\u{85}\u{7f}"),
        (
            "\u{202e}gpj.exe\u{2066}\u{2069}",
            r"\u{202e}gpj.exe\u{2066}\u{2069}",
        ),
        ("sa\u{200b}les\u{feff}", r"sa\u{200b}les\u{feff}"),
        ("\u{2028}\u{2029}", r"\u{2028}\u{2029}"),
        ("soft\u{ad}hyphen\u{2060}", r"soft\u{ad}hyphen\u{2060}"),
        ("tag\u{e0041}\u{e0100}", r"tag\u{e0041}\u{e0100}"),
        ("\0\u{8}", r"\u{0}\u{8}"),
        ("phone of Zoë, 電話 📱 C:\\", "phone of Zoë, 電話 📱 C:\\"),
    ];

    #[test]
    fn what_is_hidden_is_written_out_and_everything_else_stays() {
        for (text, shown) in ATTACKS {
            assert_eq!(Escaped(text).to_string(), shown);
            let mut written = String::new();
            write!(Escaping(&mut written), "{text}").unwrap();
            assert_eq!(written, shown);
        }
        assert_eq!(format!("{:6}|", Escaped("a\n")), "a\\n   |");
        assert_eq!(page("one\ntwo\r\u{1b}"), "one\ntwo\\r\\u{1b}");
    }

    #[test]
    fn no_cell_is_a_formula_whatever_stands_before_it() {
        for formula in [
            "=1+1",
            "+1",
            "-1",
            "@SUM(A1)",
            "＝1",
            "＋1",
            "－1",
            "＠a",
            "\u{2212}1",
            "\u{fe66}1",
        ] {
            for blank in ["", " ", "\u{a0}", "\u{3000}", "   "] {
                let text = format!("{blank}{formula}");
                assert_eq!(cell(&text), format!("'{text}"));
            }
        }
        assert_eq!(cell("\t=1"), "'\\t=1");
        assert_eq!(cell("\r=1"), "'\\r=1");
        assert_eq!(cell("phone"), "phone");
        assert_eq!(cell("a-b"), "a-b");
    }

    /// Texts in which hidden characters and beginnings of formulas are frequent.
    fn texts() -> impl Strategy<Value = String> {
        let hidden = prop_oneof![
            any::<char>(),
            prop::char::range('\0', '\u{a0}'),
            prop::char::range('\u{2000}', '\u{2070}'),
            prop::sample::select(FORMULA.to_vec()),
            prop::char::range('\u{e0000}', '\u{e0200}'),
        ];
        prop::collection::vec(hidden, 0..20).prop_map(String::from_iter)
    }

    proptest! {
        #[test]
        fn no_text_comes_out_with_anything_hidden(text in texts()) {
            let shown = Escaped(&text).to_string();
            prop_assert!(!shown.contains(is_hidden), "{shown:?}");
            prop_assert_eq!(shown == text, !text.contains(is_hidden));
            prop_assert!(!page(&text).replace('\n', "").contains(is_hidden));
            prop_assert_eq!(page(&text).matches('\n').count(), text.matches('\n').count());
        }

        #[test]
        fn no_text_becomes_a_formula(text in texts()) {
            let cell = cell(&text);
            prop_assert!(!cell.contains(is_hidden), "{cell:?}");
            prop_assert!(!cell.trim_start().starts_with(FORMULA), "{cell:?}");
        }

        #[test]
        fn json_says_the_same_and_hides_nothing(text in texts()) {
            let value = serde_json::json!({ "name": text, "names": [&text] });
            let escaped = json(&serde_json::to_string_pretty(&value).unwrap());
            prop_assert!(!escaped.replace('\n', "").contains(is_hidden), "{escaped:?}");
            let read: serde_json::Value = serde_json::from_str(&escaped).unwrap();
            prop_assert_eq!(read, value);
        }
    }
}
