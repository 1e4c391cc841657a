use mpanel_engine_edge::{CachePolicy, Policy, Upstream};
use mpanel_kernel::error::FieldError;
use mpanel_kernel::ids::TenantId;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::Error;

/// Rules of each kind that a site may have; the edge takes more.
const MOST: [(&str, usize); 5] = [
    ("redirects", 1000),
    ("headers", 50),
    ("access", 50),
    ("rates", 20),
    ("areas", 20),
];
/// Users of one protected area.
const MOST_USERS: usize = 50;
const MOST_SERVERS: usize = 20;
/// Of the document as it is stored.
const MOST_BYTES: usize = 512 * 1024;

/// How a site is delivered, in the words of the edge.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Delivery {
    /// What stands before the site.
    pub policy: Policy,
    /// Who answers for it, or for a part of it, in place of its files.
    pub servers: Option<Servers>,
    /// How answers of these are kept.
    pub cache: Option<CachePolicy>,
}

/// Servers that requests are passed on to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Servers {
    /// For which paths: `/`, or the beginning of some.
    pub path: String,
    /// Whether they are asked for their own name, and not for the one that the visitor asked for.
    pub own_name: bool,
    pub pool: Upstream,
}

impl Servers {
    /// Whether they answer for the whole site.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.path == "/"
    }
}

fn invalid(pointer: String, message: impl Into<String>) -> FieldError {
    FieldError::new(pointer, "sites.delivery.invalid", message)
}

impl Delivery {
    /// # Errors
    /// Every field with which the edge could not do anything.
    pub fn check(&self) -> Result<(), Error> {
        let mut wrong = Vec::new();
        let policy = &self.policy;
        let counts = [
            policy.rules.len(),
            policy.headers.len(),
            policy.access.len(),
            policy.rates.len(),
            policy.auth.len(),
        ];
        for ((field, most), count) in MOST.iter().zip(counts) {
            if count > *most {
                wrong.push(invalid(
                    format!("/{field}"),
                    format!("a site has at most {most} of them"),
                ));
            }
        }
        if !wrong.is_empty() {
            return Err(Error::Invalid(wrong));
        }
        // One by one, so that what is wrong is named.
        let parts = [
            each("redirects", &policy.rules, |rule| Policy {
                rules: vec![rule],
                ..Policy::default()
            }),
            each("headers", &policy.headers, |rule| Policy {
                headers: vec![rule],
                ..Policy::default()
            }),
            each("access", &policy.access, |rule| Policy {
                access: vec![rule],
                ..Policy::default()
            }),
            each("rates", &policy.rates, |rule| Policy {
                rates: vec![rule],
                ..Policy::default()
            }),
            each("areas", &policy.auth, |area| Policy {
                auth: vec![area],
                ..Policy::default()
            }),
            each("maintenance", policy.maintenance.as_slice(), |closed| Policy {
                maintenance: Some(closed),
                ..Policy::default()
            }),
            each("tls", policy.tls.as_slice(), |tls| Policy {
                tls: Some(tls),
                ..Policy::default()
            }),
            each("hsts", policy.hsts.as_slice(), |hsts| Policy {
                hsts: Some(hsts),
                ..Policy::default()
            }),
        ];
        wrong.extend(parts.into_iter().flatten());
        for (index, area) in policy.auth.iter().enumerate() {
            if area.users.len() > MOST_USERS {
                let text = format!("an area has at most {MOST_USERS} users");
                wrong.push(invalid(format!("/areas/{index}/users"), text));
            }
        }
        if wrong.is_empty()
            && let Err(reason) = policy.check()
        {
            wrong.push(invalid("/redirects".to_owned(), reason));
        }
        if let Some(servers) = &self.servers {
            wrong.extend(wrong_servers(servers));
        }
        if let Some(Err(reason)) = self.cache.as_ref().map(CachePolicy::check) {
            let (field, reason) = reason.split_once(": ").unwrap_or(("cache", &reason));
            wrong.push(invalid(format!("/{}", field.replace('.', "/")), reason));
        }
        if wrong.is_empty() && serde_json::to_vec(self)?.len() > MOST_BYTES {
            wrong.push(invalid(String::new(), "all of it together is at most 512 KiB"));
        }
        match wrong.is_empty() {
            true => Ok(()),
            false => Err(Error::Invalid(wrong)),
        }
    }

    /// Before the site itself.
    ///
    /// # Errors
    /// When it cannot be written as JSON, which is a bug.
    pub fn policy_of_site(&self) -> Result<Option<Value>, Error> {
        written(&self.policy)
    }

    /// Before names that only lead elsewhere: what is said about handshakes holds there too.
    ///
    /// # Errors
    /// When it cannot be written as JSON, which is a bug.
    pub fn policy_of_redirect(&self) -> Result<Option<Value>, Error> {
        written(&Policy {
            tls: self.policy.tls.clone(),
            hsts: self.policy.hsts.clone(),
            ..Policy::default()
        })
    }

    /// A tenant's sites share what they may keep.
    ///
    /// # Errors
    /// When it cannot be written as JSON, which is a bug.
    pub fn cache_of(&self, tenant: TenantId) -> Result<Option<Value>, Error> {
        let Some(cache) = &self.cache else { return Ok(None) };
        let cache = CachePolicy {
            budget_group: tenant.to_string(),
            ..cache.clone()
        };
        Ok(Some(serde_json::to_value(cache)?))
    }

    /// What the log and an archive tell: everything but secrets.
    ///
    /// # Errors
    /// When it cannot be written as JSON, which is a bug.
    pub fn facts(&self) -> Result<Value, Error> {
        let mut told = serde_json::to_value(self)?;
        for (area, told) in self
            .policy
            .auth
            .iter()
            .zip(told["policy"]["auth"].as_array_mut().into_iter().flatten())
        {
            told["users"] = json!(area.users.keys().collect::<Vec<_>>());
        }
        Ok(told)
    }
}

fn written(policy: &Policy) -> Result<Option<Value>, Error> {
    if *policy == Policy::default() {
        return Ok(None);
    }
    Ok(Some(serde_json::to_value(policy)?))
}

/// Each that cannot be used, with its place. What there is one of at most has its own.
fn each<T: Clone>(field: &str, all: &[T], policy: impl Fn(T) -> Policy) -> Vec<FieldError> {
    let single = matches!(field, "maintenance" | "tls" | "hsts");
    let checked = all.iter().enumerate().filter_map(|(index, one)| {
        let reason = policy(one.clone()).check().err()?;
        let place = if single {
            format!("/{field}")
        } else {
            format!("/{field}/{index}")
        };
        let reason = reason.split_once(": ").map_or(reason.as_str(), |(_, reason)| reason);
        Some(invalid(place, reason))
    });
    checked.collect()
}

fn wrong_servers(servers: &Servers) -> Vec<FieldError> {
    let mut wrong = Vec::new();
    if servers.pool.servers.len() > MOST_SERVERS {
        let text = format!("a site has at most {MOST_SERVERS} servers");
        wrong.push(invalid("/servers/addresses".to_owned(), text));
    }
    if !servers.path.starts_with('/') {
        wrong.push(invalid("/servers/path".to_owned(), "a path begins with a slash"));
    }
    for (index, server) in servers.pool.servers.iter().enumerate() {
        let alone = Upstream {
            servers: vec![server.clone()],
            sticky_cookie: None,
            check: None,
            ..servers.pool.clone()
        };
        if let Err(reason) = alone.check() {
            let reason = match reason.contains("public_only") {
                true => "a server is at an address on the public internet".to_owned(),
                false => reason,
            };
            wrong.push(invalid(format!("/servers/addresses/{index}/address"), reason));
        }
    }
    if wrong.is_empty()
        && let Err(reason) = servers.pool.check()
    {
        let field = if reason.starts_with("check") {
            "/servers/check_path"
        } else {
            "/servers"
        };
        wrong.push(invalid(field.to_owned(), reason));
    }
    wrong
}
