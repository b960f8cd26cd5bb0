//! How a word of the contract is written: the same in Rust, in JSON and, with the feature `component`,
//! in WIT.

/// An enum of words without payload, written the same in JSON and in the contract.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$case_about:meta])* $case:ident = $word:tt,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "component", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(enum))]
        #[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
        #[repr(u8)]
        pub enum $name {
            $(
                $(#[$case_about])*
                #[serde(rename = $word)]
                #[cfg_attr(feature = "component", component(name = $word))]
                $case,
            )*
        }

        impl $name {
            /// All of them, in the contract's order.
            pub const ALL: &[Self] = &[$(Self::$case),*];

            /// The word as the contract writes it.
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$case => $word,)*
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.word())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::word::UnknownWord;

            fn from_str(word: &str) -> Result<Self, $crate::word::UnknownWord> {
                match word {
                    $($word => Ok(Self::$case),)*
                    _ => Err($crate::word::UnknownWord {
                        word: word.to_owned(),
                        known: [$($word),*].join(", "),
                    }),
                }
            }
        }
    };
}
pub(crate) use words;

/// A word that the contract does not know in this place.
#[derive(Debug, thiserror::Error)]
#[error("unknown word `{word}`: expected one of {known}")]
pub struct UnknownWord {
    /// What was given.
    pub word: String,
    /// What would do, separated by commas.
    pub known: String,
}
