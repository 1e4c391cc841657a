use serde_json::json;

use super::world::{TEXT, World, backed_up, refused, restored, run, sign_in, text, told};
use crate::harness::website;

/// The release that the site had, which has another one now.
async fn an_older_release(world: &World) -> String {
    let releases = format!("/sites/{}/releases", world.site);
    let older = world.customer.api.list(&releases).await[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    world.customer.publish(&world.site, &website::page(TEXT)).await;
    older
}

#[tokio::test]
async fn a_release_that_has_lost_its_files_ends_no_backup_and_is_named_wherever_the_archive_is_told_of() {
    let world = World::new().await;
    let releases = format!("/sites/{}/releases", world.site);
    let lost = an_older_release(&world).await;
    let folder = format!("sites/{}/releases/{lost}", world.site);
    std::fs::remove_dir_all(world.system.data().join(&folder)).unwrap();

    let (data, file) = (
        text(&world.system.data()),
        world.system.scratch().join("without.tar.zst"),
    );
    let (code, out, err) = run(&["backup", "self", "--data", &data, "--to", &text(&file), "--json"]);
    assert_eq!(code, 0, "{out}{err}");
    let name = format!("{}/{lost}", world.site);
    let missing = json!({"count": 1, "releases": [name]});
    let answer: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(answer["missing"], missing, "{out}");
    assert!(
        err.contains("1 releases have lost their files") && err.contains(&name),
        "{err}"
    );
    let audit = world
        .owner
        .api
        .get("/audit?filter[action]=recovery.backup.made")
        .await
        .expect(200);
    assert_eq!(audit.body["items"][0]["after"]["missing"], missing, "{audit}");
    let verified = told(&["backup", "verify", &text(&file)]);
    assert_eq!(verified["head"]["missing"], missing, "{verified}");
    let (code, _, err) = run(&["restore", &text(&file), "--data", "/nonexistent/data"]);
    assert!(
        code != 0 && err.contains(&name),
        "it is said before anybody agrees: {err}"
    );

    // The rest is all there.
    let system = restored(&file, &[]).await;
    world.assert_in(&system).await;
    let customer = sign_in(&system, &world.customer.email).await;
    let release = customer.get(&format!("{releases}/{lost}")).await.expect(200).body;
    assert_eq!(release["state"], "ready", "absence is no tombstone: {release}");
}

#[tokio::test]
async fn a_folder_of_sites_that_is_empty_makes_no_archive_and_what_is_missing_deletes_none() {
    let world = World::new().await;
    let lost = an_older_release(&world).await;
    let folder = world.system.scratch().join("kept");
    std::fs::create_dir(&folder).unwrap();
    let whole = backed_up(&world.system, &folder, &[]);
    let whole = std::path::PathBuf::from(whole["file"].as_str().unwrap());
    // As if it had been made years ago: names tell the time.
    let name = whole.file_name().unwrap().to_str().unwrap();
    let old = folder.join(format!("mpanel-2020{}", &name["mpanel-2020".len()..]));
    std::fs::rename(&whole, &old).unwrap();
    let archives = || std::fs::read_dir(&folder).unwrap().count();

    // As where the disk of the sites is not mounted.
    let site = world.system.data().join(format!("sites/{}", world.site));
    let away = world.system.scratch().join("away");
    std::fs::rename(&site, &away).unwrap();
    let (data, to) = (text(&world.system.data()), text(&folder));
    let rotating = ["backup", "self", "--data", &data, "--to", &to, "--keep", "1"];
    let said = refused(&rotating);
    assert!(said.contains("looks empty") && said.contains("not mounted"), "{said}");
    assert!(old.exists() && archives() == 1);
    std::fs::rename(&away, &site).unwrap();

    std::fs::remove_dir_all(site.join("releases").join(&lost)).unwrap();
    let (code, out, err) = run(&rotating);
    assert_eq!(code, 0, "{out}{err}");
    assert!(err.contains("no older archive is deleted"), "{err}");
    assert!(old.exists() && archives() == 2, "the last one with its files stays");
}
