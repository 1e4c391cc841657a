//! The client of RFC 8555 around `instant-acme`.

use std::borrow::Cow;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Uri;
use instant_acme as library;
use instant_acme::{CertificateIdentifier, ExternalAccountKey, Identifier, NewAccount, NewOrder, RevocationRequest};
use ipnet::IpNet;
use jiff::Timestamp;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use serde::Deserialize;

use crate::error::{Error, Problem, ProblemKind, Subproblem};
use crate::model::{
    Account, AccountKey, Acme, Authorization, AuthorizationStatus, Challenge, ChallengeKind, Credentials, Directory,
    ExternalAccount, Order, OrderStatus, Renewal,
};
use crate::transport::{Heard, Transport, listening};

/// How often a request is signed anew because its nonce was refused; the library does it three times by itself.
const NONCES: usize = 20;
/// How many of an account's newest orders are looked through.
const LISTED: usize = 50;
/// How many pages a list of orders may have; they come oldest first.
const PAGES: usize = 200;
/// Chains, and lists of orders.
const LONGEST_ANSWER: usize = 1024 * 1024;

/// What may be reached that is not public.
#[derive(Debug, Clone, Default)]
pub struct Network {
    /// Networks of the operator's, as configured.
    pub allow: Vec<IpNet>,
}

/// Authorities over the network.
#[derive(Debug, Clone, Default)]
pub struct Rfc8555 {
    network: Network,
}

impl Rfc8555 {
    #[must_use]
    pub fn new(network: Network) -> Self {
        Self { network }
    }

    fn builder(&self, directory: &Directory) -> Result<library::AccountBuilder, Error> {
        let unusable = |text: &str| Error::Unusable(format!("the directory's URL {text}"));
        let uri: Uri = directory.url.parse().map_err(|_| unusable("cannot be read"))?;
        if uri.scheme_str() != Some("https") {
            return Err(unusable("does not begin with https://"));
        }
        // The operator has named this port; what the directory names on it is the authority's.
        let ports = vec![443, uri.port_u16().unwrap_or(443)];
        let client = mpanel_netguard::Client::builder()
            .allow(self.network.allow.clone())
            .ports(ports)
            .max_body(LONGEST_ANSWER)
            .root_pem(directory.root_pem.clone())
            .build()
            .map_err(|error| Error::Unusable(error.to_string()))?;
        Ok(library::Account::builder_with_http(Box::new(Transport(client))))
    }
}

/// Asks until a nonce is taken.
async fn asking<T, F>(request: impl Fn() -> F) -> Result<(T, Heard), Error>
where
    F: Future<Output = Result<T, library::Error>>,
{
    let mut left = NONCES;
    loop {
        let (answer, heard) = listening(request()).await;
        match answer {
            Ok(answer) => return Ok((answer, heard)),
            Err(error) => match explain(error, &heard) {
                error if error.kind() == Some(ProblemKind::BadNonce) && left > 0 => left -= 1,
                error => return Err(error),
            },
        }
    }
}

fn explain(error: library::Error, heard: &Heard) -> Error {
    match error {
        library::Error::Api(found) => Error::Problem(Problem {
            retry_after: heard.retry_after,
            ..problem(&found)
        }),
        library::Error::Unsupported(what) => Error::Unsupported(what),
        library::Error::Crypto | library::Error::KeyRejected => Error::Unusable(error.to_string()),
        other => Error::Unreachable(other.to_string()),
    }
}

fn problem(found: &library::Problem) -> Problem {
    Problem {
        kind: ProblemKind::parse(found.r#type.as_deref()),
        detail: found.detail.clone().unwrap_or_default(),
        status: found.status,
        subproblems: found
            .subproblems
            .iter()
            .map(|sub| Subproblem {
                name: sub.identifier.as_ref().map(|name| name.authorized(false).to_string()),
                kind: ProblemKind::parse(sub.r#type.as_deref()),
                detail: sub.detail.clone().unwrap_or_default(),
            })
            .collect(),
        retry_after: None,
    }
}

#[async_trait]
impl Acme for Rfc8555 {
    async fn new_account(
        &self,
        directory: &Directory,
        key: &AccountKey,
        contact: &[String],
        external: Option<&ExternalAccount>,
    ) -> Result<Credentials, Error> {
        let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
        if let Some(external) = external {
            let external = ExternalAccountKey::new(external.kid.clone(), &external.hmac);
            let new = NewAccount {
                contact: &contact,
                terms_of_service_agreed: true,
                only_return_existing: false,
            };
            let ask = || async {
                self.builder(directory)
                    .map_err(boxed)?
                    .create(&new, directory.url.clone(), Some(&external))
                    .await
            };
            let ((account, credentials), _) = asking(ask).await?;
            let key = credentials.private_key().secret_pkcs8_der().to_vec();
            return Ok(Credentials {
                url: account.id().to_owned(),
                key: AccountKey(key),
            });
        }
        let ask = || async {
            let pkcs8 = PrivatePkcs8KeyDer::from(key.0.clone());
            let own = library::Key::from_pkcs8_der(pkcs8.clone_key())?;
            let builder = self.builder(directory).map_err(boxed)?;
            let (account, _) = builder
                .create_from_key((own, PrivateKeyDer::Pkcs8(pkcs8)), directory.url.clone())
                .await?;
            Ok(account)
        };
        let (account, _) = asking(ask).await?;
        if !contact.is_empty() {
            asking(|| account.update_contacts(&contact)).await?;
        }
        Ok(Credentials {
            url: account.id().to_owned(),
            key: key.clone(),
        })
    }

    async fn account(&self, directory: &Directory, credentials: &Credentials) -> Result<Arc<dyn Account>, Error> {
        let ask = || async {
            let key = PrivatePkcs8KeyDer::from(credentials.key.0.clone());
            let builder = self.builder(directory).map_err(boxed)?;
            builder
                .from_parts(credentials.url.clone(), key, directory.url.clone())
                .await
        };
        let (account, _) = asking(ask).await?;
        Ok(Arc::new(Opened(account)))
    }
}

fn boxed(error: Error) -> library::Error {
    library::Error::Other(error.into())
}

struct Opened(library::Account);

impl Opened {
    /// Any resource, as JSON. The library signs such a request for orders only, and says that others are none.
    async fn resource<T: for<'a> Deserialize<'a>>(&self, url: &str) -> Result<T, Error> {
        Ok(self.page(url).await?.0)
    }

    /// A resource, and where the list that it is goes on.
    async fn page<T: for<'a> Deserialize<'a>>(&self, url: &str) -> Result<(T, Option<String>), Error> {
        let ask = || async {
            match self.0.order(url.to_owned()).await {
                Ok(_) | Err(library::Error::Json(_)) => Ok(()),
                Err(error) => Err(error),
            }
        };
        let ((), heard) = asking(ask).await?;
        let read = serde_json::from_slice(&heard.body).map_err(|error| Error::Unreachable(error.to_string()))?;
        Ok((read, heard.next))
    }

    /// The newest of a list, the newest first.
    async fn newest_orders(&self, list: String) -> Result<Vec<String>, Error> {
        let (mut newest, mut next) = (VecDeque::new(), Some(list));
        for _ in 0..PAGES {
            let Some(url) = next else { break };
            let (page, following): (OrderList, _) = self.page(&url).await?;
            for order in page.orders {
                newest.push_front(order);
            }
            newest.truncate(LISTED);
            next = following;
        }
        Ok(newest.into())
    }

    fn challenge(&self, found: &library::Challenge) -> Option<Challenge> {
        let kind = match found.r#type {
            library::ChallengeType::Dns01 => ChallengeKind::Dns01,
            library::ChallengeType::Http01 => ChallengeKind::Http01,
            library::ChallengeType::TlsAlpn01 => ChallengeKind::TlsAlpn01,
            _ => return None,
        };
        let key_authorization = format!("{}.{}", found.token, self.0.key_thumbprint());
        let hash = digest::digest(&digest::SHA256, key_authorization.as_bytes());
        Some(Challenge {
            kind,
            token: found.token.clone(),
            dns_value: URL_SAFE_NO_PAD.encode(hash),
            key_authorization,
            error: found.error.as_ref().map(|error| Error::Problem(problem(error))),
        })
    }
}

fn order(mut order: library::Order, heard: &Heard) -> Order {
    let state = order.state();
    let status = match state.status {
        library::OrderStatus::Pending => OrderStatus::Pending,
        library::OrderStatus::Ready => OrderStatus::Ready,
        library::OrderStatus::Processing => OrderStatus::Processing,
        library::OrderStatus::Valid => OrderStatus::Valid,
        library::OrderStatus::Invalid => OrderStatus::Invalid,
    };
    let error = state.error.as_ref().map(|error| Error::Problem(problem(error)));
    Order {
        url: order.url().to_owned(),
        status,
        error,
        retry_after: heard.retry_after,
    }
}

fn kind_of(kind: ChallengeKind) -> library::ChallengeType {
    match kind {
        ChallengeKind::Dns01 => library::ChallengeType::Dns01,
        ChallengeKind::Http01 => library::ChallengeType::Http01,
        ChallengeKind::TlsAlpn01 => library::ChallengeType::TlsAlpn01,
    }
}

fn certificate_id(id: &str) -> Result<CertificateIdentifier<'_>, Error> {
    let (authority, serial) = id
        .split_once('.')
        .ok_or_else(|| Error::Unusable("a certificate's id has two parts".to_owned()))?;
    Ok(CertificateIdentifier {
        authority_key_identifier: Cow::Borrowed(authority),
        serial: Cow::Borrowed(serial),
    })
}

#[derive(Deserialize)]
struct AccountObject {
    #[serde(default)]
    orders: Option<String>,
}

#[derive(Deserialize)]
struct OrderList {
    #[serde(default)]
    orders: Vec<String>,
}

#[derive(Deserialize)]
struct OrderNames {
    identifiers: Vec<Name>,
}

#[derive(Deserialize)]
struct Name {
    value: String,
}

#[async_trait]
impl Account for Opened {
    fn url(&self) -> &str {
        self.0.id()
    }

    async fn new_order(&self, names: &[String], replaces: Option<&str>) -> Result<Order, Error> {
        let names: Vec<Identifier> = names.iter().cloned().map(Identifier::Dns).collect();
        let mut new = NewOrder::new(&names);
        if let Some(id) = replaces {
            new = new.replaces(certificate_id(id)?);
        }
        let (made, heard) = asking(|| self.0.new_order(&new)).await?;
        Ok(order(made, &heard))
    }

    async fn open_orders(&self, names: &[String]) -> Result<Vec<Order>, Error> {
        let listed = match self.resource::<AccountObject>(self.url()).await {
            Ok(AccountObject { orders: Some(url) }) => self.newest_orders(url).await,
            Ok(AccountObject { orders: None }) => return Ok(Vec::new()),
            Err(error) => Err(error),
        };
        let urls = match listed {
            Ok(urls) => urls,
            // One that has no such list says so in its own way.
            Err(Error::Problem(problem)) if !problem.kind.is_the_authoritys() => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let wanted: BTreeSet<&str> = names.iter().map(String::as_str).collect();
        let mut open = Vec::new();
        for url in &urls {
            let found: OrderNames = self.resource(url).await?;
            if found
                .identifiers
                .iter()
                .map(|name| name.value.as_str())
                .collect::<BTreeSet<_>>()
                != wanted
            {
                continue;
            }
            let order = self.order(url).await?;
            if order.status != OrderStatus::Invalid && order.status != OrderStatus::Valid {
                open.push(order);
            }
        }
        Ok(open)
    }

    async fn order(&self, url: &str) -> Result<Order, Error> {
        let (found, heard) = asking(|| self.0.order(url.to_owned())).await?;
        Ok(order(found, &heard))
    }

    async fn authorizations(&self, order_url: &str) -> Result<Vec<Authorization>, Error> {
        let ask = || async {
            let mut order = self.0.order(order_url.to_owned()).await?;
            let mut all = Vec::new();
            let mut next = order.authorizations();
            while let Some(found) = next.next().await {
                let found = found?;
                let library::Identifier::Dns(name) = found.identifier().identifier else {
                    continue;
                };
                all.push(Authorization {
                    name: name.clone(),
                    wildcard: found.wildcard,
                    status: match found.status {
                        library::AuthorizationStatus::Pending => AuthorizationStatus::Pending,
                        library::AuthorizationStatus::Valid => AuthorizationStatus::Valid,
                        _ => AuthorizationStatus::Dead,
                    },
                    challenges: found
                        .challenges
                        .iter()
                        .filter_map(|found| self.challenge(found))
                        .collect(),
                });
            }
            Ok(all)
        };
        Ok(asking(ask).await?.0)
    }

    async fn ready(&self, order_url: &str, kind: ChallengeKind) -> Result<(), Error> {
        let ask = || async {
            let mut order = self.0.order(order_url.to_owned()).await?;
            let mut next = order.authorizations();
            while let Some(found) = next.next().await {
                let mut found = found?;
                if found.status != library::AuthorizationStatus::Pending {
                    continue;
                }
                if let Some(mut challenge) = found.challenge(kind_of(kind))
                    && challenge.status == library::ChallengeStatus::Pending
                {
                    challenge.set_ready().await?;
                }
            }
            Ok(())
        };
        asking(ask).await?;
        Ok(())
    }

    async fn finalize(&self, order_url: &str, csr: &[u8]) -> Result<Order, Error> {
        let ask = || async {
            let mut order = self.0.order(order_url.to_owned()).await?;
            order.finalize_csr(csr).await?;
            Ok(order)
        };
        let (found, heard) = asking(ask).await?;
        Ok(order(found, &heard))
    }

    async fn certificate(&self, order_url: &str) -> Result<String, Error> {
        let ask = || async { self.0.order(order_url.to_owned()).await?.certificate().await };
        let (chain, _) = asking(ask).await?;
        chain.ok_or_else(|| Error::Unreachable("the certificate is not there yet".to_owned()))
    }

    async fn revoke(&self, certificate: &[u8]) -> Result<(), Error> {
        let certificate = CertificateDer::from_slice(certificate);
        let request = RevocationRequest {
            certificate: &certificate,
            reason: None,
        };
        asking(|| self.0.revoke(&request)).await?;
        Ok(())
    }

    async fn renewal(&self, id: &str) -> Result<Renewal, Error> {
        let id = certificate_id(id)?;
        let ((found, ask_again), _) = asking(|| self.0.renewal_info(&id)).await?;
        let moment = |at: i64| Timestamp::from_second(at).unwrap_or(Timestamp::MAX);
        Ok(Renewal {
            start: moment(found.suggested_window.start.unix_timestamp()),
            end: moment(found.suggested_window.end.unix_timestamp()),
            ask_again,
        })
    }
}
