//! The HTML frame of all pages, signed in or not.

use maud::{DOCTYPE, Markup, PreEscaped, html};

/// A page without a signed-in user.
pub(super) fn bare(title: &str, content: Markup) -> Markup {
    document(
        title,
        None,
        html! {
            header .bar { a .brand href="/devices" { (logo()) "Lock screens" } }
            main #main tabindex="-1" { (content) }
        },
    )
}

/// A text of the contract as a sentence: they begin small, and end without a full stop.
pub(super) fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_uppercase());
    let sentence: String = first.into_iter().flatten().chain(characters).collect();
    match sentence.ends_with(['.', '!', '?']) || sentence.is_empty() {
        true => sentence,
        false => sentence + ".",
    }
}

/// A document of HTML. `live`: the path of the events that say that it is out of date.
pub(super) fn document(title: &str, live: Option<&str>, body: Markup) -> Markup {
    let version = env!("CARGO_PKG_VERSION");
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Lock screens" }
                link rel="icon" href="/assets/icon.svg" type="image/svg+xml";
                link rel="stylesheet" href={ "/assets/style.css?" (version) };
                script src={ "/assets/script.js?" (version) } defer {}
            }
            body data-live=[live] {
                a .skip href="#main" { "Skip to the content" }
                (body)
            }
        }
    }
}

/// The logo.
pub(super) fn logo() -> Markup {
    PreEscaped(
        "<svg class=\"logo\" viewBox=\"0 0 24 24\" aria-hidden=\"true\"><rect x=\"4\" y=\"10\" width=\"16\" \
         height=\"11\" rx=\"2.5\" fill=\"currentColor\"/><path d=\"M7.5 10V7.5a4.5 4.5 0 0 1 9 0V10\" \
         fill=\"none\" stroke=\"currentColor\" stroke-width=\"2.4\"/></svg>"
            .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::sentence;

    #[test]
    fn a_text_of_the_contract_becomes_a_sentence() {
        assert_eq!(sentence("update the agent"), "Update the agent.");
        assert_eq!(sentence("Done!"), "Done!");
        assert_eq!(sentence(""), "");
    }
}
