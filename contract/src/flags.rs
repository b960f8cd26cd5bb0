//! Flags of the contract: a set of named options, in JSON the list of their names.

/// Defines flags from their constants and names. With the feature `component`, they are `flags` in WIT.
macro_rules! contract_flags {
    ($(#[$about:meta])* $name:ident { $($(#[$flag_about:meta])* $flag:ident = $word:literal,)* }) => {
        #[cfg(feature = "component")]
        pub use with_component::$name;
        #[cfg(not(feature = "component"))]
        pub use without_component::$name;

        // The macro of wasmtime documents nothing that it defines.
        #[cfg(feature = "component")]
        #[allow(missing_docs)]
        mod with_component {
            wasmtime::component::flags! {
                $name {
                    $(#[component(name = $word)] const $flag;)*
                }
            }
        }

        #[cfg(not(feature = "component"))]
        mod without_component {
            $(#[$about])*
            #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
            pub struct $name(u8);

            #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
            enum Place { $($flag,)* }

            impl $name {
                $($(#[$flag_about])* pub const $flag: Self = Self(1 << Place::$flag as u8);)*

                /// No flag.
                pub fn empty() -> Self {
                    Self::default()
                }

                /// Returns `true` if all flags of the other are set.
                pub fn contains(&self, other: Self) -> bool {
                    self.0 & other.0 == other.0
                }
            }

            impl std::ops::BitOr for $name {
                type Output = Self;

                fn bitor(self, other: Self) -> Self {
                    Self(self.0 | other.0)
                }
            }
        }

        impl $name {
            /// Each flag, with its name.
            pub const EACH: [(Self, &'static str); [$($word),*].len()] = [$((Self::$flag, $word)),*];

            /// All flags.
            pub fn every() -> Self {
                Self::EACH.into_iter().fold(Self::empty(), |all, (flag, _)| all | flag)
            }

            /// The names of the flags that are set.
            pub fn names(self) -> impl Iterator<Item = &'static str> {
                let set = Self::EACH.into_iter().filter(move |(flag, _)| self.contains(*flag));
                set.map(|(_, name)| name)
            }

            /// These flags if the condition is `true`, else none.
            pub fn when(self, condition: bool) -> Self {
                if condition { self } else { Self::empty() }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_seq(self.names())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                const NAMES: &[&str] = &[$($word),*];
                let names = <Vec<std::borrow::Cow<'de, str>> as serde::Deserialize>::deserialize(deserializer)?;
                names.into_iter().try_fold(Self::empty(), |flags, name| {
                    let known = Self::EACH.into_iter().find(|(_, known)| *known == name);
                    let (flag, _) = known.ok_or_else(|| serde::de::Error::unknown_variant(&name, NAMES))?;
                    Ok(flags | flag)
                })
            }
        }

        #[cfg(feature = "schema")]
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Type};
                let names = ObjectBuilder::new()
                    .schema_type(Type::String)
                    .enum_values(Some([$($word),*]));
                ArrayBuilder::new().items(names).unique_items(true).into()
            }
        }

        #[cfg(feature = "schema")]
        impl utoipa::ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
        }
    };
}
pub(crate) use contract_flags;

#[cfg(test)]
mod tests {
    use crate::ResetOptions;

    #[test]
    fn flags_are_the_list_of_their_names_in_json() {
        let both = ResetOptions::LOCK_NOW | ResetOptions::REQUIRE_ENTRY;
        let json = serde_json::to_string(&both).unwrap();
        assert_eq!(json, r#"["lock-now","require-entry"]"#);
        assert_eq!(serde_json::from_str::<ResetOptions>(&json).unwrap(), both);
        let error = serde_json::from_str::<ResetOptions>(r#"["lock"]"#).unwrap_err();
        assert!(error.to_string().contains("lock-now"), "{error}");
    }
}
