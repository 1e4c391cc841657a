//! Steps that run again after a crash, and steps that are taken back, one by one.

use std::sync::Arc;

use mpanel_client_agent::Failure;
use mpanel_jobs::{Failure as Why, Operation, Outcome, StepCx, StepError};
use mpanel_kernel::ids::{ReleaseId, SiteId, UploadId};
use serde_json::json;

use super::store::{published, used};
use super::support::{World, archive, charged};
use crate::domain::{ReleaseState, UploadState};
use crate::ops::{DEPLOY, Deploy, DeployInput};
use crate::service::NewRelease;

const STEPS: [&str; 6] = ["check", "unpack", "account", "activate", "served", "tidy"];

struct ByHand {
    world: World,
    deploy: Arc<dyn Operation>,
    site: SiteId,
}

impl ByHand {
    async fn new() -> Self {
        let world = World::new().await;
        let site = world.site("Shop", None).await.id;
        Self {
            deploy: Arc::new(Deploy(world.sites.clone())),
            world,
            site,
        }
    }

    /// A release with its steps' context; nobody works on the operation.
    async fn begin(&self, text: &str) -> (ReleaseId, UploadId, StepCx) {
        let upload = self
            .world
            .uploaded(self.site, &archive(&[("index.html", text)]))
            .await
            .id;
        let new = NewRelease {
            upload,
            activate: true,
            note: None,
            own_upload: false,
        };
        let cx = self.world.owner();
        let release = self
            .world
            .sites
            .create_release(&cx, self.site, new)
            .await
            .unwrap()
            .release;
        let input = DeployInput {
            site: self.site,
            release,
            upload,
            activate: true,
            own_upload: false,
        };
        let sites = &self.world.sites;
        let cx = StepCx::detached(
            sites.spine.clone(),
            sites.clock.clone(),
            self.world.tenant,
            &DEPLOY,
            self.site,
            json!(input),
        );
        (release, upload, cx)
    }

    /// Runs the first `count` steps, each `times` times, as after a crash.
    async fn run(&self, mut cx: StepCx, count: usize, times: usize) -> StepCx {
        for step in &STEPS[..count] {
            for _ in 0..times {
                let output = self.deploy.run(step, &cx).await.unwrap();
                cx = cx.with_output(step, output);
            }
        }
        cx
    }
}

#[tokio::test]
async fn steps_that_run_twice_do_their_work_once() {
    let hand = ByHand::new().await;
    let (release, _, cx) = hand.begin("hello").await;
    let cx = hand.run(cx, STEPS.len(), 2).await;
    for _ in 0..2 {
        hand.deploy.finished(&cx, &Outcome::Succeeded).await.unwrap();
    }
    assert_eq!(hand.world.release(hand.site, release).await.state, ReleaseState::Active);
    assert_eq!(used(&hand.world.db, hand.world.tenant).await[2], charged(1));
    assert!(hand.world.blobs().is_empty());
}

#[tokio::test]
async fn whatever_was_done_is_taken_back() {
    let hand = ByHand::new().await;
    let (first, _, cx) = hand.begin("one").await;
    hand.run(cx, STEPS.len(), 1).await;
    let before = used(&hand.world.db, hand.world.tenant).await;
    for count in 0..=5 {
        let (release, upload, cx) = hand.begin("second").await;
        let cx = hand.run(cx, count, 1).await;
        // The step that failed is undone as well as those before it, and again after a crash.
        for step in STEPS[..=count.min(5)].iter().rev() {
            for _ in 0..2 {
                hand.deploy.undo(step, &cx).await.unwrap();
            }
        }
        let why = Why {
            code: "jobs.step.gave_up".into(),
            message: "it was not to be".into(),
        };
        for _ in 0..2 {
            hand.deploy.finished(&cx, &Outcome::Failed(why.clone())).await.unwrap();
        }
        let site = hand.world.get(hand.site).await;
        assert_eq!(site.active_release, Some(first), "after {count} steps");
        let (generation, target) = published(&hand.world.db, "shop.preview.test").await.unwrap();
        assert_eq!(generation, site.generation);
        assert_eq!(target.unwrap()["root"], format!("{}/releases/{first}", hand.site));
        let failed = hand.world.release(hand.site, release).await;
        assert_eq!((failed.state, failed.reserved), (ReleaseState::Failed, 0));
        assert!(hand.world.agent.files(hand.site, release).is_none());
        let cx = hand.world.owner();
        let kept = hand.world.sites.get_upload(&cx, hand.site, upload).await.unwrap();
        assert_eq!(kept.state, UploadState::Finished);
        hand.world.sites.delete_upload(&cx, hand.site, upload).await.unwrap();
        assert_eq!(used(&hand.world.db, hand.world.tenant).await, before);
    }
}

#[tokio::test]
async fn a_first_release_that_is_taken_back_leaves_the_placeholder() {
    let hand = ByHand::new().await;
    let (_, _, cx) = hand.begin("one").await;
    let cx = hand.run(cx, 4, 1).await;
    assert!(hand.world.get(hand.site).await.active_release.is_some());
    hand.deploy.undo("activate", &cx).await.unwrap();
    assert_eq!(hand.world.get(hand.site).await.active_release, None);
    let (_, target) = published(&hand.world.db, "shop.preview.test").await.unwrap();
    assert_eq!(target.unwrap()["kind"], "placeholder");
}

#[tokio::test]
async fn what_the_agent_cannot_do_now_is_tried_again() {
    let hand = ByHand::new().await;
    let (_, _, cx) = hand.begin("one").await;
    let cx = hand.run(cx, 1, 1).await;
    for failure in [
        Failure::Busy {},
        Failure::Overloaded {},
        Failure::HelperDied {
            detail: "killed".into(),
        },
        Failure::Internal { detail: "io".into() },
    ] {
        hand.world.agent.fail_next(failure);
        let error = hand.deploy.run("unpack", &cx).await.unwrap_err();
        assert!(matches!(error, StepError::Retry { .. }), "{error:?}");
    }
    hand.world.agent.fail_next(Failure::NoSpace {});
    let error = hand.deploy.run("unpack", &cx).await.unwrap_err();
    assert!(matches!(error, StepError::Failed { .. }), "{error:?}");
}

#[tokio::test]
async fn tidying_up_never_takes_a_release_back() {
    let hand = ByHand::new().await;
    for text in ["1", "2", "3"] {
        let (_, _, cx) = hand.begin(text).await;
        hand.run(cx, STEPS.len(), 1).await;
    }
    let (release, _, cx) = hand.begin("4").await;
    let cx = hand.run(cx, 5, 1).await;
    hand.world.agent.fail_next(Failure::Internal { detail: "io".into() });
    hand.deploy.run("tidy", &cx).await.unwrap();
    assert_eq!(hand.world.get(hand.site).await.active_release, Some(release));
}
