//! What an authority looks for: put into zones and edges, and taken back.

use mpanel_client_acme::{Authorization, AuthorizationStatus, Challenge, ChallengeKind};
use mpanel_events::{Change, Served, State};
use mpanel_feed::frame::Role;
use mpanel_feed::topics::{DNS_ZONE, EDGE_CHALLENGE, EdgeChallenge, EdgeProof};
use mpanel_kernel::error::{Kind, PublicError as _};
use mpanel_kernel::names::DomainName;
use serde::{Deserialize, Serialize};

use super::Obtain;
use crate::error::Error;
use crate::store::orders::StoredOrder;

/// In the order in which they are tried.
const KINDS: [ChallengeKind; 3] = [ChallengeKind::Dns01, ChallengeKind::Http01, ChallengeKind::TlsAlpn01];

/// One thing that is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Shown {
    pub(super) name: String,
    /// Of the text record; empty at the edge.
    value: String,
    /// Of the zone or the challenge in the feed.
    key: String,
    generation: i64,
}

pub(super) fn parse_kind(word: &str) -> Option<ChallengeKind> {
    KINDS.into_iter().find(|kind| kind.word() == word)
}

pub(super) fn shown(order: &StoredOrder) -> Vec<Shown> {
    // Written by this program alone.
    serde_json::from_value(order.shown.clone()).unwrap_or_default()
}

fn offered(authorization: &Authorization, kind: ChallengeKind) -> Option<&Challenge> {
    authorization.challenges.iter().find(|challenge| challenge.kind == kind)
}

impl Obtain {
    /// Shows what is looked for, by the first kind that works here for all names; each failure before lets it begin with the
    /// next kind. `None` when there is no such kind.
    pub(super) async fn show(
        &self,
        order: &StoredOrder,
        all: &[Authorization],
        failures: i32,
    ) -> Result<Option<(ChallengeKind, Vec<Shown>, Change)>, Error> {
        let pending: Vec<&Authorization> = all
            .iter()
            .filter(|one| one.status == AuthorizationStatus::Pending)
            .collect();
        let possible = KINDS
            .into_iter()
            .filter(|kind| pending.iter().all(|one| offered(one, *kind).is_some()));
        let mut ways = Vec::new();
        for kind in possible {
            // Each way is tried for real, in a transaction of its own: what is not possible leaves nothing.
            if kind != ChallengeKind::Dns01 || self.show_by(order, &pending, kind).await?.is_some() {
                ways.push(kind);
            }
        }
        if ways.is_empty() {
            return Ok(None);
        }
        let kind = ways[usize::try_from(failures).unwrap_or_default() % ways.len()];
        let shown = self.show_by(order, &pending, kind).await?;
        Ok(shown.map(|(shown, change)| (kind, shown, change)))
    }

    async fn show_by(
        &self,
        order: &StoredOrder,
        pending: &[&Authorization],
        kind: ChallengeKind,
    ) -> Result<Option<(Vec<Shown>, Change)>, Error> {
        let mut change = self.certificates.spine.begin(&self.cx(order.tenant)).await?;
        let mut all = Vec::new();
        for (index, one) in pending.iter().enumerate() {
            let (Some(challenge), Ok(name)) = (offered(one, kind), DomainName::parse(&one.name)) else {
                return Ok(None);
            };
            if kind == ChallengeKind::Dns01 {
                let records = &self.certificates.ports.records;
                let (key, generation) = match records.show(change.tx(), &name, &challenge.dns_value).await {
                    Ok(Some(record)) => (record.apex.to_string(), record.serial),
                    Ok(None) => return Ok(None),
                    Err(error) if error.kind() == Kind::Unavailable => return Err(error.into()),
                    // The zone has no room for it, such as below an alias: there are other ways.
                    Err(error) => {
                        tracing::info!(%name, %error, "no record for a challenge");
                        return Ok(None);
                    }
                };
                all.push(Shown {
                    name: one.name.clone(),
                    value: challenge.dns_value.clone(),
                    key,
                    generation,
                });
                continue;
            }
            let key_authorization = challenge.key_authorization.clone();
            let proof = match kind {
                ChallengeKind::Http01 => EdgeProof::Http {
                    token: challenge.token.clone(),
                    key_authorization,
                },
                _ => EdgeProof::TlsAlpn { key_authorization },
            };
            let key = format!("{}.{index}", order.id);
            let host = name.to_string();
            change
                .publish(&State::upsert(
                    EDGE_CHALLENGE,
                    key.clone(),
                    1,
                    &EdgeChallenge { host, proof },
                )?)
                .await?;
            all.push(Shown {
                name: one.name.clone(),
                value: String::new(),
                key,
                generation: 1,
            });
        }
        // Each change of a zone is a new generation of it: the last one has them all.
        let newest = |key: &str| all.iter().filter(|one| one.key == key).map(|one| one.generation).max();
        let newest: Vec<Option<i64>> = all.iter().map(|one| newest(&one.key)).collect();
        for (one, generation) in all.iter_mut().zip(newest) {
            one.generation = generation.unwrap_or(one.generation);
        }
        Ok(Some((all, change)))
    }

    /// Whether all that live answer it; otherwise what is waited for.
    pub(super) async fn is_answered(&self, order: &StoredOrder) -> Result<Result<(), Unanswered>, Error> {
        let (role, topic, who) = match order.challenge.as_deref().and_then(parse_kind) {
            Some(ChallengeKind::Dns01) => (Role::Dns, DNS_ZONE, "name server"),
            _ => (Role::Edge, EDGE_CHALLENGE, "edge"),
        };
        for one in shown(order) {
            let served = self
                .certificates
                .ports
                .served
                .wait(role, topic, &one.key, one.generation)
                .await?;
            match served {
                Served::Everywhere => {}
                Served::Refused(why) => return Ok(Err(Unanswered::Never(format!("a {who} cannot answer it: {why}")))),
                Served::NobodyConnected => return Ok(Err(Unanswered::Wait(format!("no {who} is connected")))),
                Served::Lagging(_) | Served::NotPublished => {
                    return Ok(Err(Unanswered::Wait(format!("it is on its way to every {who}"))));
                }
            }
        }
        Ok(Ok(()))
    }

    /// Takes back whatever is shown for the order.
    pub(super) async fn take_back(&self, change: &mut Change, order: &StoredOrder) -> Result<(), Error> {
        let is_record = order.challenge.as_deref().and_then(parse_kind) == Some(ChallengeKind::Dns01);
        for one in shown(order) {
            match DomainName::parse(&one.name) {
                Ok(name) if is_record => {
                    self.certificates
                        .ports
                        .records
                        .take_back(change.tx(), &name, &one.value)
                        .await?;
                }
                _ => {
                    change
                        .publish(&State::delete(EDGE_CHALLENGE, one.key, i64::MAX))
                        .await?
                }
            }
        }
        Ok(())
    }
}

/// Why an authority is not told to look yet.
pub(super) enum Unanswered {
    Wait(String),
    Never(String),
}
