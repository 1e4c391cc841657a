//! Invariant 7, as far as the document shows it. The cross-tenant walk itself is in app/e2e.

use crate::tidy::Finding;
use crate::tidy::tree::{Tree, line_of};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const DOCUMENT: &str = "web/openapi.json";
const METHODS: [&str; 7] = ["get", "put", "post", "delete", "patch", "head", "options"];
/// What is not a context but has operations or schemas: the libraries and the server.
const NOT_CONTEXTS: [&str; 1] = ["spine"];
/// Schemas that belong to every context.
const SHARED_SCHEMAS: [&str; 2] = ["Problem", "ProblemField"];

pub fn check(tree: &Tree) -> Vec<Finding> {
    let Some(text) = tree.text(DOCUMENT) else {
        return Vec::new();
    };
    let finding = |needle: &str, message: String| Finding::new(DOCUMENT, line_of(text, needle), message);
    let document: Value = match serde_json::from_str(text) {
        Ok(document) => document,
        Err(error) => return vec![Finding::new(DOCUMENT, error.line(), format!("not JSON: {error}"))],
    };
    let owners = owners(tree);
    let mut findings = Vec::new();
    let schemas = document.pointer("/components/schemas").and_then(Value::as_object);
    for name in schemas.into_iter().flat_map(|schemas| schemas.keys()) {
        if !is_schema_name(name, &owners) {
            findings.push(finding(
                &format!("\"{name}\""),
                format!("schema `{name}`: call it context.Name, such as sites.CreateSite"),
            ));
        }
    }
    let mut ids: BTreeMap<&str, String> = BTreeMap::new();
    for (place, operation) in operations(&document) {
        let Some(id) = operation.get("operationId").and_then(Value::as_str) else {
            findings.push(finding("", format!("{place} has no operationId")));
            continue;
        };
        let needle = format!("\"{id}\"");
        if !is_operation_id(id) {
            findings.push(finding(
                &needle,
                format!("operation `{id}` ({place}): call it resources_verb, such as sites_create"),
            ));
        }
        let tag = operation.pointer("/tags/0").and_then(Value::as_str);
        if !tag.is_some_and(|tag| owners.contains(tag)) {
            findings.push(finding(
                &needle,
                format!("operation `{id}` ({place}): its first tag must be the context that owns it"),
            ));
        }
        if let Some(other) = ids.insert(id, place.clone()) {
            findings.push(finding(
                &needle,
                format!("operation `{id}` stands for both {other} and {place}"),
            ));
        }
        if operation
            .get("summary")
            .and_then(Value::as_str)
            .is_none_or(|summary| summary.trim().is_empty())
        {
            findings.push(finding(&needle, format!("operation `{id}` ({place}) has no summary")));
        }
        if !answers_errors(operation) {
            findings.push(finding(
                &needle,
                format!("operation `{id}` ({place}) documents no 4xx response"),
            ));
        }
    }
    findings
}

fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document.get("paths").and_then(Value::as_object);
    let mut found = Vec::new();
    for (path, item) in paths.into_iter().flatten() {
        for method in METHODS {
            if let Some(operation) = item.get(method) {
                found.push((format!("{} {path}", method.to_uppercase()), operation));
            }
        }
    }
    found
}

fn owners(tree: &Tree) -> BTreeSet<String> {
    let contexts = tree.members().iter().filter_map(|member| {
        let name = member.path.strip_prefix("contexts/")?;
        (!name.contains('/')).then(|| name.replace('-', "_"))
    });
    contexts.chain(NOT_CONTEXTS.map(str::to_owned)).collect()
}

fn is_schema_name(name: &str, owners: &BTreeSet<String>) -> bool {
    if SHARED_SCHEMAS.contains(&name) {
        return true;
    }
    name.split_once('.').is_some_and(|(owner, name)| {
        owners.contains(owner)
            && name.starts_with(|c: char| c.is_ascii_uppercase())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

fn is_operation_id(id: &str) -> bool {
    id.contains('_')
        && id.starts_with(|c: char| c.is_ascii_lowercase())
        && id
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// A 4xx response, or a default one that is a problem document.
fn answers_errors(operation: &Value) -> bool {
    let responses = operation.get("responses").and_then(Value::as_object);
    responses.into_iter().flatten().any(|(status, response)| {
        status.starts_with('4')
            || (status == "default"
                && response
                    .get("content")
                    .is_some_and(|content| content.get("application/problem+json").is_some()))
    })
}
