//! From feed items to the engine's configuration.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mpanel_crypto::NodeKeyPair;
use mpanel_engine_edge::{Certificate, Delta, Edge, Host, PrivateKeyPem, Rejected, Target};
use mpanel_feed::frame::Item;
use mpanel_feed::topics::{
    EDGE_CERTIFICATE, EDGE_CERTIFICATE_HPKE_INFO, EDGE_HOST, EdgeCertificate, EdgeHost, EdgeTarget,
};
use mpanel_feed::{Refusal, Update};

use super::usage;

/// Applies what the feed says to an engine. An entry that cannot be used leaves its former value in place.
pub struct Feed {
    edge: Edge,
    key: NodeKeyPair,
    /// What the control plane has, by topic and key: a reset removes what is no longer among it.
    known: BTreeSet<(Topic, Box<str>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Topic {
    Host,
    Certificate,
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
        let gone = self.known.difference(&now).map(|(topic, key)| delete(*topic, key));
        let (mut deltas, mut refused) = (gone.collect::<Vec<Delta>>(), Vec::new());
        for (topic, item) in &items {
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

    /// What it changes, if anything.
    fn delta(&self, topic: Topic, item: &Item, node: Option<&str>) -> Result<Option<Delta>, Refusal> {
        let Some(value) = item.value.clone() else {
            return Ok(Some(delete(topic, &item.key)));
        };
        let delta = match topic {
            Topic::Host => host(value).map(|host| Delta::UpsertHost {
                name: item.key.clone(),
                host,
            }),
            Topic::Certificate => {
                certificate(&self.key, node, &item.key, value).map(|certificate| Delta::UpsertCertificate {
                    id: item.key.clone(),
                    certificate,
                })
            }
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
        EDGE_CERTIFICATE => Some(Topic::Certificate),
        _ => None,
    }
}

fn delete(topic: Topic, key: &str) -> Delta {
    match topic {
        Topic::Host => Delta::DeleteHost { name: key.to_owned() },
        Topic::Certificate => Delta::DeleteCertificate { id: key.to_owned() },
    }
}

fn host(value: serde_json::Value) -> Result<Host, Unusable> {
    let EdgeHost { target } = serde_json::from_value(value)?;
    let target = match target {
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
        EdgeTarget::Panel => Target::Panel,
        EdgeTarget::Placeholder {
            site,
            tenant,
            title,
            text,
            status,
            retry_at,
        } => Target::Placeholder {
            site: usage::label(&tenant, &site),
            title,
            text,
            status,
            // A date that is not understood is no reason not to say the rest.
            retry_at: retry_at.and_then(|at| at.parse().ok()),
        },
    };
    Ok(Host { target })
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
