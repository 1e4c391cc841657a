//! From feed items to the engine's configuration.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mpanel_crypto::NodeKeyPair;
use mpanel_engine_edge::{
    Certificate, Challenge, Delta, Edge, Host, HostHeader, PathRoute, PrivateKeyPem, Proof, Proxy, Purge, PurgeWhat,
    Rejected, Target,
};
use mpanel_feed::frame::Item;
use mpanel_feed::topics::{
    EDGE_CERTIFICATE, EDGE_CERTIFICATE_HPKE_INFO, EDGE_CHALLENGE, EDGE_HOST, EDGE_PURGE, EDGE_UPSTREAM,
    EdgeCertificate, EdgeChallenge, EdgeHost, EdgeProof, EdgePurges, EdgeTarget,
};
use mpanel_feed::{Refusal, Update};

use super::usage;

/// Applies what the feed says to an engine. An entry that cannot be used leaves its former value in place.
pub struct Feed {
    edge: Edge,
    key: NodeKeyPair,
    /// What the control plane has, by topic and key: a reset removes what is no longer among it.
    known: BTreeSet<(Topic, Box<str>)>,
    /// How far the purges of each site have been applied by this process, whose cache was empty when it began.
    purged: BTreeMap<Box<str>, i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Topic {
    Host,
    Upstream,
    Purge,
    Certificate,
    Challenge,
}

/// Why an entry cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    #[error("not understood: {0}")]
    Value(#[from] serde_json::Error),
    #[error("the control plane has not told which node this is")]
    NoNode,
    #[error("its key is not sealed for this node")]
    NotForThisNode,
    #[error("its sealed key is not base64")]
    Encoding,
    #[error("its key does not open: {0}")]
    Sealed(#[from] mpanel_crypto::Error),
    #[error("its key is not PEM text")]
    Key,
}

impl Feed {
    pub fn new(edge: Edge, key: NodeKeyPair) -> Self {
        Self {
            edge,
            key,
            known: BTreeSet::new(),
            purged: BTreeMap::new(),
        }
    }

    /// When it returns, the next request sees the change, but for what it returns.
    pub fn apply(&mut self, update: Update<'_>) -> Vec<Refusal> {
        match update {
            Update::Reset { items, node } => self.reset(items, node),
            Update::Item { item, node } => {
                let Some(topic) = topic(item) else { return Vec::new() };
                let entry = (topic, item.key.as_str().into());
                if item.value.is_some() {
                    self.known.insert(entry);
                } else {
                    self.known.remove(&entry);
                }
                if topic == Topic::Purge {
                    return self.purge(item).err().into_iter().collect();
                }
                match self.delta(topic, item, node) {
                    Ok(delta) => {
                        let rejected = self.edge.apply(delta).into_iter();
                        rejected.map(|Rejected { reason, .. }| refusal(item, reason)).collect()
                    }
                    Err(refusal) => vec![refusal],
                }
            }
        }
    }

    fn reset(&mut self, items: Vec<Item>, node: Option<&str>) -> Vec<Refusal> {
        let items: Vec<(Topic, Item)> = items
            .into_iter()
            .filter_map(|item| Some((topic(&item)?, item)))
            .collect();
        let now: BTreeSet<(Topic, Box<str>)> = items
            .iter()
            .map(|(topic, item)| (*topic, item.key.as_str().into()))
            .collect();
        let gone = self
            .known
            .difference(&now)
            .filter_map(|(topic, key)| delete(*topic, key));
        let (mut deltas, mut refused) = (gone.collect::<Vec<Delta>>(), Vec::new());
        self.purged
            .retain(|site, _| now.contains(&(Topic::Purge, site.clone())));
        for (topic, item) in &items {
            if *topic == Topic::Purge {
                refused.extend(self.purge(item).err());
                continue;
            }
            match self.delta(*topic, item, node) {
                Ok(delta) => deltas.extend(delta),
                Err(refusal) => refused.push(refusal),
            }
        }
        for Rejected { key, reason } in self.edge.apply(deltas) {
            let of_this = items.iter().filter(|(_, item)| item.key == key);
            refused.extend(of_this.map(|(_, item)| refusal(item, reason.clone())));
        }
        self.known = now;
        refused
    }

    /// Forgets what a site's log says that this process has not forgotten yet; all of the site, when it was away for too long.
    fn purge(&mut self, item: &Item) -> Result<(), Refusal> {
        let Some(value) = item.value.clone() else {
            self.purged.remove(item.key.as_str());
            return Ok(());
        };
        let purges: EdgePurges = serde_json::from_value(value).map_err(|error| refusal(item, error.to_string()))?;
        let site = usage::label(&purges.tenant, &item.key);
        let done = self.purged.entry(item.key.as_str().into()).or_default();
        let missed = *done < purges.floor;
        let understood =
            |what: &serde_json::Value| serde_json::from_value(what.clone()).unwrap_or(PurgeWhat::Everything);
        let new = purges.log.iter().filter(|purge| purge.seq > *done && !missed);
        // What a newer control plane means and this edge does not know is more than it needs to forget, and never less.
        let new: Vec<Purge> = new
            .flat_map(|purge| purge.what.iter().map(|what| (purge.soft, understood(what))))
            .map(|(soft, what)| Purge {
                site: site.clone(),
                what,
                soft,
            })
            .collect();
        if missed {
            self.edge.purge(&Purge {
                site,
                what: PurgeWhat::Everything,
                soft: false,
            });
        }
        for purge in &new {
            self.edge.purge(purge);
        }
        let last = purges.log.last().map_or(purges.floor, |purge| purge.seq);
        *done = last.max(*done);
        Ok(())
    }

    /// How far the purges of a site have been applied.
    #[cfg(test)]
    pub fn purged(&self, site: &str) -> Option<i64> {
        self.purged.get(site).copied()
    }

    /// What it changes, if anything.
    fn delta(&self, topic: Topic, item: &Item, node: Option<&str>) -> Result<Option<Delta>, Refusal> {
        let Some(value) = item.value.clone() else {
            return Ok(delete(topic, &item.key));
        };
        let delta = match topic {
            Topic::Host => host(value).map(|host| Delta::UpsertHost {
                name: item.key.clone(),
                host,
            }),
            Topic::Upstream => serde_json::from_value(value)
                .map(|upstream| Delta::UpsertUpstream {
                    name: item.key.clone(),
                    upstream,
                })
                .map_err(Unusable::from),
            // Not a part of the configuration.
            Topic::Purge => return Ok(None),
            Topic::Certificate => {
                certificate(&self.key, node, &item.key, value).map(|certificate| Delta::UpsertCertificate {
                    id: item.key.clone(),
                    certificate,
                })
            }
            Topic::Challenge => challenge(value).map(|challenge| Delta::UpsertChallenge {
                id: item.key.clone(),
                challenge,
            }),
        };
        match delta {
            Ok(delta) => Ok(Some(delta)),
            // Certificates are older than a node that has just joined; they are sealed for it next.
            Err(error @ Unusable::NotForThisNode) => {
                tracing::info!(key = item.key, %error, "entry of the feed not used");
                Ok(None)
            }
            Err(error) => {
                tracing::warn!(key = item.key, %error, "entry of the feed not used");
                Err(refusal(item, error.to_string()))
            }
        }
    }
}

fn refusal(item: &Item, reason: String) -> Refusal {
    Refusal {
        topic: item.topic.clone(),
        key: item.key.clone(),
        generation: item.generation,
        reason,
    }
}

fn topic(item: &Item) -> Option<Topic> {
    match item.topic.as_str() {
        EDGE_HOST => Some(Topic::Host),
        EDGE_UPSTREAM => Some(Topic::Upstream),
        EDGE_PURGE => Some(Topic::Purge),
        EDGE_CERTIFICATE => Some(Topic::Certificate),
        EDGE_CHALLENGE => Some(Topic::Challenge),
        _ => None,
    }
}

fn delete(topic: Topic, key: &str) -> Option<Delta> {
    Some(match topic {
        Topic::Host => Delta::DeleteHost { name: key.to_owned() },
        Topic::Upstream => Delta::DeleteUpstream { name: key.to_owned() },
        Topic::Purge => return None,
        Topic::Certificate => Delta::DeleteCertificate { id: key.to_owned() },
        Topic::Challenge => Delta::DeleteChallenge { id: key.to_owned() },
    })
}

fn host(value: serde_json::Value) -> Result<Host, Unusable> {
    let EdgeHost {
        target: of_host,
        routes,
        policy,
        cache,
    } = serde_json::from_value(value)?;
    let routes = routes.into_iter().map(|route| PathRoute {
        path: route.path,
        target: target(route.target),
    });
    Ok(Host {
        target: target(of_host),
        routes: routes.collect(),
        cache: cache.map(serde_json::from_value).transpose()?,
        policy: policy.map(serde_json::from_value).transpose()?,
    })
}

fn target(target: EdgeTarget) -> Target {
    match target {
        EdgeTarget::Site {
            site,
            tenant,
            root,
            spa_fallback,
            not_found,
            https_redirect,
        } => Target::Site {
            site: usage::label(&tenant, &site),
            root,
            spa_fallback,
            not_found,
            https_redirect,
        },
        EdgeTarget::Redirect {
            site,
            tenant,
            to,
            status,
            keep_path,
        } => Target::Redirect {
            site: usage::label(&tenant, &site),
            to,
            status,
            keep_path,
        },
        EdgeTarget::Proxy {
            site,
            tenant,
            upstream,
            own_name,
            https_redirect,
        } => Target::Proxy(Proxy {
            site: usage::label(&tenant, &site),
            upstream,
            host_header: match own_name {
                true => HostHeader::Upstream,
                false => HostHeader::Keep,
            },
            strip_prefix: None,
            https_redirect,
        }),
        EdgeTarget::Panel => Target::Panel,
        EdgeTarget::Placeholder {
            site,
            tenant,
            title,
            text,
            status,
            retry_at,
            contact,
        } => Target::Placeholder {
            site: usage::label(&tenant, &site),
            title,
            text,
            status,
            // A date that is not understood is no reason not to say the rest.
            retry_at: retry_at.and_then(|at| at.parse().ok()),
            contact,
        },
    }
}

fn challenge(value: serde_json::Value) -> Result<Challenge, Unusable> {
    let EdgeChallenge { host, proof } = serde_json::from_value(value)?;
    let proof = match proof {
        EdgeProof::Http {
            token,
            key_authorization,
        } => Proof::Http {
            token,
            key_authorization,
        },
        EdgeProof::TlsAlpn { key_authorization } => Proof::TlsAlpn { key_authorization },
    };
    Ok(Challenge { host, proof })
}

fn certificate(
    key: &NodeKeyPair,
    node: Option<&str>,
    id: &str,
    value: serde_json::Value,
) -> Result<Certificate, Unusable> {
    let certificate: EdgeCertificate = serde_json::from_value(value)?;
    let sealed = certificate
        .sealed_key
        .get(node.ok_or(Unusable::NoNode)?)
        .ok_or(Unusable::NotForThisNode)?;
    let sealed = STANDARD.decode(sealed).map_err(|_| Unusable::Encoding)?;
    let opened = key.open(EDGE_CERTIFICATE_HPKE_INFO, id.as_bytes(), &sealed)?;
    let pem = std::str::from_utf8(&opened).map_err(|_| Unusable::Key)?;
    Ok(Certificate {
        names: certificate.names,
        chain_pem: certificate.chain_pem,
        key_pem: PrivateKeyPem::new(pem.to_owned()),
        // Only decides between several certificates for one name.
        not_after: certificate.not_after.parse().ok(),
    })
}
