use tracing::{debug, error, info, info_span};

use super::logged;
use crate::Error;

/// Everything a log viewer might take for more than text.
const HOSTILE: &str =
    "bob\r\n2026-01-01 INFO login admin\u{1b}[2J\u{8}\u{7f}\u{9b}31m\u{2028}\u{202e}nimda\u{2066}\u{0}";

fn hostile_characters(line: &str) -> Vec<char> {
    line.chars()
        .filter(|c| c.is_control() || HOSTILE.contains(*c) && !c.is_ascii())
        .collect()
}

fn log_hostile_values() {
    let span = info_span!("request", path = HOSTILE, agent = %HOSTILE);
    let _entered = span.enter();
    let error = std::io::Error::other(HOSTILE);
    info!(name = HOSTILE, shown = %HOSTILE, debugged = ?HOSTILE, "user {HOSTILE} failed");
    error!(error = &error as &dyn std::error::Error, "{HOSTILE}");
}

#[test]
fn asvs_16_4_1_values_cannot_forge_or_hide_text_lines() {
    let text = logged(false, log_hostile_values);
    assert_eq!(text.lines().count(), 2, "{text:?}");
    assert!(text.ends_with('\n'));
    for line in text.lines() {
        assert!(hostile_characters(line).is_empty(), "{line:?}");
        assert!(line.contains(r"bob\r\n2026-01-01 INFO login admin\u{1b}[2J"), "{line}");
    }
}

#[test]
fn asvs_16_4_1_values_cannot_forge_or_hide_json_lines() {
    let text = logged(true, log_hostile_values);
    assert_eq!(text.lines().count(), 2, "{text:?}");
    for line in text.lines() {
        assert!(hostile_characters(line).is_empty(), "{line:?}");
        let json: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(json["spans"][0]["path"], HOSTILE, "escaping loses nothing");
        assert!(json["message"].as_str().unwrap().contains(HOSTILE));
    }
}

#[test]
fn ordinary_text_in_any_script_stays_readable() {
    let text = logged(false, || info!(site = "żółw.example", "straße 🐎 日本"));
    assert!(text.contains("straße 🐎 日本 site=\"żółw.example\""), "{text}");
}

#[test]
fn asvs_16_2_1_lines_carry_time_level_origin_and_the_ids_of_their_spans() {
    let act =
        || info_span!("request", request_id = "req_1", tenant = "tnt_2").in_scope(|| info!(files = 3, "unpacked"));
    let text = logged(false, act);
    assert!(
        text.contains("request{request_id=\"req_1\" tenant=\"tnt_2\"}"),
        "{text}"
    );
    assert!(
        text.trim_end()
            .ends_with("mpanel_telemetry::tests::logs: unpacked files=3"),
        "{text}"
    );
    let json: serde_json::Value = serde_json::from_str(&logged(true, act)).unwrap();
    assert_eq!(
        (&json["level"], &json["message"], &json["files"]),
        (&"INFO".into(), &"unpacked".into(), &3.into())
    );
    assert_eq!(json["spans"][0]["request_id"], "req_1");
    assert!(json["timestamp"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn the_filter_decides_what_is_written_and_bad_filters_are_named() {
    assert_eq!(logged(false, || debug!("quiet")), "");
    let error = crate::log::filter("info,mpanel_dns=loud").unwrap_err();
    assert!(
        matches!(&error, Error::Filter { filter, .. } if filter == "info,mpanel_dns=loud"),
        "{error}"
    );
}
