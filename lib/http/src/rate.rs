//! How many requests one may make, and what every answer says of it
//! (draft-ietf-httpapi-ratelimit-headers-10: `RateLimit-Policy` and `RateLimit`).

use std::collections::HashMap;
use std::fmt::Write;
use std::hash::Hash;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{Extensions, HeaderName, HeaderValue, Method};
use mpanel_authz::OpCx;
use mpanel_kernel::clock::SharedClock;
use mpanel_kernel::error::Kind;
use mpanel_kernel::ids::TenantId;
use mpanel_kernel::network::Network;
use mpanel_kernel::throttle::{Left, Throttle};
use mpanel_telemetry::metrics::{self, Counter, Family};
use serde_json::Value;
use utoipa::openapi::OpenApi;

use crate::Problem;
use crate::caller::{Caller, missing};
use crate::query::operations;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// What an operation that costs much more than others says in the OpenAPI document: `"x-rate-class": "costly"`.
pub const RATE_CLASS: &str = "x-rate-class";
const COSTLY: &str = "costly";
/// What an operation that costs much with certain query parameters alone says: their names, in a list.
pub const COSTLY_WITH: &str = "x-costly-with";

static REFUSED: LazyLock<Family<[(&'static str, &'static str); 1], Counter>> = LazyLock::new(|| {
    metrics::register(
        "http_rate_refused",
        "Requests refused because there were too many, by the limit that they met",
        Family::default(),
    )
});

/// Counts a request that met a limit.
pub(crate) fn count_refused(limit: &'static str) {
    REFUSED.get_or_create(&[("limit", limit)]).inc();
}

/// So many requests at once, and so long until there is room for as many again.
#[derive(Debug, Clone, Copy)]
pub struct Quota {
    pub burst: u32,
    pub refill: Duration,
}

impl Quota {
    /// A rate, and at once what it allows in four seconds: a page that opens asks for much at once, and then for little.
    #[must_use]
    pub fn per_second(rate: u32) -> Self {
        Self::with_burst(rate, rate.saturating_mul(4))
    }

    /// A rate, and so many at once.
    #[must_use]
    pub fn with_burst(per_second: u32, burst: u32) -> Self {
        let (burst, per_second) = (burst.max(1), per_second.max(1));
        Self {
            burst,
            refill: Duration::from_secs(1).saturating_mul(burst) / per_second,
        }
    }

    /// So many in a minute, and all of them at once.
    #[must_use]
    pub fn per_minute(rate: u32) -> Self {
        Self {
            burst: rate.max(1),
            refill: Duration::from_secs(60),
        }
    }
}

/// A limit on requests, for each key.
pub struct Policy<K> {
    /// As it stands in the fields, and in the code of a refusal.
    name: &'static str,
    whose: &'static str,
    burst: u32,
    /// Seconds in which a whole burst comes back.
    window: u32,
    throttle: Throttle<K>,
}

impl<K: Hash + Eq + Clone> Policy<K> {
    /// `whose` completes "too many requests …".
    #[must_use]
    pub fn new(name: &'static str, whose: &'static str, quota: Quota, clock: SharedClock) -> Self {
        let Quota { burst, refill } = quota;
        let window = refill.as_millis().div_ceil(1000);
        Self {
            name,
            whose,
            burst,
            window: u32::try_from(window).unwrap_or(u32::MAX),
            throttle: Throttle::new(clock, burst, refill),
        }
    }

    /// Counts a request, and notes where that leaves the key.
    ///
    /// # Errors
    /// 429 when there have been too many.
    pub fn take(&self, key: &K, standings: &Standings) -> Result<(), Problem> {
        let taken = self.throttle.take(key);
        let (Ok(left) | Err(left)) = taken;
        standings.note(Standing {
            name: self.name,
            burst: self.burst,
            window: self.window,
            left,
        });
        taken.map(drop).map_err(|left| {
            count_refused(self.name);
            let detail = format!(
                "too many requests {}; slow down, and look at the RateLimit fields",
                self.whose
            );
            Problem::new(Kind::RateLimited, "request.too_many", detail).retry_after(left.wait)
        })
    }
}

#[derive(Debug)]
struct Standing {
    name: &'static str,
    burst: u32,
    window: u32,
    left: Left,
}

/// Where a request leaves whoever makes it, by each limit that it has met.
#[derive(Debug, Default)]
pub struct Standings(Mutex<Vec<Standing>>);

impl Standings {
    /// Those that [`limit_addresses`] tells; nobody's where that layer is not.
    pub(crate) fn of(extensions: &Extensions) -> Arc<Self> {
        extensions.get().cloned().unwrap_or_default()
    }

    fn note(&self, standing: Standing) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(standing);
    }

    /// The values of the two fields; none when nothing limits the request.
    fn fields(&self) -> Option<[(HeaderName, HeaderValue); 2]> {
        let standings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut policy, mut limit) = (String::new(), String::new());
        for Standing {
            name,
            burst,
            window,
            left,
        } in standings.iter()
        {
            let comma = if policy.is_empty() { "" } else { ", " };
            let _infallible = write!(policy, "{comma}\"{name}\";q={burst};w={window}");
            let _infallible = write!(limit, "{comma}\"{name}\";r={};t={}", left.uses, left.full);
        }
        let value = |text: String| HeaderValue::try_from(text).ok().filter(|value| !value.is_empty());
        Some([(POLICY, value(policy)?), (LIMIT, value(limit)?)])
    }
}

/// The layer outside of [`admit`](crate::admit): bounds what comes from one address, and tells in the answer what is left
/// by all limits. A process of this machine that has opened our socket itself has no address and is not bounded.
pub async fn limit_addresses(State(policy): State<Arc<Policy<Network>>>, mut request: Request, next: Next) -> Response {
    let standings = Arc::new(Standings::default());
    let address = request.extensions().get::<Caller>().and_then(|caller| caller.address);
    let taken = address.map_or(Ok(()), |address| policy.take(&Network::of(address), &standings));
    request.extensions_mut().insert(standings.clone());
    let mut response = match taken {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    response.headers_mut().extend(standings.fields().into_iter().flatten());
    response
}

/// What is counted of requests whose sender is known, all of it anew with each start.
pub struct Rates {
    tenant: Policy<TenantId>,
    changes: Policy<String>,
    costly: Policy<String>,
    /// Operations that cost much, by path; with a name, where the query has a parameter of that name.
    dear: HashMap<String, Vec<(Method, Option<String>)>>,
}

impl Rates {
    #[must_use]
    pub fn new(document: &OpenApi, tenant: Quota, changes: Quota, costly: Quota, clock: &SharedClock) -> Self {
        let mut dear: HashMap<String, Vec<(Method, Option<String>)>> = HashMap::new();
        for (method, path, operation) in operations(document) {
            let said = |name| operation.extensions.as_ref().and_then(|all| all.get(name));
            let names = said(COSTLY_WITH).and_then(Value::as_array);
            let names = names.into_iter().flatten().filter_map(Value::as_str);
            let always = said(RATE_CLASS).and_then(Value::as_str) == Some(COSTLY);
            let with = names.map(|name| Some(name.to_owned())).chain(always.then_some(None));
            let with: Vec<_> = with.map(|with| (method.clone(), with)).collect();
            if !with.is_empty() {
                dear.entry(path.to_owned()).or_default().extend(with);
            }
        }
        Self {
            tenant: Policy::new("tenant", "for this tenant", tenant, clock.clone()),
            changes: Policy::new("changes", "that change something", changes, clock.clone()),
            costly: Policy::new("costly", "of this costly kind", costly, clock.clone()),
            dear,
        }
    }

    fn take(&self, request: &Request) -> Result<(), Problem> {
        let extensions = request.extensions();
        let cx = extensions.get::<OpCx>().ok_or_else(|| missing("OpCx"))?;
        let standings = &*Standings::of(extensions);
        self.tenant.take(&cx.tenant(), standings)?;
        let method = request.method();
        if !method.is_safe() {
            self.changes.take(&cx.actor().reference(), standings)?;
        }
        let path = extensions.get::<MatchedPath>().map(MatchedPath::as_str);
        let has = |wanted: &String| {
            let query = request.uri().query().unwrap_or_default();
            form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == *wanted)
        };
        let dear = path.and_then(|path| self.dear.get(path));
        if dear.is_some_and(|dear| {
            dear.iter()
                .any(|(of, with)| of == method && with.as_ref().is_none_or(has))
        }) {
            self.costly.take(&cx.actor().reference(), standings)?;
        }
        Ok(())
    }
}

/// The layer behind [`admit`](crate::admit): bounds what is done for one tenant, and by one person or token.
pub async fn limit_requests(State(rates): State<Arc<Rates>>, request: Request, next: Next) -> Response {
    match rates.take(&request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}
