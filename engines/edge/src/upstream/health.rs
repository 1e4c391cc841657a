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

use super::{Checked, Member, Pool};
use crate::edge::Shared;
use crate::net::Address;

const LOOK: Duration = Duration::from_millis(100);
const LOOK_UP: Duration = Duration::from_secs(10);
/// After a look-up that failed.
const LOOK_UP_AGAIN: Duration = Duration::from_secs(1);

/// When things are due again, by server.
#[derive(Default)]
struct Due {
    look_up: HashMap<u64, Instant>,
    check: HashMap<u64, Instant>,
}

/// Runs until the engine stops.
pub(crate) async fn watch(shared: Arc<Shared>, mut stopping: signal::Receiver<Option<Instant>>) {
    let mut due = Due::default();
    let mut ticks = tokio::time::interval(LOOK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => due.round(&shared),
            changed = stopping.changed() => if changed.is_err() || stopping.borrow().is_some() { return },
        }
    }
}

impl Due {
    fn round(&mut self, shared: &Shared) {
        let snapshot = shared.snapshot.load();
        let now = Instant::now();
        let mut live = HashSet::new();
        for pool in snapshot.upstreams.values() {
            for member in &pool.members {
                live.insert(member.id);
                if matches!(member.address, Address::Name(..)) && is_due(&mut self.look_up, member.id, now, LOOK_UP) {
                    tokio::task::spawn_local(look_up(Arc::clone(member)));
                }
                if member.found.load().is_empty() {
                    let soon = now + LOOK_UP_AGAIN;
                    self.look_up.entry(member.id).and_modify(|at| *at = soon.min(*at));
                }
                if let Some(check) = &pool.check
                    && is_due(&mut self.check, member.id, now, check.interval)
                {
                    tokio::task::spawn_local(ask(Arc::clone(pool), Arc::clone(member)));
                }
            }
        }
        self.look_up.retain(|id, _| live.contains(id));
        self.check.retain(|id, _| live.contains(id));
    }
}

fn is_due(all: &mut HashMap<u64, Instant>, id: u64, now: Instant, every: Duration) -> bool {
    let at = all.entry(id).or_insert(now);
    let due = *at <= now;
    if due {
        *at = now + every;
    }
    due
}

async fn look_up(member: Arc<Member>) {
    let Address::Name(name, port) = &member.address else {
        return;
    };
    match tokio::net::lookup_host((&**name, *port)).await {
        Ok(found) => {
            let mut found: Vec<_> = found.collect();
            found.dedup();
            if !found.is_empty() && **member.found.load() != found {
                member.found.store(Arc::new(found));
            }
        }
        // What it led to before is used on.
        Err(error) => tracing::warn!(server = %member.address, %error, "name cannot be looked up"),
    }
}

async fn ask(pool: Arc<Pool>, member: Arc<Member>) {
    let Some(check) = &pool.check else { return };
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
