//! Wrong query strings, made from openapi.json: every operation refuses what it does not take, and every list a page that is none.

use serde_json::Value;

use super::estate::{Estate, node};
use super::operations;
use super::public::public_operations;
use crate::harness::Answer;
use crate::harness::shared::owner;
use crate::harness::spec::Operation;

#[tokio::test]
async fn wrong_query_parameters_are_refused_by_name() {
    let platform = owner();
    let (node, plan) = (node(&platform).await, platform.plan(None).await);
    let tenant = platform.tenant_below("reseller", &plan).await;
    let estate = Estate::of(tenant, "reseller", &node, &plan).await;
    let api = &estate.owner.api;
    let mut problems = Vec::new();
    let spec = api.spec().await;
    let signed_in = operations(api).await.into_iter().map(|(operation, _)| operation);
    for operation in signed_in.chain(public_operations(&spec)) {
        let path = operation.path_with(|name| estate.id(name));
        let known = parameters(&operation);
        let mut queries = vec![("nonsense=1".to_owned(), "?nonsense".to_owned())];
        for name in &known {
            // The tenant is looked at first of all: one that is none is not there.
            if name != "tenant" {
                queries.push((format!("{name}=1&{name}=2"), format!("?{name}")));
            }
            queries.push((format!("{name}x=1"), format!("?{name}x")));
        }
        for (name, value) in [
            ("limit", "0"),
            ("limit", "abc"),
            ("limit", "201"),
            ("cursor", "nowhere"),
        ] {
            if known.iter().any(|known| known == name) {
                queries.push((format!("{name}={value}"), format!("?{name}")));
            }
        }
        for (query, pointer) in queries {
            let answer = api.request(&operation.method, &format!("{path}?{query}")).send().await;
            problems.extend(judge(&operation, &query, &pointer, &answer));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// The names of an operation's query parameters.
fn parameters(operation: &Operation) -> Vec<String> {
    let all = operation.value["parameters"].as_array().into_iter().flatten();
    let of_query = all.filter(|parameter| parameter["in"] == "query");
    let names = of_query.filter_map(|parameter| parameter["name"].as_str());
    names.map(str::to_owned).collect()
}

fn judge(operation: &Operation, query: &str, pointer: &str, answer: &Answer) -> Option<String> {
    let named = answer.body["errors"].as_array().into_iter().flatten();
    let named: Vec<&Value> = named.map(|error| &error["pointer"]).collect();
    let fits = answer.status == 422 && named.iter().any(|named| *named == pointer);
    (!fits).then(|| format!("{} with ?{query}: does not point at {pointer}: {answer}", operation.id))
}
