use mpanel_config::{Config, Sources};

use super::names;

fn named(panel: &str) -> Vec<String> {
    let mut config = Config::load(&Sources::default()).unwrap();
    config.panel = panel.parse().unwrap();
    config.public_addresses = vec!["198.51.100.7".parse().unwrap()];
    names(&config, &["203.0.113.9".parse().unwrap()])
}

#[test]
fn a_panel_that_listens_everywhere_is_known_at_the_address_it_is_announced_at() {
    assert_eq!(
        named("0.0.0.0:7080"),
        ["127.0.0.1", "198.51.100.7", "203.0.113.9", "::1", "localhost"]
    );
    assert_eq!(
        named("192.0.2.4:7080"),
        ["127.0.0.1", "192.0.2.4", "198.51.100.7", "::1", "localhost"]
    );
}
