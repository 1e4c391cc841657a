//! Pools of servers behind the edge, common to all threads: who is well, who gets the next request, and how a
//! connection is made. Each thread keeps connections of its own (`proxy`).

mod balance;
mod connect;
mod health;
mod member;
mod share;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use http::Uri;

use crate::backends::{Balance, Upstream};
use crate::net::Address;
use crate::options::EdgeOptions;
use crate::table::time;
use connect::Tls;
pub(crate) use health::watch;
pub(crate) use member::{InFlight, Member};
use share::Share;
pub(crate) use share::{Place, Shares};

/// A pool made ready to be asked.
#[derive(Debug)]
pub(crate) struct Pool {
    members: Vec<Arc<Member>>,
    balance: Balance,
    pub(crate) sticky: Option<Box<str>>,
    check: Option<Checked>,
    failures: u32,
    eject: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) response_timeout: Duration,
    pub(crate) idle_timeout: Duration,
    pub(crate) tunnel_timeout: Duration,
    pub(crate) tries_timeout: Duration,
    pub(crate) retries: u32,
    pub(crate) keep: usize,
    tls: Option<Arc<Tls>>,
    public_only: bool,
    /// Of its owner.
    share: Arc<Share>,
    turn: AtomicUsize,
}

#[derive(Debug)]
struct Checked {
    path: Uri,
    interval: Duration,
    timeout: Duration,
    expect: Vec<u16>,
}

impl Upstream {
    /// Whether it can be used.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), String> {
        Pool::compile("", self, None, &Shares::new(0)).map(drop)
    }
}

impl Pool {
    /// Checks and compiles a pool; the error says what is wrong. Servers that were in `old` go on as they are.
    pub(crate) fn compile(name: &str, config: &Upstream, old: Option<&Self>, shares: &Shares) -> Result<Self, String> {
        if config.servers.is_empty() {
            return Err("an upstream needs servers".to_owned());
        }
        // Other trust means other connections.
        let old_tls = old.and_then(|old| old.tls.as_ref());
        let old = old.filter(|old| {
            old.public_only == config.public_only && old_tls.map(|tls| &tls.config) == config.tls.as_ref()
        });
        let mut members: Vec<Arc<Member>> = Vec::new();
        for server in &config.servers {
            let address = Address::parse(&server.address)?;
            if config.public_only && !connect::may_be_public(&address) {
                return Err(format!(
                    "{address}: public_only, and this is not on the public internet"
                ));
            }
            if members.iter().any(|member| member.address == address) {
                return Err(format!("{address}: given twice"));
            }
            let kept = old.and_then(|old| old.members.iter().find(|member| member.is(&address, server)));
            members.push(match kept {
                Some(member) => Arc::clone(member),
                None => Arc::new(Member::new(name, address, server)?),
            });
        }
        if let Some(cookie) = &config.sticky_cookie {
            cookie_name("sticky_cookie", cookie)?;
        }
        let check = config.check.as_ref().map(|check| {
            let path: Uri = check
                .path
                .parse()
                .map_err(|_| format!("check: path {:?} is none", check.path))?;
            if !check.path.starts_with('/') {
                return Err(format!("check: path {:?} is not absolute", check.path));
            }
            Ok(Checked {
                path,
                interval: time("check: interval_ms", check.interval_ms)?,
                timeout: time("check: timeout_ms", check.timeout_ms)?,
                expect: check.expect.clone(),
            })
        });
        Ok(Self {
            members,
            balance: config.balance,
            sticky: config.sticky_cookie.as_deref().map(Into::into),
            check: check.transpose()?,
            failures: config.failures,
            eject: time("eject_ms", config.eject_ms)?,
            connect_timeout: time("connect_timeout_ms", config.connect_timeout_ms)?,
            response_timeout: time("response_timeout_ms", config.response_timeout_ms)?,
            idle_timeout: time("idle_timeout_ms", config.idle_timeout_ms)?,
            tunnel_timeout: time("tunnel_timeout_ms", config.tunnel_timeout_ms)?,
            tries_timeout: time("tries_timeout_ms", config.tries_timeout_ms)?,
            retries: config.retries,
            keep: config.keep_connections.into(),
            tls: match (&config.tls, old) {
                (Some(_), Some(old)) => old.tls.clone(),
                (tls, _) => tls.as_ref().map(Tls::new).transpose()?.map(Arc::new),
            },
            public_only: config.public_only,
            // A pool that says no owner is its own.
            share: shares.of(if config.owner.is_empty() { name } else { &config.owner }),
            turn: AtomicUsize::new(0),
        })
    }

    /// The panel: one server behind a socket, which is asked whatever happened before.
    pub(crate) fn panel(options: &EdgeOptions) -> Self {
        let socket = Address::Unix(options.panel_socket.clone());
        Self {
            members: vec![Arc::new(Member::only(socket))],
            balance: Balance::RoundRobin,
            sticky: None,
            check: None,
            failures: 0,
            eject: Duration::ZERO,
            connect_timeout: options.proxy.connect_timeout,
            response_timeout: options.proxy.response_timeout,
            // Event streams may be silent for long, and the panel is the platform's own.
            idle_timeout: Duration::MAX,
            tunnel_timeout: options.proxy.response_timeout,
            tries_timeout: options.proxy.response_timeout,
            retries: 0,
            keep: options.proxy.idle_connections,
            tls: None,
            public_only: false,
            share: Shares::new(usize::MAX).of(""),
            turn: AtomicUsize::new(0),
        }
    }

    /// A place for one more request; `None` when the owner's pools have as many as they may.
    pub(crate) fn place(&self) -> Option<Arc<Place>> {
        self.share.enter().map(Arc::new)
    }

    /// A server has answered.
    pub(crate) fn worked(&self, member: &Member) {
        member.worked();
    }

    /// A server has not been reached or has not answered.
    pub(crate) fn failed(&self, member: &Member) {
        if self.failures > 0 && member.failed(self.failures, self.eject) {
            tracing::warn!(server = %member.address, failures = self.failures, "server gets no requests for a while");
        }
    }
}

/// Checks the name of a cookie (RFC 6265 §4.1.1).
pub(crate) fn cookie_name(field: &str, name: &str) -> Result<(), String> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || name.len() > 64 || !name.bytes().all(is_token) {
        return Err(format!("{field} {name:?} is not the name of a cookie"));
    }
    Ok(())
}
