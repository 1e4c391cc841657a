use clap::Parser;
use serde_json::json;

use super::Selling;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    selling: Selling,
}

fn line(options: &[&str]) -> Result<Selling, clap::Error> {
    Line::try_parse_from([&["selling", "acme"], options].concat()).map(|line| line.selling)
}

#[test]
fn what_nobody_speaks_of_stays() {
    let page = json!({"title": "Closed", "text": "Ask us.", "contact": null});
    let now = json!({"page": page, "grace_days": 9, "effective_grace_days": 9, "version": 3});
    assert!(!line(&[]).unwrap().changes());
    assert_eq!(
        line(&["--grace-days", "14"]).unwrap().onto(&now),
        json!({"page": page, "grace_days": 14})
    );
    assert_eq!(
        line(&["--default-grace"]).unwrap().onto(&now),
        json!({"page": page, "grace_days": null})
    );
    assert_eq!(
        line(&["--default-page"]).unwrap().onto(&now),
        json!({"page": null, "grace_days": 9})
    );
    let new = line(&["--title", "Away", "--text", "Soon back"]).unwrap().onto(&now);
    assert_eq!(
        new,
        json!({"page": {"title": "Away", "text": "Soon back", "contact": null}, "grace_days": 9})
    );
    for wrong in [
        &["--title", "Away"][..],
        &["--contact", "x"],
        &["--title", "a", "--text", "b", "--default-page"],
    ] {
        assert!(line(wrong).is_err(), "{wrong:?}");
    }
}
