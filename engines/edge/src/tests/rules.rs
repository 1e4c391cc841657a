//! Patterns of paths, redirects and rewrites.

use proptest::prelude::*;

use crate::path;
use crate::policy::{Found, Pattern, Rule, Rules};

fn rule(from: &str, to: &str, status: u16) -> Rule {
    Rule {
        from: from.to_owned(),
        to: to.to_owned(),
        status,
    }
}

fn rules(list: &[(&str, &str, u16)]) -> Rules {
    let list: Vec<Rule> = list.iter().map(|(from, to, status)| rule(from, to, *status)).collect();
    Rules::compile(&list).unwrap()
}

fn location(rules: &Rules, url: &str) -> Option<String> {
    let (path, query) = url
        .split_once('?')
        .map_or((url, None), |(path, query)| (path, Some(query)));
    match rules.find(&path::normalise(path).unwrap().relative, query)? {
        Found::Redirect { location, .. } => Some(location),
        Found::Rewrite(to) => Some(format!("rewrite {to}")),
        Found::TooLong => Some("too long".to_owned()),
    }
}

#[test]
fn an_area_covers_its_own_name_and_all_below_and_nothing_beside() {
    let area = Pattern::parse("/admin/*").unwrap();
    for inside in ["admin", "admin/", "admin/a", "admin/a/b/"] {
        assert!(area.matches(inside), "{inside}");
    }
    for beside in ["", "administrator", "x/admin", "adm"] {
        assert!(!area.matches(beside), "{beside}");
    }
    let all = Pattern::parse("/*").unwrap();
    assert!(all.is_everything() && all.matches("") && all.matches("a/b"));
    let root = Pattern::parse("/").unwrap();
    assert!(root.matches("") && !root.matches("a"));
}

#[test]
fn a_final_slash_does_not_matter() {
    for pattern in ["/old", "/old/"] {
        let pattern = Pattern::parse(pattern).unwrap();
        assert!(pattern.matches("old") && pattern.matches("old/") && !pattern.matches("old/x"));
    }
}

#[test]
fn patterns_that_mean_nothing_are_refused_by_their_fault() {
    for (wrong, why) in [
        ("old", "does not begin with /"),
        ("/a*", "`*` stands at the end, after a slash"),
        ("/a/*/b", "`*` stands at the end, after a slash"),
        ("/:", "letters, digits"),
        ("/:splat", "not `splat`"),
        ("/a/../b", "name no place"),
    ] {
        let error = Pattern::parse(wrong).unwrap_err();
        assert!(error.contains(why), "{wrong}: {error}");
    }
    assert!(Pattern::parse(&"/a".repeat(65)).unwrap_err().contains("too many"));
}

#[test]
fn what_a_rule_says_and_leads_to_has_a_length() {
    for (from, to, why) in [
        ("/a".repeat(1_025), "/b".to_owned(), "from is longer than 2048 bytes"),
        ("/a".to_owned(), "/b".repeat(1_025), "to is longer than 2048 bytes"),
        ("/a/*".to_owned(), "/:splat".repeat(17), "more than 16 variable parts"),
    ] {
        let error = Rules::compile(&[rule(&from, &to, 301)]).unwrap_err();
        assert!(error.contains(why), "{error}");
    }
    let repeated = "/:splat".repeat(16);
    let rules = rules(&[("/a/*", repeated.as_str(), 301)]);
    assert!(location(&rules, &format!("/a/{}", "b".repeat(500))).is_some_and(|to| to.len() == 16 * 501));
    assert_eq!(
        location(&rules, &format!("/a/{}", "b".repeat(600))).unwrap(),
        "too long"
    );
    let query = format!("/a/b?{}", "q".repeat(8_192));
    assert_eq!(location(&rules, &query).unwrap(), "too long");
}

#[test]
fn the_first_rule_that_matches_is_followed_wherever_it_stands() {
    let rules = rules(&[
        ("/a", "/first", 301),
        ("/a", "/second", 301),
        ("/b/*", "/open", 302),
        ("/b/c", "/never", 301),
        ("/d/e", "/exact", 301),
        ("/d/*", "/after", 301),
    ]);
    assert_eq!(location(&rules, "/a").unwrap(), "/first");
    assert_eq!(location(&rules, "/b/c").unwrap(), "/open");
    assert_eq!(location(&rules, "/d/e").unwrap(), "/exact");
    assert_eq!(location(&rules, "/d/f").unwrap(), "/after");
    assert_eq!(location(&rules, "/e"), None);
}

#[test]
fn what_a_pattern_covers_is_put_in_escaped() {
    let rules = rules(&[
        ("/blog/:year/:slug", "/:slug?y=:year", 301),
        ("/to/*", "https://other.example/new/:splat", 308),
        ("/at/12:30", "/noon:30", 301),
    ]);
    assert_eq!(
        location(&rules, "/blog/2024/hello%20world").unwrap(),
        "/hello%20world?y=2024"
    );
    assert_eq!(
        location(&rules, "/to/a/b%3f%23c/?q=1").unwrap(),
        "https://other.example/new/a/b%3F%23c/?q=1"
    );
    assert_eq!(location(&rules, "/to").unwrap(), "https://other.example/new/");
    assert_eq!(location(&rules, "/at/12:30").unwrap(), "/noon:30");
}

#[test]
fn a_query_is_kept_unless_the_rule_has_one_and_stands_before_the_fragment() {
    let rules = rules(&[("/a", "/b#part", 301), ("/c", "/d?x=1", 301), ("/e", "/f", 301)]);
    assert_eq!(location(&rules, "/a?q=1").unwrap(), "/b?q=1#part");
    assert_eq!(location(&rules, "/c?q=1").unwrap(), "/d?x=1");
    assert_eq!(location(&rules, "/e?").unwrap(), "/f");
}

#[test]
fn a_rule_that_leads_to_where_it_came_from_is_passed_over() {
    let rules = rules(&[("/*", "/index.html", 200), ("/*", "/maintenance", 302)]);
    assert_eq!(location(&rules, "/x").unwrap(), "rewrite /index.html");
    assert_eq!(location(&rules, "/index.html").unwrap(), "/maintenance");
}

#[test]
fn destinations_that_could_be_somebody_elses_are_refused() {
    for (to, status, why) in [
        ("//evil.example/", 301, "two slashes"),
        ("javascript:alert(1)", 301, "neither a path nor"),
        ("https://:splat/", 301, "neither a path nor"),
        ("https://example.org:splat", 301, "neither a path nor"),
        ("/a\r\nSet-Cookie: x", 301, "no address"),
        ("https://other.example/", 200, "the same host"),
        ("/a", 300, "is not 200, 301"),
    ] {
        let error = Rules::compile(&[rule("/*", to, status)]).unwrap_err();
        assert!(
            error.contains(why) && error.starts_with("redirect 1: "),
            "{to}: {error}"
        );
    }
    let error = Rules::compile(&[rule("/:host/*", "https://:host/", 301)]).unwrap_err();
    assert!(error.starts_with("redirect 1: to"), "{error}");
}

proptest! {
    /// Whatever is asked for, a redirect of the host itself never leaves it.
    #[test]
    fn nothing_put_in_makes_a_path_another_host(path in "/[ -~]{0,40}") {
        let rules = rules(&[("/a/*", "/:splat", 301), ("/:x/*", "/:x/:splat", 301), ("/*", "/:splat", 301)]);
        let asked = path::normalise(&path).ok();
        if let Some(Found::Redirect { location, .. }) = asked.and_then(|asked| rules.find(&asked.relative, None)) {
            prop_assert!(location.starts_with('/') && !location.starts_with("//"), "{location}");
            prop_assert!(!location.contains(['\\', '\r', '\n', '?', '#']), "{location}");
        }
    }

    #[test]
    fn patterns_never_panic(pattern in "\\PC{0,30}", path in "\\PC{0,30}") {
        if let Ok(pattern) = Pattern::parse(&pattern) {
            pattern.captures(&path);
        }
    }
}
