//! The handle through which the engine is configured, started and read.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

use crate::certs::{Cert, CertTable};
use crate::config::{Delta, EdgeConfig, Rejected};
use crate::counters::{HostCounters, Registry, SiteTraffic};
use crate::files::FileStore;
use crate::options::EdgeOptions;
use crate::server::{self, Gate, Listener, Running};
use crate::table::{self, Entry, HostTable, Route};

/// What requests see: replaced as a whole, never changed.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) hosts: HostTable,
    pub(crate) certs: Arc<CertTable>,
}

/// State common to all threads.
pub(crate) struct Shared {
    pub(crate) options: EdgeOptions,
    pub(crate) snapshot: ArcSwap<Snapshot>,
    pub(crate) files: FileStore,
    pub(crate) gate: Arc<Gate>,
    pub(crate) panel: Arc<Entry>,
    pub(crate) unknown: Arc<Entry>,
    registry: Registry,
    /// Serialises writers; readers never take it.
    writer: Mutex<()>,
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
}

impl Edge {
    /// An engine with a first configuration. Entries that cannot be used are left out and returned.
    #[must_use]
    pub fn new(options: EdgeOptions, config: EdgeConfig) -> (Self, Vec<Rejected>) {
        let registry = Registry::default();
        let shared = Shared {
            files: FileStore::new(&options.sites_dir, &options.files),
            gate: Arc::new(Gate::new(&options.limits)),
            panel: Entry::built_in("panel", Route::Panel, &registry),
            unknown: Entry::built_in("", Route::Unknown, &registry),
            snapshot: ArcSwap::default(),
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
        }
    }
}

/// A snapshot in the making.
struct Change {
    hosts: HostTable,
    certs: Arc<CertTable>,
    /// Whether certificates changed, or the panel's names, which choose the default certificate.
    reindex: bool,
    rejected: Vec<Rejected>,
}

impl Change {
    /// Whether the change could be used.
    fn apply(&mut self, shared: &Shared, delta: Delta) -> bool {
        let (key, result) = match delta {
            Delta::UpsertHost { name, host } => {
                let provider = shared.options.provider.as_deref();
                let result = table::canonical_key(&name)
                    .and_then(|key| Entry::compile(&key, &host, &shared.registry, provider))
                    .map(|entry| self.set_host(&entry.name.clone(), Some(entry)));
                (name, result)
            }
            Delta::DeleteHost { name } => {
                let result = table::canonical_key(&name).map(|key| self.set_host(&key, None));
                (name, result)
            }
            Delta::UpsertCertificate { id, certificate } => {
                let result = Cert::parse(&certificate).map(|cert| self.set_certificate(&id, Some(Arc::new(cert))));
                (id, result)
            }
            Delta::DeleteCertificate { id } => {
                self.set_certificate(&id, None);
                (id, Ok(()))
            }
        };
        let Err(reason) = result else { return true };
        tracing::warn!(key, reason, "configuration entry refused");
        self.rejected.push(Rejected { key, reason });
        false
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

    fn publish(mut self, shared: &Shared) -> Vec<Rejected> {
        if self.reindex {
            Arc::make_mut(&mut self.certs).index(self.hosts.panel_names());
        }
        shared.snapshot.store(Arc::new(Snapshot {
            hosts: self.hosts,
            certs: self.certs,
        }));
        self.rejected
    }
}
