use std::collections::BTreeMap;
use std::io;

use serde::{Deserialize, Serialize};
use tokio::io::AsyncWrite;

use crate::Update;
use crate::frame::{self, ClientFrame};

/// So many are told; whoever has more is of another version than what it is sent.
const TOLD: usize = 100;

/// A state that a data plane was sent and cannot serve. It goes on with what it had under the key, if anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    pub topic: String,
    pub key: String,
    pub generation: i64,
    /// For whoever runs the installation.
    pub reason: String,
}

/// Applies updates and keeps what could not be, until the control plane was told.
pub(crate) struct Applying<F> {
    apply: F,
    /// By topic and key.
    refused: BTreeMap<(String, String), Refusal>,
    untold: bool,
    wanted: bool,
}

impl<F: FnMut(Update<'_>) -> Vec<Refusal>> Applying<F> {
    pub(crate) fn new(apply: F) -> Self {
        Self {
            apply,
            refused: BTreeMap::new(),
            untold: false,
            wanted: false,
        }
    }

    pub(crate) fn apply(&mut self, update: Update<'_>) {
        // Nearly always nothing: what is compared is small.
        let before = match &update {
            Update::Reset { .. } => std::mem::take(&mut self.refused),
            Update::Item { item, .. } => {
                let at = (item.topic.clone(), item.key.clone());
                self.refused.remove_entry(&at).into_iter().collect()
            }
        };
        let now: BTreeMap<_, _> = (self.apply)(update)
            .into_iter()
            .map(|refusal| ((refusal.topic.clone(), refusal.key.clone()), refusal))
            .collect();
        self.untold |= before != now;
        self.refused.extend(now);
    }

    /// Of what was said over an earlier connection the other side knows nothing; `wanted` says whether it takes any.
    pub(crate) fn connected(&mut self, wanted: bool) {
        self.untold = !self.refused.is_empty();
        self.wanted = wanted;
    }

    /// Says what is refused now, if that has changed; before the acknowledgement that it would belie.
    pub(crate) async fn tell<W: AsyncWrite + Unpin>(&mut self, to: &mut W) -> io::Result<()> {
        if !(self.untold && self.wanted) {
            return Ok(());
        }
        let refused = self.refused.values().take(TOLD).cloned().collect();
        frame::write(to, &ClientFrame::Refused { refused }).await?;
        self.untold = false;
        Ok(())
    }
}
