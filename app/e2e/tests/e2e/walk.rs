//! Walks over every operation of the served openapi.json: what other tenants, other roles and wrong bodies get. An operation that
//! [`calls`] does not know fails the tests by name.

mod bad_input;
mod calls;
mod cross_tenant;
mod estate;
mod matrix;

use crate::harness::Api;
use crate::harness::spec::Operation;

/// Operations that no walk calls, with the reason. The list may only shrink.
const NOT_WALKED: &[(&str, &str)] = &[(
    "events_stream",
    "an answer without end; streams.rs looks at what it sends",
)];

/// Every operation with a credential, and how it is called.
///
/// # Panics
/// When `calls` does not know one of them, or knows one that does not exist.
async fn operations(api: &Api) -> Vec<(Operation, calls::Call)> {
    let spec = api.spec().await;
    let mut known = calls::table();
    let mut found = Vec::new();
    for operation in spec.operations() {
        if operation.public || NOT_WALKED.iter().any(|(id, _)| *id == operation.id) {
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
    for (id, reason) in NOT_WALKED {
        assert!(
            spec.operations().iter().any(|operation| operation.id == *id),
            "{id} is excused ({reason}) and gone"
        );
    }
    // What deletes comes last, and what is inside before what it is in.
    found.sort_by_key(|(operation, _)| (operation.method == "DELETE", std::cmp::Reverse(operation.ids.len())));
    found
}
