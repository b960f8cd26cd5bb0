//! Pictures of every page of the dashboard, for the documentation: wide, wide and dark, and as narrow as a phone.

use mdm_tests::{
    browser::{Browser, Scheme},
    pages::PAGES,
    scene::Scene,
};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// The suffix of a page's file, with its width and colour scheme.
const LOOKS: [(&str, u32, Scheme); 3] = [
    ("", 1280, Scheme::Light),
    ("-dark", 1280, Scheme::Dark),
    ("-narrow", 390, Scheme::Light),
];

fn main() -> ExitCode {
    let folder = env::args_os()
        .nth(1)
        .map_or_else(|| "docs/screenshots".into(), PathBuf::from);
    match take(&folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("screenshots: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn take(folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    let scene = Scene::set()?;
    let browser = Browser::start(&scene.env)?;
    browser.sign_in(&scene.env)?;
    for (name, scope) in PAGES {
        for (look, width, scheme) in LOOKS {
            browser.look(width, scheme)?;
            scope(&browser, &scene)?;
            let path = folder.join(format!("{name}{look}.png"));
            fs::write(&path, browser.picture()?)?;
            println!("{}", path.display());
        }
    }
    Ok(())
}
