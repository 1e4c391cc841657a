//! One order, from being wanted to a certificate. What is asked of others happens outside of transactions, and a row is
//! written before and after: whoever goes on after a kill sees from it what may have been asked already.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use mpanel_certificates_contract::events;
use mpanel_client_acme::{Account, Error as AcmeError, Order, OrderStatus};
use mpanel_crypto::Place;
use mpanel_events::Record;
use mpanel_kernel::error::{Kind, PublicError as _};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use serde_json::json;

use super::Obtain;
use super::halt::{Halt, LATER, SOON, judge, judge_new};
use super::shown::{Unanswered, parse_kind};
use crate::error::Error;
use crate::store::issuers::StoredIssuer;
use crate::store::orders::{self, State, StoredOrder};
use crate::{OrderId, domain, metrics};

/// Looks at an authority within one pass, each after twice as long a pause as the one before.
const LOOKS: u32 = 6;
const FIRST_LOOK: Duration = Duration::from_millis(20);
/// How long a request takes that nobody waits for any more: looked again after each of these.
const STILL_ON_ITS_WAY: [Duration; 3] = [
    Duration::from_millis(20),
    Duration::from_millis(500),
    Duration::from_secs(1),
];
/// An order that has come no further in this time is given up.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);

pub(super) fn key_of(id: OrderId) -> Place {
    Place::new("certificates.orders", "sealed_key", id)
}

impl Obtain {
    /// Brings an order as far as it goes now; whether it came any further.
    pub(super) async fn advance(&self, all: &[StoredIssuer], order: StoredOrder) -> Result<bool, Error> {
        let issuer = all.iter().find(|issuer| issuer.id == order.issuer);
        let (mut order, mut moved) = (order, false);
        loop {
            let halt = match self.step(issuer, &order).await {
                Ok(Some(next)) => {
                    (order, moved) = (next, true);
                    continue;
                }
                // It is over, or somebody else has taken it further.
                Ok(None) => return Ok(true),
                Err(halt) => halt,
            };
            let next = match halt {
                Halt::Ours(error) if error.kind() == Kind::Unavailable => return Err(error),
                // What is to be taken back is taken back; nothing else is left to do for it.
                Halt::Ours(error) if order.state == State::Ending => {
                    tracing::error!(order = %order.id, host = order.host, %error, "an order cannot be taken back");
                    let then = domain::later(self.certificates.clock.now(), LATER);
                    let mut tx = self.certificates.spine.db().tenant(order.tenant).await?;
                    orders::wait(&mut tx, order.id, &error.public_text(), then).await?;
                    tx.commit().await?;
                    return Ok(moved);
                }
                Halt::Ours(error) => {
                    tracing::error!(order = %order.id, host = order.host, %error, "an order cannot go on");
                    self.give_up(&order, Some(&error.public_text())).await?
                }
                Halt::Wait(message, pause) => {
                    let now = self.certificates.clock.now();
                    if now.duration_since(order.created_at) <= LONGEST {
                        let mut tx = self.certificates.spine.db().tenant(order.tenant).await?;
                        orders::wait(&mut tx, order.id, &message, domain::later(now, pause)).await?;
                        tx.commit().await?;
                        return Ok(moved);
                    }
                    self.give_up(&order, Some(&message)).await?
                }
                Halt::Fail(message) => {
                    metrics::failed(issuer.map_or("", |issuer| issuer.name.as_str()));
                    self.give_up(&order, Some(&message)).await?
                }
                Halt::Refused(message, wait) => {
                    metrics::failed(issuer.map_or("", |issuer| issuer.name.as_str()));
                    self.give_up_for(&order, Some(&message), wait).await?
                }
                Halt::Authority(error) => {
                    if let Some(issuer) = issuer {
                        self.leave_alone(issuer, &error).await?;
                    }
                    self.give_up(&order, None).await?
                }
            };
            match next {
                Some(next) => (order, moved) = (next, true),
                None => return Ok(true),
            }
        }
    }

    async fn step(&self, issuer: Option<&StoredIssuer>, order: &StoredOrder) -> Result<Option<StoredOrder>, Halt> {
        if order.state == State::Ending {
            return Ok(self.end(order).await?);
        }
        let Some(issuer) = issuer.filter(|_| order.wanted) else {
            // Nobody wants it any more, or its authority is no longer to be asked.
            return Ok(self.give_up(order, None).await?);
        };
        let account = match self.account(issuer).await {
            Ok(Some(account)) => account,
            Ok(None) => return Err(Halt::Wait(format!("{} has no account here yet", issuer.name), LATER)),
            Err(Error::Authority(error)) if order.state == State::Wanted => return Err(judge_new(issuer, error)),
            Err(Error::Authority(error)) => return Err(judge(issuer, error)),
            Err(error) => return Err(error.into()),
        };
        match (order.state, &order.url) {
            (State::Wanted, _) => self.order(issuer, &*account, order).await,
            (State::Ordered, Some(url)) => self.show_what(issuer, &*account, order, url).await,
            (State::Shown, Some(url)) => self.tell(issuer, &*account, order, url).await,
            (State::Told, Some(url)) => self.make_key(issuer, &account, order, url).await,
            (State::Keyed, Some(url)) => self.finish(issuer, &account, order, url).await,
            // The table's checks let no such row in.
            (_, None) | (State::Ending, _) => Ok(self.give_up(order, None).await?),
        }
    }

    /// Writes down how far it is now, unless somebody else has taken it further.
    async fn save(&self, from: State, order: StoredOrder) -> Result<Option<StoredOrder>, Error> {
        let mut tx = self.certificates.spine.db().tenant(order.tenant).await?;
        match orders::lock(&mut tx, order.id).await? {
            Some(found) if found.state == from => {}
            _ => return Ok(None),
        }
        orders::save(&mut tx, &order, self.certificates.clock.now()).await?;
        tx.commit().await?;
        Ok(Some(order))
    }

    /// Writes down that it is asked for now, unless somebody else does: of two passes, one asks.
    async fn claim(&self, order: StoredOrder) -> Result<Option<StoredOrder>, Error> {
        let mut tx = self.certificates.spine.db().tenant(order.tenant).await?;
        match orders::lock(&mut tx, order.id).await? {
            Some(found) if found.state == State::Wanted && !found.asked => {}
            _ => return Ok(None),
        }
        orders::save(&mut tx, &order, self.certificates.clock.now()).await?;
        tx.commit().await?;
        Ok(Some(order))
    }

    async fn order(
        &self,
        issuer: &StoredIssuer,
        account: &dyn Account,
        order: &StoredOrder,
    ) -> Result<Option<StoredOrder>, Halt> {
        let refused = |error| judge_new(issuer, error);
        let mut order = order.clone();
        let known = match order.asked {
            // Who asked was killed, maybe after the authority had heard it.
            true => self.asked_before(account, &order).await.map_err(refused)?,
            false => {
                order.asked = true;
                match self.claim(order.clone()).await? {
                    Some(_) => None,
                    None => return Ok(None),
                }
            }
        };
        let made = match known {
            Some(known) => known,
            None => account.new_order(&order.names, None).await.map_err(refused)?,
        };
        order.url = Some(made.url);
        order.state = State::Ordered;
        Ok(self.save(State::Wanted, order).await?)
    }

    /// The order that somebody has asked for and was killed, if the authority has it. A request may still have been on its way
    /// to it at that moment.
    async fn asked_before(&self, account: &dyn Account, order: &StoredOrder) -> Result<Option<Order>, AcmeError> {
        for look in STILL_ON_ITS_WAY {
            tokio::time::sleep(look).await;
            if let Some(open) = account.open_orders(&order.names).await?.into_iter().next() {
                return Ok(Some(open));
            }
        }
        Ok(None)
    }

    async fn show_what(
        &self,
        issuer: &StoredIssuer,
        account: &dyn Account,
        order: &StoredOrder,
        url: &str,
    ) -> Result<Option<StoredOrder>, Halt> {
        let refused = |error| judge(issuer, error);
        let mut order = order.clone();
        let remote = account.order(url).await.map_err(refused)?;
        if remote.status != OrderStatus::Pending {
            // The authority still believes what it has seen before, or the order is dead: the next step finds out.
            order.state = State::Told;
            return Ok(self.save(State::Ordered, order).await?);
        }
        let all = account.authorizations(url).await.map_err(refused)?;
        let mut tx = self.certificates.spine.db().tenant(order.tenant).await?;
        let failures = orders::failures(&mut tx, &order.host).await?;
        tx.end_read();
        let Some((kind, shown, mut change)) = self.show(&order, &all, failures).await? else {
            let message = format!(
                "{} offers no way to show that {} leads here; a wildcard needs its zone to be here",
                issuer.name, order.host
            );
            return Err(Halt::Fail(message));
        };
        match orders::lock(change.tx(), order.id).await? {
            Some(found) if found.state == State::Ordered => {}
            _ => return Ok(None),
        }
        order.state = State::Shown;
        order.challenge = Some(kind.word().to_owned());
        order.shown = serde_json::to_value(shown).map_err(mpanel_events::Error::from)?;
        orders::save(change.tx(), &order, self.certificates.clock.now()).await?;
        let facts = json!({"host": order.host, "challenge": kind.word(), "issuer": issuer.name});
        change
            .record(Record::new("certificates.order.shown.v1", order.id, facts.clone()).after(facts))
            .await?;
        change.commit().await?;
        Ok(Some(order))
    }

    async fn tell(
        &self,
        issuer: &StoredIssuer,
        account: &dyn Account,
        order: &StoredOrder,
        url: &str,
    ) -> Result<Option<StoredOrder>, Halt> {
        match self.is_answered(order).await? {
            Ok(()) => {}
            Err(Unanswered::Wait(message)) => return Err(Halt::Wait(message, SOON)),
            Err(Unanswered::Never(message)) => return Err(Halt::Fail(message)),
        }
        if let Some(kind) = order.challenge.as_deref().and_then(parse_kind) {
            account.ready(url, kind).await.map_err(|error| judge(issuer, error))?;
        }
        let mut order = order.clone();
        order.state = State::Told;
        Ok(self.save(State::Shown, order).await?)
    }

    /// The order's state once the authority has done what it is at.
    async fn look(
        &self,
        issuer: &StoredIssuer,
        account: &Arc<dyn Account>,
        url: &str,
        until: impl Fn(OrderStatus) -> bool,
    ) -> Result<OrderStatus, Halt> {
        for look in 0..LOOKS {
            let found = account.order(url).await.map_err(|error| judge(issuer, error))?;
            if found.status == OrderStatus::Invalid {
                return Err(Halt::Fail(self.why(issuer, &**account, url, found.error).await));
            }
            if until(found.status) {
                return Ok(found.status);
            }
            if let Some(wait) = found.retry_after.filter(|wait| *wait > Duration::from_secs(1)) {
                let wait = SignedDuration::try_from(wait).unwrap_or(LATER);
                return Err(Halt::Wait(format!("{} is looking", issuer.name), wait));
            }
            tokio::time::sleep(FIRST_LOOK * 2_u32.pow(look)).await;
        }
        Err(Halt::Wait(format!("{} is looking", issuer.name), SOON))
    }

    /// What the authority has found wrong, in its words.
    async fn why(&self, issuer: &StoredIssuer, account: &dyn Account, url: &str, error: Option<AcmeError>) -> String {
        let all = account.authorizations(url).await.unwrap_or_default();
        let of_challenge = all
            .iter()
            .flat_map(|one| one.challenges.iter().map(move |challenge| (one, challenge)))
            .find_map(|(one, challenge)| Some((one.name.as_str(), challenge.error.as_ref()?)));
        match (of_challenge, error) {
            (Some((name, error)), _) => format!("{} has looked for {name} and says: {error}", issuer.name),
            (None, Some(error)) => format!("{} says: {error}", issuer.name),
            (None, None) => format!("{} has given the order up without a reason", issuer.name),
        }
    }

    async fn make_key(
        &self,
        issuer: &StoredIssuer,
        account: &Arc<dyn Account>,
        order: &StoredOrder,
        url: &str,
    ) -> Result<Option<StoredOrder>, Halt> {
        let status = self
            .look(issuer, account, url, |status| status != OrderStatus::Pending)
            .await?;
        if status != OrderStatus::Ready {
            return Err(Halt::Fail(format!(
                "{} has a certificate for a key that is not here",
                issuer.name
            )));
        }
        let key = KeyPair::generate().map_err(Error::from)?;
        let mut params = CertificateParams::new(order.names.clone()).map_err(Error::from)?;
        params.distinguished_name = DistinguishedName::new();
        let csr = params.serialize_request(&key).map_err(Error::from)?.der().to_vec();
        let mut tx = self.certificates.spine.db().tenant(order.tenant).await?;
        let sealer = self.certificates.spine.vault().tenant(&mut tx).await?;
        tx.commit().await?;
        let mut order = order.clone();
        order.sealed_key = Some(sealer.seal(&key_of(order.id), key.serialize_pem().as_bytes()));
        order.csr = Some(csr);
        order.state = State::Keyed;
        Ok(self.save(State::Told, order).await?)
    }

    async fn finish(
        &self,
        issuer: &StoredIssuer,
        account: &Arc<dyn Account>,
        order: &StoredOrder,
        url: &str,
    ) -> Result<Option<StoredOrder>, Halt> {
        let refused = |error| judge(issuer, error);
        let settled = |status| matches!(status, OrderStatus::Ready | OrderStatus::Valid);
        if self.look(issuer, account, url, settled).await? == OrderStatus::Ready {
            let csr = order.csr.as_deref().unwrap_or_default();
            account.finalize(url, csr).await.map_err(refused)?;
            self.look(issuer, account, url, |status| status == OrderStatus::Valid)
                .await?;
        }
        let chain = account.certificate(url).await.map_err(refused)?;
        self.keep(issuer, order, &chain).await
    }

    /// Lets the order end without a certificate. With a reason, the host waits before it is tried again; without, the next
    /// pass begins anew for it, with another authority if this one is left alone.
    pub(super) async fn give_up(&self, order: &StoredOrder, why: Option<&str>) -> Result<Option<StoredOrder>, Error> {
        self.give_up_for(order, why, SignedDuration::ZERO).await
    }

    /// As [`Self::give_up`], for at least so long.
    async fn give_up_for(
        &self,
        order: &StoredOrder,
        why: Option<&str>,
        least: SignedDuration,
    ) -> Result<Option<StoredOrder>, Error> {
        let now = self.certificates.clock.now();
        let mut change = self.certificates.spine.begin(&self.cx(order.tenant)).await?;
        match orders::lock(change.tx(), order.id).await? {
            Some(found) if found.state == order.state => {}
            _ => return Ok(None),
        }
        let facts = match why {
            Some(why) => {
                let failures = orders::count_failure(change.tx(), &order.host).await?;
                let then = domain::later(now, domain::pause(failures - 1).max(least));
                orders::put_off(change.tx(), &order.host, why, then).await?;
                json!({"host": order.host, "problem": why})
            }
            None => json!({"host": order.host}),
        };
        let data = json!({"host": order.host});
        change
            .record(Record::new(events::ORDER_FAILED, order.id, data).after(facts))
            .await?;
        let mut order = order.clone();
        order.state = State::Ending;
        orders::save(change.tx(), &order, now).await?;
        change.commit().await?;
        Ok(Some(order))
    }

    async fn end(&self, order: &StoredOrder) -> Result<Option<StoredOrder>, Error> {
        let mut change = self.certificates.spine.begin(&self.cx(order.tenant)).await?;
        if orders::lock(change.tx(), order.id).await?.is_none() {
            return Ok(None);
        }
        self.take_back(&mut change, order).await?;
        orders::delete(change.tx(), order.id).await?;
        change
            .record(Record::new(events::ORDER_ENDED, order.id, json!({"host": order.host})))
            .await?;
        change.commit().await?;
        Ok(None)
    }
}
