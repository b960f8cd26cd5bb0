//! Every page is looked through by axe-core, which knows what stops people who can't see, hear, or use a mouse.

use mdm_server_http::dashboard::{PageRoute, routes};
use mdm_tests::{
    browser::{Browser, Scheme},
    pages::PAGES,
    scene::Scene,
};
use serde_json::Value;
use std::{fs, path::Path};

const AXE: &str = "browser-tools/node_modules/axe-core/axe.min.js";

const LOOK_THROUGH: &str =
    "; return axe.run(document, { resultTypes: ['violations'] }).then((it) => it.violations)";

/// As wide as a desk, and as wide as a phone.
const WIDTHS: [u32; 2] = [1280, 390];

#[test]
fn no_page_has_a_serious_fault_of_accessibility_in_light_or_dark() {
    let axe = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(AXE))
        .expect("axe-core is missing: `npm install` in tests/browser-tools, or `cargo xtask test`");
    let scene = Scene::set().unwrap();
    let browser = Browser::start(&scene.env).unwrap();
    browser.sign_in(&scene.env).unwrap();
    let mut faults = Vec::new();
    for (name, scope) in PAGES {
        scope(&browser, &scene).unwrap();
        for scheme in [Scheme::Light, Scheme::Dark] {
            for width in WIDTHS {
                browser.look(width, scheme).unwrap();
                let found = browser.run(&format!("{axe}{LOOK_THROUGH}")).unwrap();
                let found = found.as_array().expect("no list of violations");
                let serious = found.iter().filter(|it| is_serious(it));
                faults
                    .extend(serious.map(|it| format!("{name}, {scheme:?}, {width}: {}", told(it))));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_page_is_looked_through() {
    let scene = Scene::set().unwrap();
    let browser = Browser::start(&scene.env).unwrap();
    browser.sign_in(&scene.env).unwrap();
    let mut seen = Vec::new();
    for (_, scope) in PAGES {
        scope(&browser, &scene).unwrap();
        seen.push(browser.path().unwrap());
    }
    let missed: Vec<&str> = routes()
        .iter()
        .filter(|route| is_page(route) && !seen.iter().any(|path| leads_to(route.path, path)))
        .map(|route| route.path)
        .collect();
    assert!(missed.is_empty(), "not in pages.rs: {missed:?}");
}

/// Neither the way to the first page, nor a stream, nor a file.
fn is_page(route: &PageRoute) -> bool {
    route.method == "GET" && !["/", "/live"].contains(&route.path) && !route.path.contains('.')
}

fn leads_to(route: &str, path: &str) -> bool {
    let (route, path) = (route.split('/'), path.split('/'));
    route.clone().count() == path.clone().count()
        && route
            .zip(path)
            .all(|(of_route, of_path)| of_route == of_path || of_route.starts_with('{'))
}

#[test]
fn no_page_is_wider_than_a_phone() {
    let scene = Scene::set().unwrap();
    let browser = Browser::start(&scene.env).unwrap();
    browser.sign_in(&scene.env).unwrap();
    browser.look(390, Scheme::Light).unwrap();
    let mut too_wide = Vec::new();
    for (name, scope) in PAGES {
        scope(&browser, &scene).unwrap();
        let width = browser
            .run("return document.documentElement.scrollWidth")
            .unwrap();
        if width != 390 {
            too_wide.push(format!("{name}: {width}"));
        }
    }
    assert!(too_wide.is_empty(), "to be scrolled sideways: {too_wide:?}");
}

fn is_serious(violation: &Value) -> bool {
    violation["impact"] == "serious" || violation["impact"] == "critical"
}

fn told(violation: &Value) -> String {
    let nodes = violation["nodes"].as_array().into_iter().flatten();
    let places: Vec<String> = nodes
        .map(|node| format!("{} {}", node["target"], node["failureSummary"]))
        .collect();
    format!("{} ({})", violation["help"], places.join("; "))
}
