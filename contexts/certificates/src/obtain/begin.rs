//! Which hosts are ordered for, and of whom.

use jiff::{SignedDuration, Timestamp};
use mpanel_pg::Reason;

use super::{BATCH, COUNTED, NAME, Obtain};
use crate::error::Error;
use crate::store::issuers::StoredIssuer;
use crate::store::orders::{self, Candidate};
use crate::store::spent;
use crate::{OrderId, domain};

/// What no public authority issues for stays so until the name is another one.
const NEVER: SignedDuration = SignedDuration::from_hours(24);
const ACCOUNTS_WINDOW: SignedDuration = SignedDuration::from_hours(3);

pub struct Begun {
    /// Whether there may be other hosts to begin with.
    pub more: bool,
}

/// Whom to ask, or until when nobody.
enum Choice<'a> {
    Ask(&'a StoredIssuer),
    Later { message: String, until: Timestamp },
}

impl Obtain {
    /// Writes down an order for each host that is to have one. Nobody is asked anything yet.
    pub async fn begin(&self, all: &[StoredIssuer]) -> Result<Begun, Error> {
        if all.iter().all(|issuer| issuer.account_url.is_none()) {
            return Ok(Begun { more: false });
        }
        let now = self.certificates.clock.now();
        let mut tx = self.certificates.spine.db().platform(Reason::Reconcile(NAME)).await?;
        let candidates = orders::candidates(&mut tx, now, BATCH).await?;
        tx.end_read();
        let more = candidates.len() >= BATCH as usize;
        // One that was in trouble is tried with a single order first.
        let mut tried = Vec::new();
        for candidate in &candidates {
            let Ok(domains) = domain::all_registered(&candidate.names) else {
                self.put_off(candidate, "", domain::later(now, NEVER)).await?;
                continue;
            };
            let usable: Vec<&StoredIssuer> = all.iter().filter(|issuer| !tried.contains(&issuer.id)).collect();
            match self.choose(&usable, &domains, now).await? {
                Some(Choice::Ask(issuer)) => {
                    if issuer.failures > 0 {
                        tried.push(issuer.id);
                    }
                    // First, so that what was asked is never counted too low.
                    let mut tx = self.certificates.spine.db().platform(Reason::Reconcile(NAME)).await?;
                    spent::add(&mut tx, issuer.id, &domains, now).await?;
                    tx.commit().await?;
                    let mut tx = self.certificates.spine.db().tenant(candidate.tenant).await?;
                    let what = (candidate.host.as_str(), candidate.names.as_slice());
                    orders::insert(&mut tx, OrderId::generate(), what, issuer.id, now).await?;
                    tx.commit().await?;
                }
                Some(Choice::Later { message, until }) => {
                    self.put_off(candidate, &message, domain::soon_after(until, now))
                        .await?;
                }
                None => {}
            }
        }
        Ok(Begun {
            more: more && tried.is_empty(),
        })
    }

    async fn put_off(&self, candidate: &Candidate, message: &str, until: Timestamp) -> Result<(), Error> {
        let mut tx = self.certificates.spine.db().tenant(candidate.tenant).await?;
        orders::put_off(&mut tx, &candidate.host, message, until).await?;
        Ok(tx.commit().await?)
    }

    /// The first in their order that is not left alone and has room for these domains.
    async fn choose<'a>(
        &self,
        issuers: &[&'a StoredIssuer],
        domains: &[String],
        now: Timestamp,
    ) -> Result<Option<Choice<'a>>, Error> {
        let mut later: Option<(Timestamp, String)> = None;
        let mut note = |until: Timestamp, message: String| {
            if later.as_ref().is_none_or(|(at, _)| until < *at) {
                later = Some((until, message));
            }
        };
        for issuer in issuers {
            if issuer.account_url.is_none() {
                continue;
            }
            if let Some(until) = issuer.paused_until.filter(|until| *until > now) {
                note(
                    until,
                    // Why is the platform's to know: it may be about somebody else's names.
                    format!("{} cannot be asked at the moment", issuer.name),
                );
                continue;
            }
            match self.room(issuer, domains, now).await? {
                None => return Ok(Some(Choice::Ask(issuer))),
                Some((until, message)) => note(until, message),
            }
        }
        Ok(later.map(|(until, message)| Choice::Later { message, until }))
    }

    /// Until when the authority would refuse an order, and why; `None` when it has room.
    async fn room(
        &self,
        issuer: &StoredIssuer,
        domains: &[String],
        now: Timestamp,
    ) -> Result<Option<(Timestamp, String)>, Error> {
        let mut tx = self.certificates.spine.db().platform(Reason::Reconcile(NAME)).await?;
        let since = domain::earlier(now, ACCOUNTS_WINDOW);
        let mut full = spent::full(&mut tx, issuer.id, None, since, issuer.orders_per_3h)
            .await?
            .map(|at| {
                let message = format!(
                    "{} takes {} orders in three hours from this installation, and has had them",
                    issuer.name, issuer.orders_per_3h
                );
                (domain::later(at, ACCOUNTS_WINDOW), message)
            });
        for name in domains {
            let most = issuer.certificates_per_domain_7d;
            let since = domain::earlier(now, COUNTED);
            let Some(at) = spent::full(&mut tx, issuer.id, Some(name), since, most).await? else {
                continue;
            };
            let until = domain::later(at, COUNTED);
            if full.as_ref().is_none_or(|(before, _)| *before < until) {
                let message = format!(
                    "{} issues {most} certificates in seven days for {name}, and has done so",
                    issuer.name
                );
                full = Some((until, message));
            }
        }
        tx.end_read();
        Ok(full)
    }
}
