//! The effective settings, and how children get them: by environment, which is otherwise empty.

use std::path::{Path, PathBuf};

use mpanel_config::Config;

/// Longest data folder whose deepest Unix socket (`run/pg/.s.PGSQL.5432`) still fits in 107 bytes.
const DATA_MAX: usize = 107 - "/run/pg/.s.PGSQL.5432".len();

/// The variable that keeps a child from looking for a file: it may not read it, and it has the effective settings already.
const NO_FILE: (&str, &str) = ("MPANEL_CONFIG", "/dev/null");

/// Makes the data folder absolute and checks what would fail later with a worse message.
///
/// # Errors
/// A text for the operator.
pub fn data_folder(config: &Config) -> anyhow::Result<PathBuf> {
    let data = std::path::absolute(&config.data)?;
    check(&data)?;
    std::fs::create_dir_all(&data).map_err(|error| {
        anyhow::anyhow!(
            "cannot make the data folder {}: {error}; set --data or MPANEL_DATA",
            data.display()
        )
    })?;
    let data = data.canonicalize()?;
    check(&data)?;
    Ok(data)
}

fn check(data: &Path) -> anyhow::Result<()> {
    anyhow::ensure!(
        data.as_os_str().len() <= DATA_MAX,
        "the path of the data folder is too long for Unix sockets ({} bytes, at most {DATA_MAX}): {}; set --data or MPANEL_DATA",
        data.as_os_str().len(),
        data.display()
    );
    anyhow::ensure!(
        data.to_str().is_some_and(|text| !text.contains([',', '\n', '\r'])),
        "the path of the data folder must be UTF-8 without commas and line breaks: {}; set --data or MPANEL_DATA",
        data.display()
    );
    Ok(())
}

/// The environment of a child: every setting that is not a default, and the addresses as they were bound.
///
/// Secrets go only to those that need them (`secrets`).
pub fn environment(
    config: &Config,
    data: &Path,
    bound: &[(&'static str, String)],
    secrets: bool,
) -> Vec<(String, String)> {
    let mut variables = vec![(NO_FILE.0.to_owned(), NO_FILE.1.to_owned())];
    for line in config.explain() {
        let value = match (line.key, config.secret(line.key)) {
            ("data", _) => Some(data.display().to_string()),
            (key, _) if bound.iter().any(|(name, _)| *name == key) => bound
                .iter()
                .find(|(name, _)| *name == key)
                .map(|(_, address)| address.clone()),
            (_, Some(secret)) => secrets.then(|| secret.expose().clone()),
            // A user without the password to it is no setting that could be checked.
            (key, _) if !secrets && key.starts_with("mail.") => None,
            _ if line.source == "default" => None,
            _ => line.value.clone(),
        };
        if let Some(value) = value {
            variables.push((variable(line.key), value));
        }
    }
    variables
}

/// `log.filter` → `MPANEL_LOG_FILTER`, the name that the configuration reads.
pub fn variable(key: &str) -> String {
    format!("MPANEL_{}", key.replace('.', "_").to_ascii_uppercase())
}

#[cfg(test)]
mod tests;
