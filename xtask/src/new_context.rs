//! `cargo xtask new-context NAME`: the files of a context, in the shape that the others have.

use crate::process;
use anyhow::{Context as _, Result, bail};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Path inside the context, text with `{{name}}` and `{{Name}}`.
macro_rules! templates {
    ($($path:literal),+ $(,)?) => {
        &[$(($path, include_str!(concat!("../templates/context/", $path, ".tmpl")))),+]
    };
}

const TEMPLATES: &[(&str, &str)] = templates![
    "Cargo.toml",
    "README.md",
    "contract/Cargo.toml",
    "contract/src/lib.rs",
    "migrations/0001_items.sql",
    "src/authz.rs",
    "src/domain.rs",
    "src/domain/item.rs",
    "src/error.rs",
    "src/http.rs",
    "src/http/items.rs",
    "src/lib.rs",
    "src/service.rs",
    "src/service/create_item.rs",
    "src/service/list_items.rs",
    "src/store.rs",
    "src/store/items.rs",
    "src/tests.rs",
    "src/tests/domain.rs",
    "src/tests/items.rs",
];

/// # Errors
/// When the name is not one, the context exists, or a file cannot be written.
pub fn run(root: &Path, args: &[String]) -> Result<()> {
    let [name] = args else {
        bail!("usage: cargo xtask new-context NAME")
    };
    write(root, name)?;
    // The order of imports depends on the name.
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut format = Command::new(cargo);
    format
        .current_dir(root)
        .arg("fmt")
        .args(["--package", &format!("mpanel-{name}")]);
    process::run(format.args(["--package", &format!("mpanel-{name}-contract")]))?;
    println!("contexts/{name} is there. What is next stands in docs/adding-a-context.md.");
    Ok(())
}

fn write(root: &Path, name: &str) -> Result<()> {
    check_name(name)?;
    let folder = root.join("contexts").join(name);
    if folder.exists() {
        bail!("contexts/{name} exists");
    }
    for (path, text) in render(name) {
        let file = folder.join(path);
        fs::create_dir_all(file.parent().context("a template has a folder")?)?;
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    let manifest = root.join("Cargo.toml");
    let text = fs::read_to_string(&manifest)?;
    fs::write(&manifest, with_dependencies(&text, name)?)?;
    Ok(())
}

/// A name that serves as folder, SQL schema, prefix of ids and operations alike.
fn check_name(name: &str) -> Result<()> {
    let letters = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    if !letters || !name.starts_with(|c: char| c.is_ascii_lowercase()) || !(2..=30).contains(&name.len()) {
        bail!("`{name}`: a context has a name of 2 to 30 lower-case letters and digits, such as billing");
    }
    Ok(())
}

/// The files with their paths inside the context.
fn render(name: &str) -> Vec<(&'static str, String)> {
    let mut title = name.to_owned();
    title[..1].make_ascii_uppercase();
    TEMPLATES
        .iter()
        .map(|(path, text)| (*path, text.replace("{{name}}", name).replace("{{Name}}", &title)))
        .collect()
}

/// The root manifest with the two new crates, in the order of the alphabet among ours.
fn with_dependencies(manifest: &str, name: &str) -> Result<String> {
    let start = manifest
        .find("[workspace.dependencies]")
        .context("Cargo.toml has no [workspace.dependencies]")?;
    let mut text = manifest.to_owned();
    for (package, path) in [
        (format!("mpanel-{name}"), format!("contexts/{name}")),
        (format!("mpanel-{name}-contract"), format!("contexts/{name}/contract")),
    ] {
        let line = format!("{package} = {{ path = \"{path}\" }}\n");
        let mut offset = start;
        let mut place = None;
        for existing in text[start..].split_inclusive('\n') {
            let key = existing.split([' ', '=', '.']).next().unwrap_or_default();
            if key.starts_with("mpanel-") && key <= package.as_str() || place.is_none() && offset == start {
                place = Some(offset + existing.len());
            }
            offset += existing.len();
        }
        text.insert_str(place.context("[workspace.dependencies] ends at once")?, &line);
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
