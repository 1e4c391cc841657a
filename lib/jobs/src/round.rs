//! Whose turn it is.

use std::ops::ControlFlow;

use uuid::Uuid;

/// What came of reaching for the next piece of work.
pub(crate) enum Claim<T> {
    Taken(T),
    /// Another server was faster.
    Lost,
    /// From there on nobody has anything to do.
    Nothing,
}

/// Whose work it is.
pub(crate) trait Owned {
    fn owner(&self) -> Uuid;
}

/// So often in a row this server reaches for what others take: they do the work then, and it looks again later.
const LOST: usize = 8;

/// Goes round the tenants in the order of their ids, one piece of work for each, so that one with much to do keeps no other
/// waiting. It needs no place in the database: each server goes its own round.
#[derive(Debug, Default)]
pub(crate) struct Round {
    from: Uuid,
    lost: usize,
}

impl Round {
    /// The id of the next tenant at the least; nil begins anew.
    pub(crate) fn from(&self) -> Uuid {
        self.from
    }

    /// Goes on from what came of looking from [`Round::from`] on. It breaks with work, or with none when nobody has any.
    pub(crate) fn after<T: Owned>(&mut self, claim: Claim<T>) -> ControlFlow<Option<T>> {
        match claim {
            Claim::Lost if self.lost < LOST => {
                self.lost += 1;
                return ControlFlow::Continue(());
            }
            Claim::Nothing if !self.from.is_nil() => {
                self.from = Uuid::nil();
                return ControlFlow::Continue(());
            }
            _ => self.lost = 0,
        }
        let Claim::Taken(work) = claim else {
            return ControlFlow::Break(None);
        };
        // Behind the last id there is begins the next round.
        self.from = Uuid::from_u128(work.owner().as_u128().wrapping_add(1));
        ControlFlow::Break(Some(work))
    }
}
