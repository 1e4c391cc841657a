use mpanel_authz::{Role, TenantKind};

use super::{permissions, resources};

#[test]
fn people_are_told_of_everything_that_can_be_permitted_and_of_nothing_else() {
    let table = permissions().unwrap();
    let silent: Vec<_> = table.resources().filter(|name| table.about(name).is_none()).collect();
    assert!(silent.is_empty(), "describe in RESOURCES: {silent:?}");
    let idle: Vec<_> = resources()
        .into_iter()
        .filter(|info| !table.resources().any(|name| name == info.name))
        .collect();
    assert!(idle.is_empty(), "no role may do anything to these: {idle:?}");
}

/// Nobody gives what they do not have: an admin could make no developer otherwise.
#[test]
fn each_built_in_role_may_do_what_the_next_one_may() {
    let table = permissions().unwrap();
    for kind in TenantKind::ALL {
        for pair in Role::ALL.windows(2) {
            let missing: Vec<_> = table
                .of(pair[1], kind)
                .filter(|(resource, action)| !table.allows(pair[0], kind, resource, *action))
                .collect();
            assert!(
                missing.is_empty(),
                "{:?} of a {kind:?} may not, and {:?} may: {missing:?}",
                pair[0],
                pair[1]
            );
        }
    }
}
