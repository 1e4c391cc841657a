//! The handle through which the engine is configured, started and read.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use http::HeaderMap;
use mpanel_crypto::Passwords;
use mpanel_kernel::clock::SharedClock;

use crate::backends::Upstream;
use crate::cache::{Cache, CacheCounters, Purge, PurgeWhat, Rules};
use crate::certs::{Cert, CertTable};
use crate::challenge::{Challenges, Live};
use crate::clock::Wall;
use crate::config::{Delta, EdgeConfig, Rejected};
use crate::counters::{HostCounters, Registry, SiteTraffic};
use crate::fastcgi::Scripts;
use crate::files::FileStore;
use crate::host;
use crate::options::EdgeOptions;
use crate::policy::Guards;
use crate::server::{self, Gate, Listener, Running};
use crate::table::{self, Entry, HostTable, Route};
use crate::upstream::{Pool, Shares};

/// Each holds 19 MiB and a processor for 25 ms.
const PASSWORDS_AT_ONCE: usize = 2;

/// What requests see: replaced as a whole, never changed.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) hosts: HostTable,
    pub(crate) certs: Arc<CertTable>,
    pub(crate) upstreams: Arc<BTreeMap<Box<str>, Arc<Pool>>>,
    pub(crate) challenges: Arc<Challenges>,
}

/// State common to all threads.
pub(crate) struct Shared {
    pub(crate) options: EdgeOptions,
    pub(crate) snapshot: ArcSwap<Snapshot>,
    pub(crate) files: FileStore,
    pub(crate) cache: Arc<Cache>,
    pub(crate) scripts: Scripts,
    /// The panel's server.
    pub(crate) panel_pool: Arc<Pool>,
    /// What the pools of one owner have together.
    pub(crate) shares: Shares,
    /// What stands before the names of a site.
    pub(crate) guards: Guards,
    /// Bytes of spooled bodies.
    pub(crate) spooled: Arc<AtomicU64>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) panel: Arc<Entry>,
    pub(crate) unknown: Arc<Entry>,
    pub(crate) passwords: Passwords,
    /// For what counts by the wall clock.
    pub(crate) clock: SharedClock,
    pub(crate) registry: Registry,
    /// Serialises writers; readers never take it.
    writer: Mutex<()>,
}

impl Shared {
    /// The pool of a name, as it is now.
    pub(crate) fn pool(&self, name: &str) -> Option<Arc<Pool>> {
        self.snapshot.load().upstreams.get(name).cloned()
    }
}

/// The edge. Clones share everything.
#[derive(Clone)]
pub struct Edge {
    pub(crate) shared: Arc<Shared>,
}

/// What the engine holds at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Host entries.
    pub hosts: usize,
    /// Certificates.
    pub certificates: usize,
    /// Open connections.
    pub connections: usize,
    /// The last purge of the log that has been applied ([`Delta::Purge`]).
    pub purged: u64,
}

impl Edge {
    /// An engine with a first configuration. Entries that cannot be used are left out and returned.
    #[must_use]
    pub fn new(options: EdgeOptions, config: EdgeConfig) -> (Self, Vec<Rejected>) {
        let registry = Registry::default();
        let shared = Shared {
            files: FileStore::new(&options.sites_dir, &options.files),
            cache: Cache::new(&options.cache, Arc::clone(&options.clock)),
            scripts: Scripts::new(options.files.revalidate),
            panel_pool: Arc::new(Pool::panel(&options)),
            shares: Shares::new(options.proxy.owner_requests),
            guards: Guards::default(),
            spooled: Arc::default(),
            gate: Arc::new(Gate::new(&options.limits)),
            panel: Entry::built_in("panel", Route::Panel, &registry),
            unknown: Entry::built_in("", Route::Unknown, &registry),
            snapshot: ArcSwap::default(),
            passwords: Passwords::new(PASSWORDS_AT_ONCE),
            clock: Arc::new(Wall(Arc::clone(&options.clock))),
            registry,
            writer: Mutex::new(()),
            options,
        };
        let edge = Self {
            shared: Arc::new(shared),
        };
        let rejected = edge.replace(config);
        (edge, rejected)
    }

    /// Replaces the whole configuration. An entry that cannot be used keeps its former value if it had one; all such
    /// entries are returned.
    pub fn replace(&self, config: EdgeConfig) -> Vec<Rejected> {
        let _writer = self.shared.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.shared.snapshot.load_full();
        let mut next = Change {
            hosts: HostTable::default(),
            certs: Arc::default(),
            upstreams: Arc::default(),
            old: Arc::clone(&old),
            challenges: Arc::default(),
            reindex: true,
            rejected: Vec::new(),
        };
        for (id, certificate) in config.certificates {
            if !next.apply(
                &self.shared,
                Delta::UpsertCertificate {
                    id: id.clone(),
                    certificate,
                },
            ) && let Some(kept) = old.certs.get(&id)
            {
                Arc::make_mut(&mut next.certs).set(&id, Some(Arc::clone(kept)));
            }
        }
        for (name, upstream) in config.upstreams {
            let kept = old.upstreams.get(&*name);
            if !next.set_upstream(&self.shared, &name, &upstream, kept.map(|kept| &**kept))
                && let Some(kept) = kept
            {
                Arc::make_mut(&mut next.upstreams).insert(name.into(), Arc::clone(kept));
            }
        }
        for (name, host) in config.hosts {
            if !next.apply(
                &self.shared,
                Delta::UpsertHost {
                    name: name.clone(),
                    host,
                },
            ) && let Ok(key) = table::canonical_key(&name)
                && let Some(kept) = old.hosts.get(&key)
            {
                next.hosts.set(&key, Some(Arc::clone(kept)));
            }
        }
        for (id, challenge) in config.challenges {
            let delta = Delta::UpsertChallenge {
                id: id.clone(),
                challenge,
            };
            if !next.apply(&self.shared, delta)
                && let Some(kept) = old.challenges.get(&id)
            {
                Arc::make_mut(&mut next.challenges).keep(&id, kept);
            }
        }
        next.publish(&self.shared)
    }

    /// Applies changes in order, as one step: no request sees some of them. Entries that cannot be used change
    /// nothing and are returned.
    pub fn apply(&self, deltas: impl IntoIterator<Item = Delta>) -> Vec<Rejected> {
        let _writer = self.shared.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.shared.snapshot.load_full();
        let mut next = Change {
            hosts: old.hosts.clone(),
            certs: Arc::clone(&old.certs),
            upstreams: Arc::clone(&old.upstreams),
            challenges: Arc::clone(&old.challenges),
            old,
            reindex: false,
            rejected: Vec::new(),
        };
        for delta in deltas {
            next.apply(&self.shared, delta);
        }
        next.publish(&self.shared)
    }

    /// Starts serving on listeners that are already open. Each worker thread accepts from all of them.
    ///
    /// # Errors
    /// When a listener cannot be cloned, TLS cannot be set up or a thread cannot be started.
    pub fn start(&self, listeners: Vec<Listener>) -> io::Result<Running> {
        server::start(&self.shared, listeners)
    }

    /// Forgets kept answers at once. When this returns, no request that comes gets one of them, and no answer that is on
    /// its way meanwhile is kept.
    pub fn purge(&self, purge: &Purge) {
        let snapshot = self.shared.snapshot.load();
        self.shared
            .cache
            .purge(purge, rules_of(&snapshot.hosts, purge).as_deref());
    }

    /// Reads what the cache has done for each site.
    #[must_use]
    pub fn cache_counters(&self) -> Vec<CacheCounters> {
        self.shared.cache.counters()
    }

    /// Reads every counter.
    #[must_use]
    pub fn counters(&self) -> Vec<HostCounters> {
        self.shared.registry.read()
    }

    /// What hosts with a site label have counted since the last call, one item a host that has counted anything. Each
    /// request and byte is handed over once; counters of removed hosts are forgotten as soon as that is done.
    #[must_use = "what is taken is not counted again"]
    pub fn take_traffic(&self) -> Vec<SiteTraffic> {
        self.shared.registry.take()
    }

    /// Sizes, for health reports and metrics.
    #[must_use]
    pub fn status(&self) -> Status {
        let snapshot = self.shared.snapshot.load();
        Status {
            hosts: snapshot.hosts.len(),
            certificates: snapshot.certs.len(),
            connections: self.shared.gate.open(),
            purged: self.shared.cache.applied(),
        }
    }
}

/// How the answers of the address are kept that a purge names.
fn rules_of(hosts: &HostTable, purge: &Purge) -> Option<Arc<Rules>> {
    let PurgeWhat::Url { host, path } = &purge.what else {
        return None;
    };
    let authority = host::parse_authority(host.as_bytes()).ok()?;
    let path = path.split('?').next().unwrap_or_default();
    let (entry, _) = hosts.find(&authority.host)?.lead(path, &HeaderMap::new(), true)?;
    entry.cache.clone()
}

/// A snapshot in the making.
struct Change {
    hosts: HostTable,
    certs: Arc<CertTable>,
    upstreams: Arc<BTreeMap<Box<str>, Arc<Pool>>>,
    old: Arc<Snapshot>,
    challenges: Arc<Challenges>,
    /// Whether certificates changed, or the panel's names, which choose the default certificate.
    reindex: bool,
    rejected: Vec<Rejected>,
}

impl Change {
    /// Whether the change could be used.
    fn apply(&mut self, shared: &Shared, delta: Delta) -> bool {
        let (key, result) = match delta {
            Delta::Purge { seq, purge } => {
                self.purge(shared, seq, &purge);
                (purge.site, Ok(()))
            }
            Delta::UpsertHost { name, host } => {
                let result = table::canonical_key(&name)
                    .and_then(|key| Entry::compile(&key, &host, shared, self.former(&key)))
                    .map(|entry| self.set_host(&entry.name.clone(), Some(entry)));
                (name, result)
            }
            Delta::DeleteHost { name } => {
                let result = table::canonical_key(&name).map(|key| self.set_host(&key, None));
                (name, result)
            }
            Delta::UpsertUpstream { name, upstream } => {
                let old = self.upstreams.get(&*name).cloned();
                return self.set_upstream(shared, &name, &upstream, old.as_deref());
            }
            Delta::DeleteUpstream { name } => {
                Arc::make_mut(&mut self.upstreams).remove(&*name);
                (name, Ok(()))
            }
            Delta::UpsertCertificate { id, certificate } => {
                let result = Cert::parse(&certificate).map(|cert| self.set_certificate(&id, Some(Arc::new(cert))));
                (id, result)
            }
            Delta::DeleteCertificate { id } => {
                self.set_certificate(&id, None);
                (id, Ok(()))
            }
            Delta::UpsertChallenge { id, challenge } => {
                let result = Live::parse(&challenge).map(|live| self.set_challenge(&id, Some(live)));
                (id, result)
            }
            Delta::DeleteChallenge { id } => {
                self.set_challenge(&id, None);
                (id, Ok(()))
            }
        };
        self.note(key, result)
    }

    /// The rules of the host say what of a query counts.
    fn purge(&self, shared: &Shared, seq: u64, purge: &Purge) {
        shared
            .cache
            .purge_logged(seq, purge, rules_of(&self.hosts, purge).as_deref());
    }

    /// Servers that `old` has go on as they are.
    fn set_upstream(&mut self, shared: &Shared, name: &str, config: &Upstream, old: Option<&Pool>) -> bool {
        let result = Pool::compile(name, config, old, &shared.shares).map(|pool| {
            Arc::make_mut(&mut self.upstreams).insert(name.into(), Arc::new(pool));
        });
        self.note(name.to_owned(), result)
    }

    fn note(&mut self, key: String, result: Result<(), String>) -> bool {
        let Err(reason) = result else { return true };
        tracing::warn!(key, reason, "configuration entry refused");
        self.rejected.push(Rejected { key, reason });
        false
    }

    /// The entry that is replaced, also when all are.
    fn former(&self, key: &str) -> Option<&Arc<Entry>> {
        self.hosts.get(key).or_else(|| self.old.hosts.get(key))
    }

    fn set_host(&mut self, key: &str, entry: Option<Entry>) {
        let is_panel = |entry: &Entry| matches!(entry.route, Route::Panel);
        self.reindex |= entry.as_ref().is_some_and(is_panel);
        let old = self.hosts.set(key, entry.map(Arc::new));
        self.reindex |= old.as_deref().is_some_and(is_panel);
    }

    fn set_certificate(&mut self, id: &str, cert: Option<Arc<Cert>>) {
        self.reindex = true;
        Arc::make_mut(&mut self.certs).set(id, cert);
    }

    fn set_challenge(&mut self, id: &str, live: Option<Live>) {
        Arc::make_mut(&mut self.challenges).set(id, live);
    }

    fn publish(mut self, shared: &Shared) -> Vec<Rejected> {
        if self.reindex {
            Arc::make_mut(&mut self.certs).index(self.hosts.panel_names());
        }
        shared.snapshot.store(Arc::new(Snapshot {
            hosts: self.hosts,
            certs: self.certs,
            upstreams: self.upstreams,
            challenges: self.challenges,
        }));
        self.rejected
    }
}
