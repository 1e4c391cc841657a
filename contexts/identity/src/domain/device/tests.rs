use super::Device;

fn named(user_agent: &str) -> (&'static str, &'static str) {
    let device = Device::of(user_agent);
    (device.browser.unwrap_or("?"), device.system.unwrap_or("?"))
}

#[test]
fn browsers_are_recognised_though_they_name_each_other() {
    let webkit = "AppleWebKit/537.36 (KHTML, like Gecko)";
    for (agent, browser, system) in [
        (format!("Mozilla/5.0 (Windows NT 10.0; Win64; x64) {webkit} Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0"), "Edge", "Windows"),
        (format!("Mozilla/5.0 (X11; Linux x86_64) {webkit} Chrome/142.0.0.0 Safari/537.36"), "Chrome", "Linux"),
        ("Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0".into(), "Firefox", "Linux"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15".into(), "Safari", "macOS"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/142.0 Mobile/15E148 Safari/604.1".into(), "Chrome", "iOS"),
        (format!("Mozilla/5.0 (Linux; Android 15; Pixel 9) {webkit} Chrome/142.0.0.0 Mobile Safari/537.36"), "Chrome", "Android"),
        ("mpanel-cli/0.3.0".into(), "mPanel CLI", "?"),
    ] {
        assert_eq!(named(&agent), (browser, system), "{agent}");
    }
}

#[test]
fn what_nobody_knows_is_not_guessed() {
    for agent in ["", "Test/1.0", "\u{1f980}"] {
        assert_eq!(named(agent), ("?", "?"));
    }
}
