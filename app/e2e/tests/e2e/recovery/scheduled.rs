use serde_json::Value;

use super::world::{text, told};
use crate::harness::accounts::claim;
use crate::harness::{Owner, System, eventually};

/// Waits for a row of the audit log of which this is true.
async fn audited(owner: &Owner, action: &str, holds: impl Fn(&Value) -> bool) {
    let path = format!("/audit?filter[action]=recovery.backup.{action}");
    eventually(&format!("the audit log says {action}"), async || {
        let answer = owner.api.get(&path).await.expect(200);
        let rows = answer.body["items"].as_array()?;
        rows.iter().any(|row| holds(&row["after"])).then_some(())
    })
    .await;
}

fn is_folders(reason: &Value) -> bool {
    reason.as_str().is_some_and(|reason| reason.contains("is no folder"))
}

#[tokio::test]
async fn an_installation_backs_itself_up_and_tells_when_it_cannot() {
    let mut system = System::prepare(&[("MPANEL_BACKUP_SELF_KEEP", "1")]);
    let folder = system.scratch().join("backups");
    system.set("MPANEL_BACKUP_SELF_FOLDER", &text(&folder));
    system.up().await;
    let owner = claim(&system).await;
    // Nobody has made the folder.
    audited(&owner, "failed", |after| is_folders(&after["reason"])).await;
    let noted = system.data().join("run/backup.json");
    let failed = eventually("the failure is noted", async || {
        let noted: Value = serde_json::from_slice(&std::fs::read(&noted).ok()?).ok()?;
        (noted["failed_at"] != 0).then_some(noted)
    })
    .await;
    assert!(is_folders(&failed["reason"]), "{failed}");

    std::fs::create_dir(&folder).unwrap();
    let mut before = String::new();
    for _ in 0..2 {
        // As after a day.
        std::fs::remove_file(&noted).unwrap();
        let made = eventually("there is another archive", async || {
            let names = std::fs::read_dir(&folder).unwrap().flatten();
            let mut names: Vec<String> = names.filter_map(|entry| entry.file_name().into_string().ok()).collect();
            names.retain(|name| name.starts_with("mpanel-"));
            (noted.exists() && names.len() == 1).then(|| names.remove(0))
        })
        .await;
        assert_ne!(made, before, "the one before is still the only one");
        let verified = told(&["backup", "verify", &text(&folder.join(&made))]);
        assert_eq!(
            verified["head"]["keys"]["included"], false,
            "nobody sealed it: {verified}"
        );
        before = made;
    }
    audited(&owner, "made", |after| after["deleted"] == 1).await;
}
