//! What `mpanel tenant merge` shows before.

use serde_json::json;

use crate::cli::merge::outlook;

#[test]
fn what_goes_where_and_what_stands_in_the_way_is_shown_before() {
    let shown = outlook(&json!({
        "tenant": {"name": "Old\u{1b}[31m seller"},
        "into": {"name": "New seller"},
        "children": 3,
        "tenants_below": 7,
        "plans": [{"name": "Basic", "becomes": "Basic (2)", "subscribers": 2, "archived": false}],
        "roles": [],
        "members": [{"email": "ada@example.com", "arrival": "joins", "role": "admin"}],
        "in_the_way": [{"code": "sites.site.own", "pointer": "", "message": "it has websites of its own, 1 (shop): delete them"}],
    }));
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(
        lines[0].replace('\u{fffd}', ""),
        "Old[31m seller goes into New seller: 3 directly below it, 7 in all"
    );
    assert!(
        !shown.contains('\u{1b}'),
        "nothing of it reaches the terminal as more than text"
    );
    assert!(
        lines
            .iter()
            .any(|line| line.split_whitespace().eq(["Basic", "Basic", "(2)", "2"])),
        "{shown}"
    );
    assert!(
        lines
            .iter()
            .any(|line| line.split_whitespace().eq(["ada@example.com", "joins", "admin"]))
    );
    assert!(!shown.contains("Roles"), "nothing is said of what there is not");
    assert_eq!(
        lines.last(),
        Some(&"- it has websites of its own, 1 (shop): delete them")
    );
}
