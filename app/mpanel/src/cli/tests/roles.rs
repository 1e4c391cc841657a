use serde_json::{Value, json};

use crate::cli::role::changed;

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

#[test]
fn permissions_are_added_and_taken_away_by_name() {
    let role = json!({"permissions": ["sites.site:list", "sites.site:read"]});
    let after = changed(&role, words(&["dns.zone:list"]), &words(&["sites.site:read"]));
    assert_eq!(after, ["sites.site:list", "dns.zone:list"]);
    assert!(changed(&Value::Null, Vec::new(), &[]).is_empty());
}
