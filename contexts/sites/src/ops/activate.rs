use async_trait::async_trait;
use mpanel_jobs::{Kind, Operation, Step, StepCx, StepError};
use serde_json::Value;

use super::{ReleaseInput, wait_served};
use crate::Sites;
use crate::error::Error;

pub static ACTIVATE: Kind = Kind {
    name: "sites.release.activate",
    steps: &[
        Step {
            key: "activate",
            title: "Put the release in place",
        },
        Step {
            key: "served",
            title: "Wait until the edge serves it",
        },
    ],
};

/// Makes another release the active one, back or forward.
pub struct Activate(pub Sites);

#[async_trait]
impl Operation for Activate {
    fn kind(&self) -> &'static Kind {
        &ACTIVATE
    }

    async fn run(&self, step: &str, cx: &StepCx) -> Result<Value, StepError> {
        let sites = &self.0;
        let input: ReleaseInput = cx.input()?;
        match step {
            "activate" => sites.switch_to(&cx.op_cx(), input.site, input.release).await?.output(),
            _ => wait_served(sites, cx, "activate").await,
        }
    }

    async fn undo(&self, step: &str, cx: &StepCx) -> Result<(), StepError> {
        if step != "activate" {
            return Ok(());
        }
        let input: ReleaseInput = cx.input()?;
        match self.0.switch_back(&cx.op_cx(), input.site, input.release).await {
            Err(Error::NotFound) => Ok(()),
            result => Ok(result?),
        }
    }
}
