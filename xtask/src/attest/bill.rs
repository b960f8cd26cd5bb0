//! The bill of materials, in CycloneDX 1.6.

use super::closure::{Closure, Crate, Facts};
use serde_json::{Value, json};

/// The bill of a component with this digest.
pub(super) fn of(closure: &Closure, digest: &str) -> Value {
    let others = closure.crates.iter().filter(|(it, _)| **it != closure.root);
    let components: Vec<Value> = others
        .map(|(named, facts)| component("library", named, facts, facts.checksum.as_deref()))
        .collect();
    let dependencies: Vec<Value> = closure
        .crates
        .iter()
        .map(|(named, facts)| {
            let on: Vec<String> = facts.depends_on.iter().map(Crate::purl).collect();
            json!({"ref": named.purl(), "dependsOn": on})
        })
        .collect();
    let root = &closure.crates[&closure.root];
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": component("application", &closure.root, root, Some(digest)),
        },
        "components": components,
        "dependencies": dependencies,
    })
}

fn component(kind: &str, named: &Crate, facts: &Facts, digest: Option<&str>) -> Value {
    // Some older crates write the choice between licences with a slash.
    let license = facts.license.replace('/', " OR ");
    json!({
        "type": kind,
        "bom-ref": named.purl(),
        "name": named.name,
        "version": named.version,
        "purl": named.purl(),
        "licenses": [{"expression": license}],
        "hashes": digest.map(|digest| json!({"alg": "SHA-256", "content": digest})).as_slice(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    #[test]
    fn the_bill_names_the_component_by_its_digest_and_every_crate_by_its_checksum() {
        let named = |name: &str| Crate {
            name: name.into(),
            version: "1.0.0".into(),
        };
        let facts = |checksum: Option<&str>, on: &[&str]| Facts {
            license: "MIT/Apache-2.0".into(),
            checksum: checksum.map(str::to_owned),
            depends_on: on.iter().map(|it| named(it)).collect::<BTreeSet<_>>(),
        };
        let closure = Closure {
            root: named("ours"),
            crates: BTreeMap::from([
                (named("ours"), facts(None, &["theirs"])),
                (named("theirs"), facts(Some("ab"), &[])),
            ]),
        };
        let bill = of(&closure, "cd");
        assert_eq!(bill["metadata"]["component"]["hashes"][0]["content"], "cd");
        let [theirs] = &bill["components"].as_array().unwrap()[..] else {
            panic!("{bill:#}");
        };
        assert_eq!(theirs["purl"], "pkg:cargo/theirs@1.0.0");
        assert_eq!(theirs["hashes"][0]["content"], "ab");
        assert_eq!(theirs["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(
            bill["dependencies"][0]["dependsOn"][0],
            "pkg:cargo/theirs@1.0.0"
        );
    }
}
