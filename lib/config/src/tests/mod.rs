mod explain;
mod layers;
mod refusals;

use std::path::Path;

use crate::{Config, Error, Sources};

/// Sources whose data folder is `folder`, so that no file of the machine takes part.
fn sources(folder: &Path) -> Sources {
    Sources {
        overrides: vec![("data", folder.display().to_string())],
        ..Sources::default()
    }
}

fn with_file(folder: &Path, text: &str) -> Result<Config, Error> {
    std::fs::write(folder.join("config.toml"), text).unwrap();
    Config::load(&sources(folder))
}

fn with_environment(folder: &Path, variables: &[(&str, &str)]) -> Result<Config, Error> {
    let mut sources = sources(folder);
    sources.environment = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Config::load(&sources)
}

/// The messages of a refusal, one a line, each after its source.
fn refusal(result: Result<Config, Error>) -> String {
    result.unwrap_err().to_string()
}
