//! The walk: at every point of every operation on a site, each process is killed once.

use serde_json::json;

use super::whole::assert_whole;
use super::world::{DOMAIN, World};
use crate::harness::holds::Hold;
use crate::harness::{eventually, website};
use crate::main_job::api::dig;

/// What is killed together before a step, in turns, so that in three rounds each dies before each. Those that die together have
/// nothing to do with each other.
const BEFORE: [&[&str]; 3] = [&["up", "serve"], &["postgres", "dns-1"], &["agent", "edge"]];
/// After a step only its worker can miss that it is done.
const AFTER: &[&str] = &["serve"];

/// An operation, and how it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Deploy,
    /// Its archive is broken off: what was unpacked before is removed.
    RefusedDeploy,
    /// When it is served already.
    CancelledDeploy,
    Activate,
    CancelledActivate,
    DeleteRelease,
    DeleteSite,
}

/// The operation under way, and what it works on.
struct Begun {
    operation: String,
    release: String,
    upload: String,
    text: String,
}

impl Way {
    fn kind(self) -> &'static str {
        match self {
            Self::Deploy | Self::RefusedDeploy | Self::CancelledDeploy => "sites.release.deploy",
            Self::Activate | Self::CancelledActivate => "sites.release.activate",
            Self::DeleteRelease => "sites.release.delete",
            Self::DeleteSite => "sites.site.delete",
        }
    }

    /// Every point it comes to, in order.
    fn points(self) -> Vec<String> {
        let steps: &[(&str, &[&str])] = match self {
            Self::Deploy => &[("check unpack account activate served tidy", FORTH)],
            Self::RefusedDeploy => &[("unpack", &["before", "failed"]), ("unpack check", BACK)],
            Self::CancelledDeploy => &[("served", &["before"]), ("served activate account unpack check", BACK)],
            Self::Activate => &[("activate served", FORTH)],
            Self::CancelledActivate => &[("served", &["before"]), ("served activate", BACK)],
            Self::DeleteRelease => &[("delete", FORTH)],
            Self::DeleteSite => &[("withdraw served names files rows", FORTH)],
        };
        let all = steps.iter().copied().chain([("finished", FORTH)]);
        let points = all.flat_map(|(steps, moments)| {
            let each = move |step| moments.iter().map(move |moment| format!("{step},{moment}"));
            steps.split(' ').flat_map(each)
        });
        points.collect()
    }

    fn is_cancelled(self) -> bool {
        matches!(self, Self::CancelledDeploy | Self::CancelledActivate)
    }
}

const FORTH: &[&str] = &["before", "after"];
const BACK: &[&str] = &["undo-before", "undo-after"];

/// What is killed at the points of one way in a round. Nothing dies often in a row: whoever brings it back would wait longer and
/// longer.
fn plan(points: &[String], round: usize) -> Vec<(&str, &'static [&'static str])> {
    let mut turn = round;
    let victims = points.iter().filter_map(|point| {
        if point.ends_with("before") {
            turn = (turn + 1) % BEFORE.len();
            Some((point.as_str(), BEFORE[turn]))
        } else {
            (turn == BEFORE.len() - 1).then_some((point.as_str(), AFTER))
        }
    });
    victims.collect()
}

async fn walk(world: &mut World, way: Way) {
    let points = way.points();
    for round in 0..BEFORE.len() {
        let ready = prepare(world, way).await;
        let plan = plan(&points, round);
        let mut holds: Vec<(Hold, &[&str])> = Vec::new();
        for (point, victims) in &plan {
            holds.push((world.system.hold(&format!("{},{point}", way.kind())), victims));
        }
        let begun = begin(world, way, ready).await;
        for (number, (hold, victims)) in holds.into_iter().enumerate() {
            hold.reached().await;
            if way != Way::DeleteSite {
                world.visit(&[&world.shown, &begun.text]).await;
            }
            if number == 0 && way.is_cancelled() {
                let path = format!("/operations/{}/cancel", begun.operation);
                world.customer.api.request("POST", &path).send().await.expect(200);
            }
            eprintln!("{way:?}: killing {victims:?} at {}", plan[number].0);
            let killed = world.kill(victims).await;
            hold.go_on();
            world.back(&killed).await;
        }
        let ended = world.customer.ended(&begun.operation).await;
        world.system.wait_complete().await;
        let state = match way {
            Way::RefusedDeploy => "failed",
            _ if way.is_cancelled() => "cancelled",
            _ => "succeeded",
        };
        assert_eq!(ended["state"], state, "{way:?}: {ended:#}");
        if state == "succeeded" {
            let steps = ended["steps"].as_array().unwrap().iter();
            for key in steps.map(|step| step["key"].as_str().unwrap()) {
                let is_walked = points.contains(&format!("{key},before")) && points.contains(&format!("{key},after"));
                assert!(is_walked, "{way:?} has the step {key}, at which nothing is killed");
            }
        }
        judge(world, way, begun).await;
        world.shows().await;
        assert_whole(&world.system, &world.customer).await;
    }
}

/// What has to be there before the operation begins: its release, or its upload.
async fn prepare(world: &mut World, way: Way) -> Begun {
    let (text, archive) = world.next_release();
    let (customer, site) = (world.customer.clone(), world.site.clone());
    let mut begun = Begun {
        operation: String::new(),
        release: String::new(),
        upload: String::new(),
        text,
    };
    match way {
        Way::Deploy | Way::CancelledDeploy => begun.upload = customer.upload(&site, "site.zip", &archive).await,
        Way::RefusedDeploy => {
            let (_, folder) = world.large_folder();
            let mut archive = website::tar_gz(&folder);
            archive.truncate(archive.len() - 100);
            begun.upload = customer.upload(&site, "site.tar.gz", &archive).await;
        }
        Way::Activate | Way::CancelledActivate | Way::DeleteRelease => {
            let upload = customer.upload(&site, "site.zip", &archive).await;
            let body = json!({"upload_id": upload, "activate": false});
            let answer = customer
                .api
                .post(&format!("/sites/{site}/releases"), body)
                .await
                .expect(202);
            customer.succeeded(&answer.text("/operation_id")).await;
            begun.release = answer.text("/release_id");
        }
        // Something of everything that goes with it.
        Way::DeleteSite => {
            begun.upload = customer.upload(&site, "site.zip", &archive).await;
        }
    }
    begun
}

async fn begin(world: &World, way: Way, ready: Begun) -> Begun {
    let (api, site) = (&world.customer.api, &world.site);
    let releases = format!("/sites/{site}/releases");
    let answer = match way {
        Way::Deploy | Way::RefusedDeploy | Way::CancelledDeploy => {
            api.post(&releases, json!({"upload_id": ready.upload, "activate": true}))
                .await
        }
        Way::Activate | Way::CancelledActivate => {
            let path = format!("{releases}/{}/activate", ready.release);
            api.request("POST", &path).send().await
        }
        Way::DeleteRelease => api.delete(&format!("{releases}/{}", ready.release)).await,
        Way::DeleteSite => api.delete(&format!("/sites/{site}")).await,
    };
    let answer = answer.expect(202);
    let release = answer.body["release_id"].as_str().map_or(ready.release, str::to_owned);
    Begun {
        operation: answer.text("/operation_id"),
        release,
        ..ready
    }
}

/// Whether the operation had the outcome it should, and leaves nothing in the way of another try.
async fn judge(world: &mut World, way: Way, begun: Begun) {
    let Begun {
        release, upload, text, ..
    } = begun;
    let (customer, site) = (world.customer.clone(), world.site.clone());
    let api = &customer.api;
    let releases = format!("/sites/{site}/releases");
    let state = |answer: crate::harness::Answer| answer.expect(200).text("/state");
    match way {
        Way::Deploy | Way::Activate => {
            world.shown = text;
            assert_eq!(state(api.get(&format!("{releases}/{release}")).await), "active");
        }
        Way::RefusedDeploy => {
            assert_eq!(state(api.get(&format!("{releases}/{release}")).await), "failed");
            api.get(&format!("/sites/{site}/uploads/{upload}")).await.expect(404);
        }
        Way::CancelledDeploy => {
            world.shows().await;
            assert_eq!(state(api.get(&format!("{releases}/{release}")).await), "failed");
            // The archive is sound and need not be sent again.
            let again = api
                .post(&releases, json!({"upload_id": upload, "activate": true}))
                .await
                .expect(202);
            customer.succeeded(&again.text("/operation_id")).await;
            world.shown = text;
        }
        Way::CancelledActivate => {
            assert_eq!(state(api.get(&format!("{releases}/{release}")).await), "ready");
            api.delete(&format!("{releases}/{release}")).await.expect(202);
        }
        Way::DeleteRelease => {
            api.get(&format!("{releases}/{release}")).await.expect(404);
        }
        Way::DeleteSite => {
            api.get(&format!("/sites/{site}")).await.expect(404);
            eventually("the domain serves nothing", async || {
                world.is_gone().await.then_some(())
            })
            .await;
            eventually("DNS answers no address", async || {
                dig(&world.system, DOMAIN, "A").is_empty().then_some(())
            })
            .await;
            eventually("no certificate is left", async || {
                api.list("/certificates").await.is_empty().then_some(())
            })
            .await;
            // The name is free again.
            world.site = customer.site(DOMAIN).await;
            let (text, archive) = world.next_release();
            customer.publish(&world.site, &archive).await;
            world.shown = text;
        }
    }
}

#[tokio::test]
async fn deploys_survive_the_death_of_each_process_at_every_step() {
    let mut world = World::new().await;
    for way in [Way::Deploy, Way::RefusedDeploy] {
        walk(&mut world, way).await;
    }
}

#[tokio::test]
async fn cancellations_survive_the_death_of_each_process_at_every_step() {
    let mut world = World::new().await;
    for way in [Way::CancelledDeploy, Way::CancelledActivate] {
        walk(&mut world, way).await;
    }
}

#[tokio::test]
async fn switches_and_deletions_survive_the_death_of_each_process_at_every_step() {
    let mut world = World::new().await;
    for way in [Way::Activate, Way::DeleteRelease, Way::DeleteSite] {
        walk(&mut world, way).await;
    }
}
