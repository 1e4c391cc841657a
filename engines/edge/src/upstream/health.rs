//! What is done about pools beside requests: names are looked up, and servers asked whether they are well. One thread
//! does it for all pools.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderValue, Request, header};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::sync::watch as signal;
use tokio::task::{Id, JoinError, JoinSet};

use super::{Checked, Member, Pool};
use crate::edge::Shared;
use crate::net::Address;

const LOOK: Duration = Duration::from_millis(100);
const LOOK_UP: Duration = Duration::from_secs(10);
/// After a look-up that failed, first and at most; twice as long each time.
const LOOK_UP_AGAIN: Duration = Duration::from_secs(1);
const LOOK_UP_LONG: Duration = Duration::from_mins(1);
/// Look-ups at a time, of all pools and of one owner's. Each holds a thread for as long as the servers of the name take
/// to answer, which are their owner's.
const LOOK_UPS: usize = 64;
const LOOK_UPS_OF_ONE: usize = 4;
/// Addresses of a name that are tried.
const MOST_ADDRESSES: usize = 16;
/// Questions at a time whether a server is well.
const CHECKS: usize = 1_000;

/// Something that is done about a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Errand {
    LookUp,
    Check,
}

/// When something is due again.
#[derive(Clone, Copy)]
struct Due {
    at: Instant,
    /// In a row.
    failures: u32,
}

/// A server that something is due for.
struct Wanted<'a> {
    at: Instant,
    errand: Errand,
    pool: &'a Arc<Pool>,
    member: &'a Arc<Member>,
}

type Key = (Errand, u64);

#[derive(Default)]
struct Errands {
    due: HashMap<Key, Due>,
    /// Those under way; nothing is done twice at a time.
    running: JoinSet<bool>,
    keys: HashMap<Id, (Key, usize)>,
}

/// Runs until the engine stops.
pub(crate) async fn watch(shared: Arc<Shared>, mut stopping: signal::Receiver<Option<Instant>>) {
    let mut errands = Errands::default();
    let mut ticks = tokio::time::interval(LOOK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => errands.round(&shared),
            Some(done) = errands.running.join_next_with_id() => errands.done(done),
            changed = stopping.changed() => if changed.is_err() || stopping.borrow().is_some() { return },
        }
    }
}

impl Errands {
    fn round(&mut self, shared: &Shared) {
        let snapshot = shared.snapshot.load();
        let now = Instant::now();
        let running: HashSet<Key> = self.keys.values().map(|(key, _)| *key).collect();
        let mut live = HashSet::new();
        let mut wanted = Vec::new();
        for pool in snapshot.upstreams.values() {
            for member in &pool.members {
                let is_named = matches!(member.address, Address::Name(..));
                let errands = [
                    is_named.then_some(Errand::LookUp),
                    pool.check.is_some().then_some(Errand::Check),
                ];
                for errand in errands.into_iter().flatten() {
                    let key = (errand, member.id);
                    live.insert(key);
                    let due = self.due.entry(key).or_insert(Due { at: now, failures: 0 });
                    if due.at <= now && !running.contains(&key) {
                        let at = due.at;
                        wanted.push(Wanted {
                            at,
                            errand,
                            pool,
                            member,
                        });
                    }
                }
            }
        }
        self.due.retain(|key, _| live.contains(key));
        // Who has waited longest comes first, so that nobody is passed over when there are too many.
        wanted.sort_by_key(|wanted| wanted.at);
        for wanted in wanted {
            self.start(&wanted, now);
        }
    }

    fn start(&mut self, wanted: &Wanted<'_>, now: Instant) {
        let Wanted {
            errand, pool, member, ..
        } = *wanted;
        let owner = Arc::as_ptr(&pool.share).addr();
        let (every, most, most_of_one) = match (errand, &pool.check) {
            (Errand::LookUp, _) => (LOOK_UP, LOOK_UPS, LOOK_UPS_OF_ONE),
            (Errand::Check, Some(check)) => (check.interval, CHECKS, CHECKS / 10),
            (Errand::Check, None) => return,
        };
        let alike = self.keys.values().filter(|((other, _), _)| *other == errand);
        let (all, own) = alike.fold((0, 0), |(all, own), (_, of)| (all + 1, own + usize::from(*of == owner)));
        if all >= most || own >= most_of_one {
            return;
        }
        let task = match errand {
            Errand::LookUp => self.running.spawn_local(look_up(Arc::clone(member))),
            Errand::Check => self.running.spawn_local(ask(Arc::clone(pool), Arc::clone(member))),
        };
        let key = (errand, member.id);
        self.keys.insert(task.id(), (key, owner));
        if let Some(due) = self.due.get_mut(&key) {
            due.at = now + every;
        }
    }

    fn done(&mut self, done: Result<(Id, bool), JoinError>) {
        let (id, worked) = done.unwrap_or_else(|error| (error.id(), false));
        let Some((key, _)) = self.keys.remove(&id) else { return };
        let Some(due) = self.due.get_mut(&key) else { return };
        due.failures = if worked { 0 } else { due.failures.saturating_add(1) };
        if let (Errand::LookUp, false) = (key.0, worked) {
            due.at = Instant::now() + again(due.failures);
        }
    }
}

/// How long to wait after so many failures in a row.
fn again(failures: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
    LOOK_UP_AGAIN.saturating_mul(doubled).min(LOOK_UP_LONG)
}

/// Whether the name leads somewhere.
async fn look_up(member: Arc<Member>) -> bool {
    let Address::Name(name, port) = &member.address else {
        return false;
    };
    match tokio::net::lookup_host((&**name, *port)).await {
        Ok(found) => {
            let mut found: Vec<_> = found.take(MOST_ADDRESSES).collect();
            found.dedup();
            let leads = !found.is_empty();
            if leads && **member.found.load() != found {
                member.found.store(Arc::new(found));
            }
            leads
        }
        // What it led to before is used on.
        Err(error) => {
            tracing::warn!(server = %member.address, %error, "name cannot be looked up");
            false
        }
    }
}

/// Whether the server is well.
async fn ask(pool: Arc<Pool>, member: Arc<Member>) -> bool {
    let Some(check) = &pool.check else { return true };
    let answer = tokio::time::timeout(check.timeout, answer(&pool, &member, check)).await;
    let (well, reason) = match answer {
        Ok(Ok(status)) => {
            let expected = match &check.expect[..] {
                [] => (200..400).contains(&status),
                expect => expect.contains(&status),
            };
            (expected, format!("it answers {status}"))
        }
        Ok(Err(error)) => (false, error.to_string()),
        Err(_) => (false, "no answer in time".to_owned()),
    };
    if member.checked(well) {
        tracing::warn!(server = %member.address, well, reason, "server's state has changed");
    }
    well
}

async fn answer(pool: &Pool, member: &Member, check: &Checked) -> io::Result<u16> {
    let stream = pool.connect(member).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.uri_mut() = check.path.clone();
    request.headers_mut().insert(header::HOST, member.host.clone());
    request
        .headers_mut()
        .insert(header::CONNECTION, HeaderValue::from_static("close"));
    request
        .headers_mut()
        .insert(header::USER_AGENT, HeaderValue::from_static("mPanel-check"));
    tokio::task::spawn_local(connection);
    let answer = sender.send_request(request).await.map_err(io::Error::other)?;
    Ok(answer.status().as_u16())
}
