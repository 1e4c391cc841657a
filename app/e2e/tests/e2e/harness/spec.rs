//! The served `openapi.json`: which operations there are, and whether an answer is one that it promises.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use jsonschema::Validator;
use serde_json::{Value, json};

static NOTHING: Value = Value::Null;

/// The document, with the validators made from it.
#[derive(Debug)]
pub struct Spec {
    pub document: Value,
    validators: Mutex<BTreeMap<String, Arc<Validator>>>,
    /// Operation ids that were called, with the statuses of answers that were as promised.
    seen: Mutex<BTreeMap<String, BTreeSet<u16>>>,
    /// What was changed, in order.
    changes: Mutex<Vec<Made>>,
}

/// A change that succeeded.
#[derive(Debug, Clone)]
pub struct Made {
    pub operation: String,
    /// The request's id.
    pub request: String,
    /// For whom it was made, if the request said so.
    pub tenant: Option<String>,
}

/// One operation of the document.
#[derive(Debug, Clone)]
pub struct Operation {
    pub id: String,
    pub method: String,
    /// With its parameters in braces: `/api/v1/sites/{site_id}`.
    pub path: String,
    pub public: bool,
    /// The names in braces, in order.
    pub ids: Vec<String>,
    pub value: Value,
}

impl Operation {
    /// The path with each parameter replaced by what `id` makes of its name.
    pub fn path_with(&self, mut id: impl FnMut(&str) -> String) -> String {
        let mut path = self.path.clone();
        for name in &self.ids {
            path = path.replace(&format!("{{{name}}}"), &id(name));
        }
        path
    }
}

impl Spec {
    pub fn new(document: Value) -> Self {
        Self {
            document,
            validators: Mutex::default(),
            seen: Mutex::default(),
            changes: Mutex::default(),
        }
    }

    /// Remembers an answer as promised, if it says that something was changed.
    pub fn note(&self, method: &str, path: &str, (status, request): (u16, String), tenant: Option<&String>) {
        if ["GET", "HEAD"].contains(&method) || status / 100 != 2 {
            return;
        }
        let operation = self.find(method, path).expect("its answer was as promised").id;
        self.changes.lock().unwrap().push(Made {
            operation,
            request,
            tenant: tenant.cloned(),
        });
    }

    /// Every change so far that succeeded.
    pub fn changes(&self) -> Vec<Made> {
        self.changes.lock().unwrap().clone()
    }

    pub fn operations(&self) -> Vec<Operation> {
        let mut operations = Vec::new();
        for (path, item) in self.document["paths"].as_object().into_iter().flatten() {
            for (method, value) in item.as_object().into_iter().flatten() {
                let Some(id) = value["operationId"].as_str() else {
                    continue;
                };
                let ids = path.split('{').skip(1).filter_map(|part| part.split_once('}'));
                operations.push(Operation {
                    id: id.to_owned(),
                    method: method.to_uppercase(),
                    path: path.clone(),
                    public: value["security"].as_array().is_none_or(Vec::is_empty),
                    ids: ids.map(|(name, _)| name.to_owned()).collect(),
                    value: value.clone(),
                });
            }
        }
        operations
    }

    /// The operation that a request reaches. A literal segment wins over a parameter.
    pub fn find(&self, method: &str, path: &str) -> Option<Operation> {
        let path = path.split('?').next().unwrap_or_default();
        let given: Vec<&str> = path.split('/').collect();
        let mut matching: Vec<Operation> = self
            .operations()
            .into_iter()
            .filter(|operation| operation.method == method)
            .filter(|operation| {
                let wanted: Vec<&str> = operation.path.split('/').collect();
                wanted.len() == given.len() && wanted.iter().zip(&given).all(|(w, g)| w == g || w.starts_with('{'))
            })
            .collect();
        matching.sort_by_key(|operation| operation.ids.len());
        matching.into_iter().next()
    }

    /// What about an answer is not as promised.
    pub fn problems(&self, method: &str, path: &str, status: u16, content_type: &str, body: &[u8]) -> Vec<String> {
        let Some(operation) = self.find(method, path) else {
            // Nothing promises anything about a path that is not there, but a problem is a problem everywhere.
            let promised = status == 404 || status == 405;
            return match promised {
                true => Vec::new(),
                false => vec![format!("openapi.json knows no such operation, and it answers {status}")],
            };
        };
        let problems = self.problems_of(&operation, status, content_type, body);
        if problems.is_empty() {
            let mut seen = self.seen.lock().unwrap();
            seen.entry(operation.id).or_default().insert(status);
        }
        problems
    }

    /// The operations that have not yet been seen to succeed with an answer as promised.
    pub fn never_succeeded(&self) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        let succeeded = |id: &str| {
            seen.get(id)
                .is_some_and(|all| all.iter().any(|status| status / 100 == 2))
        };
        let ids = self.operations().into_iter().map(|operation| operation.id);
        ids.filter(|id| !succeeded(id)).collect()
    }

    fn problems_of(&self, operation: &Operation, status: u16, content_type: &str, body: &[u8]) -> Vec<String> {
        let responses = &operation.value["responses"];
        let range = format!("{}XX", status / 100);
        let (key, response) = [status.to_string(), range, "default".to_owned()]
            .into_iter()
            .find_map(|key| Some((key.clone(), responses.get(&key)?)))
            .unwrap_or_else(|| ("default".to_owned(), &NOTHING));
        if key == "default" && status < 400 {
            return vec![format!("{}: the status {status} is not listed", operation.id)];
        }
        let response = self.resolve(response);
        let Some(content) = response["content"].as_object().filter(|content| !content.is_empty()) else {
            return match body.is_empty() {
                true => Vec::new(),
                false => vec![format!("{}: {status} has a body that is not described", operation.id)],
            };
        };
        let given = content_type.split(';').next().unwrap_or_default().trim();
        let Some(media) = content.get(given) else {
            let listed: Vec<&String> = content.keys().collect();
            return vec![format!(
                "{}: {status} is {given:?}, listed are {listed:?}",
                operation.id
            )];
        };
        if given != "application/json" && !given.ends_with("+json") {
            return Vec::new();
        }
        let Ok(value) = serde_json::from_slice::<Value>(body) else {
            return vec![format!("{}: {status} is no JSON", operation.id)];
        };
        let validator = self.validator(&format!("{}/{key}/{given}", operation.id), &media["schema"]);
        let errors = validator.iter_errors(&value);
        errors
            .map(|error| format!("{}: {status}: {} at {}", operation.id, error, error.instance_path()))
            .collect()
    }

    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str().and_then(|path| path.strip_prefix('#')) {
            Some(pointer) => self.document.pointer(pointer).unwrap_or(value),
            None => value,
        }
    }

    fn validator(&self, key: &str, schema: &Value) -> Arc<Validator> {
        let mut validators = self.validators.lock().unwrap();
        let validator = validators.entry(key.to_owned()).or_insert_with(|| {
            let schema = json!({"allOf": [schema], "components": self.document["components"]});
            let validator = jsonschema::draft202012::new(&schema);
            Arc::new(validator.unwrap_or_else(|error| panic!("the schema of {key}: {error}")))
        });
        validator.clone()
    }
}
