//! Gathers the sources into one figment and takes the typed configuration out of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};

use crate::keys::{self, KEYS, Key, OTHER_VARIABLES, PREFIX};
use crate::{Config, Error, Explained, Problem, validate};

pub(crate) const DEFAULTS: &str = include_str!("defaults.toml");
const DEFAULT: &str = "default";
const COMMAND_LINE: &str = "command line";

/// What the configuration is made of, besides the defaults.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// `--config`: must exist. Otherwise `MPANEL_CONFIG`, otherwise `config.toml` in the data folder when there is one.
    pub file: Option<PathBuf>,
    /// The environment; names without the prefix `MPANEL_` are ignored, and an empty value counts as not set.
    pub environment: BTreeMap<String, String>,
    /// Settings given on the command line: dotted key and text.
    pub overrides: Vec<(&'static str, String)>,
}

impl Sources {
    /// The environment of this process and the given command line.
    pub fn from_process(file: Option<PathBuf>, overrides: Vec<(&'static str, String)>) -> Self {
        let unicode = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
        };
        Self {
            file,
            environment: std::env::vars_os().filter_map(unicode).collect(),
            overrides,
        }
    }
}

/// Values from one place. Its metadata's name is what `config print` shows as the source.
struct Layer {
    source: String,
    values: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.source.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

impl Layer {
    fn from_toml(source: String, text: &str) -> Result<Self, Problem> {
        let parsed = Toml::string(text).data();
        let mut profiles = parsed.map_err(|error| Problem {
            source: source.clone(),
            message: error.to_string(),
        })?;
        let values = profiles.remove(&Profile::Default).unwrap_or_default();
        Ok(Self { source, values })
    }

    fn from_text(source: String, key: &Key, text: &str) -> Self {
        let values = figment::util::nest(key.name, key.read(text)).into_dict();
        Self {
            source,
            values: values.expect("nesting a non-empty name gives a dictionary"),
        }
    }
}

pub(crate) fn load(sources: &Sources) -> Result<Config, Error> {
    let mut problems = Vec::new();
    // Later layers win.
    let above = environment_and_overrides(sources, &mut problems);
    let mut layers = vec![Layer::from_toml(DEFAULT.to_owned(), DEFAULTS).map_err(|problem| Error(vec![problem]))?];
    layers.extend(file_layer(sources, &above, &mut problems));
    layers.extend(above);
    if !problems.is_empty() {
        return Err(Error(problems));
    }

    let figment = layers.into_iter().fold(Figment::new(), Figment::merge);
    let mut config: Config = figment
        .extract()
        .map_err(|error| Error(error.into_iter().map(problem_of).collect()))?;
    config.explained = explain(&figment);
    let problems = validate::problems(&config);
    if problems.is_empty() {
        Ok(config)
    } else {
        Err(Error(problems))
    }
}

fn problem_of(error: figment::Error) -> Problem {
    let source = error
        .metadata
        .as_ref()
        .map_or_else(|| "configuration".to_owned(), |meta| meta.name.to_string());
    let path = error.path.join(".");
    // A secret's text must not come back in the message.
    let message = if keys::find(&path).is_some_and(|key| key.secret) {
        format!("`{path}`: not a text")
    } else {
        format!("`{path}`: {}", error.kind)
    };
    Problem { source, message }
}

fn environment_and_overrides(sources: &Sources, problems: &mut Vec<Problem>) -> Vec<Layer> {
    let mut layers = Vec::new();
    for (name, text) in &sources.environment {
        if !name.starts_with(PREFIX) || OTHER_VARIABLES.contains(&name.as_str()) || text.is_empty() {
            continue;
        }
        match KEYS.iter().find(|key| key.variable() == *name) {
            Some(key) => layers.push(Layer::from_text(name.clone(), key, text)),
            None => {
                let hint = keys::suggestion(name, KEYS.iter().map(Key::variable));
                problems.push(Problem {
                    source: name.clone(),
                    message: format!("no such setting{hint}"),
                });
            }
        }
    }
    for (name, text) in &sources.overrides {
        match keys::find(name) {
            Some(key) => layers.push(Layer::from_text(COMMAND_LINE.to_owned(), key, text)),
            None => problems.push(unknown(COMMAND_LINE, name)),
        }
    }
    layers
}

/// The file's layer, if there is a file.
fn file_layer(sources: &Sources, above: &[Layer], problems: &mut Vec<Problem>) -> Option<Layer> {
    let named = sources
        .environment
        .get("MPANEL_CONFIG")
        .filter(|path| !path.is_empty())
        .map(PathBuf::from);
    let explicit = sources.file.clone().or(named);
    let path = explicit
        .clone()
        .unwrap_or_else(|| data_folder(above).join("config.toml"));
    let source = path.display().to_string();
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if explicit.is_none() && error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => {
            problems.push(Problem {
                source,
                message: format!("cannot be read: {error}"),
            });
            return None;
        }
    };
    let layer = match Layer::from_toml(source, &text) {
        Ok(layer) => layer,
        Err(problem) => {
            problems.push(problem);
            return None;
        }
    };
    let before = problems.len();
    unknown_keys(&layer.source, "", &layer.values, problems);
    if explicit.is_none() && layer.values.contains_key("data") {
        let message = "`data`: cannot be set in a file that is found through it; use --data or MPANEL_DATA".to_owned();
        problems.push(Problem {
            source: layer.source.clone(),
            message,
        });
    }
    (problems.len() == before).then_some(layer)
}

/// The data folder as it stands without a file.
fn data_folder(above: &[Layer]) -> PathBuf {
    let set = above
        .iter()
        .rev()
        .find_map(|layer| layer.values.get("data").and_then(Value::as_str));
    if let Some(folder) = set {
        return PathBuf::from(folder);
    }
    let defaults = Figment::from(Toml::string(DEFAULTS));
    defaults.extract_inner("data").expect("the defaults name a data folder")
}

/// Walks a file's tables; anything that is neither a key nor a table of keys is unknown.
fn unknown_keys(source: &str, above: &str, values: &Dict, problems: &mut Vec<Problem>) {
    for (name, value) in values {
        let path = format!("{above}{name}");
        let table = format!("{path}.");
        match value {
            _ if keys::find(&path).is_some() => {}
            Value::Dict(_, inner) if KEYS.iter().any(|key| key.name.starts_with(&table)) => {
                unknown_keys(source, &table, inner, problems);
            }
            _ => problems.push(unknown(source, &path)),
        }
    }
}

fn unknown(source: &str, name: &str) -> Problem {
    let hint = keys::suggestion(name, KEYS.iter().map(|key| key.name));
    Problem {
        source: source.to_owned(),
        message: format!("`{name}`: no such key{hint}"),
    }
}

fn explain(figment: &Figment) -> Vec<Explained> {
    let line = |key: &'static Key| {
        let value = figment.find_value(key.name).ok().map(|value| key.show(&value));
        let source = figment
            .find_metadata(key.name)
            .map_or(DEFAULT.to_owned(), |meta| meta.name.to_string());
        Explained {
            key: key.name,
            value,
            source,
        }
    };
    KEYS.iter().map(line).collect()
}
