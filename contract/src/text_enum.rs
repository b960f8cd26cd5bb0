//! Enums without payload and their text form, which is the same in Rust, in JSON, in a store and on the command line.

/// Defines enums without payload from their cases and texts. They get `ALL`, `as_str`, `Display` and `FromStr`, and are
/// written as their texts in JSON. The crate that uses the macro needs `serde`.
///
/// ```
/// mdm_contract::text_enum! {
///     /// A traffic light.
///     Light {
///         /// Stop.
///         Red = "red",
///         /// Go.
///         Green = "green",
///     }
/// }
/// assert_eq!(Light::Green.to_string(), "green");
/// assert_eq!("red".parse::<Light>().unwrap(), Light::Red);
/// assert_eq!("blue".parse::<Light>().unwrap_err().to_string(), "`blue` is not one of: red, green");
/// ```
#[macro_export]
macro_rules! text_enum {
    ($(#[$about:meta])* $name:ident { $($(#[$case_about:meta])* $case:ident = $word:tt,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $(
                $(#[$case_about])*
                #[serde(rename = $word)]
                $case,
            )*
        }

        impl $name {
            /// All of them, in their order.
            pub const ALL: [Self; [$(Self::$case),*].len()] = [$(Self::$case),*];

            /// Its text.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$case => $word,)*
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::text_enum::UnknownText;

            fn from_str(word: &str) -> Result<Self, $crate::text_enum::UnknownText> {
                match word {
                    $($word => Ok(Self::$case),)*
                    _ => Err($crate::text_enum::UnknownText {
                        word: word.to_owned(),
                        known: [$($word),*].join(", "),
                    }),
                }
            }
        }
    };
}

/// Enums of the contract: with the feature `component`, they are written the same in WIT.
macro_rules! contract_enum {
    ($(#[$about:meta])* $name:ident { $($(#[$case_about:meta])* $case:ident = $word:tt,)* }) => {
        $crate::text_enum! {
            $(#[$about])*
            #[cfg_attr(feature = "component", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(enum))]
            #[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
            #[repr(u8)]
            $name {
                $(
                    $(#[$case_about])*
                    #[cfg_attr(feature = "component", component(name = $word))]
                    $case = $word,
                )*
            }
        }
    };
}
pub(crate) use contract_enum;

/// The error for a text that is no case of the enum.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is not one of: {known}")]
pub struct UnknownText {
    /// The text.
    pub word: String,
    /// The texts of the enum, separated by commas.
    pub known: String,
}
