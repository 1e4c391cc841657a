//! Walks over every operation of the served openapi.json: what other tenants, other roles and wrong bodies get. An operation that
//! [`calls`] does not know fails the tests by name.

mod audited;
mod bad_input;
mod bad_query;
mod calls;
mod cross_tenant;
pub mod estate;
mod matrix;
mod promises;
mod public;

use crate::harness::Api;
use crate::harness::spec::Operation;

/// Every operation with a credential, and how it is called.
///
/// # Panics
/// When `calls` does not know one of them, or knows one that does not exist.
async fn operations(api: &Api) -> Vec<(Operation, calls::Call)> {
    let spec = api.spec().await;
    let mut known = calls::table();
    let mut found = Vec::new();
    for operation in spec.operations() {
        if operation.public {
            continue;
        }
        let call = known
            .remove(operation.id.as_str())
            .unwrap_or_else(|| panic!("tell walk/calls.rs how {} is called, and what it needs", operation.id));
        found.push((operation, call));
    }
    assert!(
        known.is_empty(),
        "walk/calls.rs knows operations that do not exist: {:?}",
        known.keys()
    );
    // What deletes comes last, and what is inside before what it is in.
    found.sort_by_key(|(operation, _)| (operation.method == "DELETE", std::cmp::Reverse(operation.ids.len())));
    found
}
