//! Escapes fields and messages of the log, also those of libraries: no foreign text begins a line or sends an escape
//! sequence. The formatter's own output, such as colours, stays.

use crate::escape::Escaping;
use std::fmt;
use tracing_subscriber::{
    field::RecordFields,
    fmt::{
        FormatFields,
        format::{DefaultFields, Writer},
    },
};

/// Formats fields of events and spans as usual, and escapes them.
#[derive(Debug)]
pub struct EscapedFields;

impl<'writer> FormatFields<'writer> for EscapedFields {
    fn format_fields<R: RecordFields>(
        &self,
        mut writer: Writer<'writer>,
        fields: R,
    ) -> fmt::Result {
        let mut escaping = Escaping(&mut writer);
        DefaultFields::new().format_fields(Writer::new(&mut escaping), fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::escape::is_hidden;
    use proptest::prelude::*;
    use std::{
        io::{self, Write},
        sync::{Arc, Mutex},
    };

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut log = self.0.lock().unwrap();
            log.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The output of a line that has this text in each of its fields.
    fn line(text: &str) -> String {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .fmt_fields(EscapedFields)
            .with_ansi(true)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let error = io::Error::other(text.to_owned());
            let span = tracing::info_span!("call", device = text, later = tracing::field::Empty);
            span.record("later", tracing::field::display(text));
            let error = &error as &dyn std::error::Error;
            span.in_scope(|| tracing::error!(name = text, shown = %text, debug = ?text, error, "said: {text}"));
        });
        let bytes = log.0.lock().unwrap();
        String::from_utf8(bytes.clone()).unwrap()
    }

    /// The line without the colours of the formatter.
    fn without_colours(line: &str) -> String {
        let mut parts = line.split("\u{1b}[");
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |shown, part| {
            let (colour, rest) = part.split_once('m').expect("a colour");
            assert!(colour.bytes().all(|it| it.is_ascii_digit() || it == b';'));
            shown + rest
        })
    }

    #[test]
    fn the_formatters_own_colours_stay_and_those_of_others_do_not() {
        let line = line("\u{1b}[31mred\r\n\u{202e}");
        assert!(line.contains("\u{1b}[31mERROR\u{1b}[0m"), "{line:?}");
        assert!(!line.contains("\u{1b}[31mred"), "{line:?}");
        assert_eq!(line.matches(r"red\r\n\u{202e}").count(), 7, "{line:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn whatever_a_text_says_it_stays_in_its_line(text in "[\\x00-\u{a0}\u{2000}-\u{2070}\u{feff}]{0,20}") {
            let line = without_colours(&line(&text));
            let shown = line.strip_suffix('\n').unwrap_or(&line);
            prop_assert!(!shown.contains(is_hidden), "{shown:?}");
        }
    }
}
