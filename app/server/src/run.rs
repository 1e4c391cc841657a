mod leave;
mod listen;

use std::net::IpAddr;
use std::os::unix::net::UnixListener as StdUnixListener;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::Response;
use jiff::SignedDuration;
use mpanel_config::Config;
use mpanel_events::{Consumer as _, FeedServer, ServedBoard, Spine, Tail, Vault, consume, run_leader};
use mpanel_fleet::{AllowedPeers, Directory};
use mpanel_http::{Crowd, Gate, KnownParameters, Module, Policy, Quota, Rates, Slots};
use mpanel_jobs::{Retention, Runtime, Tuning};
use mpanel_kernel::clock::{SharedClock, SystemClock};
use mpanel_pg::PgConnectOptions;
use mpanel_telemetry::spawn_named;
use tokio::net::UnixListener;
use tokio::sync::watch;
use utoipa_axum::router::OpenApiRouter;

use crate::audit_retention::AuditRetention;
use crate::contexts::{Contexts, permissions};
use crate::gate::{SessionGate, StepUp};
use crate::http::audit::{AuditState, audit_routes};
use crate::http::events::StreamLimits;
use crate::http::system::{self, System};
use crate::http::work::{self, Parts, Work};
use crate::http::{SpineState, spine_routes};
use crate::refusals::{self, Refusals};
use crate::{caller, data_plane, database, openapi, panel, recovery};
use leave::Leaving;

/// The sockets on which the server listens, opened by whoever started it.
pub struct Listeners {
    /// The panel and the API; only the edge connects to it.
    pub serve: StdUnixListener,
    /// The feed; data planes connect to it.
    pub feed: StdUnixListener,
}

/// What the program around the server decides.
pub struct Options {
    pub config: Config,
    pub database: PgConnectOptions,
    pub listeners: Listeners,
    /// Answers what is no API: the pages of the panel.
    pub pages: Router,
    /// All processes are one user.
    pub rootless: bool,
    /// Users of the edge's and the name servers' processes.
    pub edge_uid: u32,
    pub dns_uid: u32,
}

/// Runs the server until `stop` ends; requests at work are finished then.
///
/// # Errors
/// When it cannot start: the database does not come, or its keys belong to another master key.
pub async fn run(options: Options, stop: impl Future<Output = ()> + Send + 'static) -> anyhow::Result<()> {
    let Options {
        config,
        database,
        listeners,
        pages,
        rootless,
        edge_uid,
        dns_uid,
    } = options;
    let clock: SharedClock = Arc::new(SystemClock);
    let db = database::open(database).await?;
    let (master, created) = recovery::open_key(&db, &config.data).await?;
    if created {
        tracing::info!(key = %master.id(), "made a new master key; keep a copy of it apart from the database");
    }
    if mpanel_events::notice_restore(&db).await? {
        tracing::warn!("the database is a copy of the one used before; data planes are sent everything anew");
    }
    let spine = Spine::new(db.clone(), Arc::new(Vault::new(master)));
    let (board, tail) = (ServedBoard::default(), Tail::default());
    let contexts = Contexts::open(&config, rootless, &spine, &clock, (&board, &tail)).await?;
    announce(&config, &contexts, &spine, &clock).await?;

    spawn_named("events.leader", run_leader(db.clone()));
    let following = tail.clone();
    let followed = db.clone();
    spawn_named("events.tail", async move { following.run(followed).await });
    let found = consume(db.clone(), tail.clone(), contexts.projection());
    spawn_named("tenancy.subtree", found);
    serve_feed(
        listeners.feed,
        &contexts,
        &spine,
        &clock,
        (&board, &tail),
        data_plane::peers(edge_uid, dns_uid),
    )?;

    let proof = SignedDuration::from_mins(config.sign_in.step_up_minutes.into());
    let step_up = StepUp::of(&openapi::document(), proof);
    let refusals = Arc::new(Refusals::new(spine.clone(), &clock));
    let gate: Arc<dyn Gate> = Arc::new(SessionGate::new(
        db.clone(),
        contexts.identity.clone(),
        Arc::new(contexts.tenancy.clone()),
        permissions()?,
        clock.clone(),
        (&config.rate, step_up, refusals.clone()),
    ));
    let (stopping, stopped) = watch::channel(false);
    let state = SpineState {
        spine,
        tail,
        gate,
        streams: StreamLimits::new(&config.rate),
        stopping: stopped,
    };
    let app = app(&config, &contexts, (state, refusals), &clock, pages)?;
    listeners.serve.set_nonblocking(true)?;
    let listener = UnixListener::from_std(listeners.serve)?;
    tracing::info!("ready");
    let leaving = Leaving::default();
    let app = app.layer(middleware::map_response_with_state(leaving.clone(), leave::tell));
    // Streams would never end by themselves, and the server waits for all requests.
    let stop = async move {
        stop.await;
        leaving.begin().await;
        stopping.send_replace(true);
    };
    listen::serve(listener, app, stop).await;
    Ok(())
}

/// The whole router, with the background work of the modules started beside it.
fn app(
    config: &Config,
    contexts: &Contexts,
    (state, refusals): (SpineState, Arc<Refusals>),
    clock: &SharedClock,
    pages: Router,
) -> anyhow::Result<Router> {
    let (spine, gate) = (state.spine.clone(), state.gate.clone());
    let mut public = OpenApiRouter::new();
    let modules = contexts.modules(config, clock);
    let runtime = background(contexts, &modules, &spine, &state.tail, clock);
    let audit = AuditState {
        spine: spine.clone(),
        platform: contexts.tenancy.platform(),
        below: Arc::new(contexts.tenancy.clone()),
        names: Arc::new(contexts.identity.clone()),
        sign_ins: Arc::new(contexts.identity.clone()),
        gate: gate.clone(),
    };
    let mut routes = spine_routes(Arc::new(state)).merge(audit_routes(Arc::new(audit)));
    for module in modules {
        routes = routes.merge(module.routes);
        public = public.merge(module.public_routes);
    }
    let reconcilers = runtime.reconcilers.clone();
    spawn_named("jobs.runtime", runtime.run());
    let routes = routes.merge(work::routes(Work {
        spine: spine.clone(),
        reconcilers,
        consumers: vec![contexts.projection().name()],
        parts: Parts::default(),
    }));

    let nest = |routes| OpenApiRouter::new().nest(openapi::PREFIX, routes);
    let (routes, _) = nest(routes).split_for_parts();
    let (public, _) = nest(public).split_for_parts();
    let document = openapi::document();
    let openapi = serde_json::to_vec(&openapi::ordered(&document)?)?.into();
    let system = System::new(
        spine.db().clone(),
        config.metrics_token.clone(),
        openapi,
        config.data.clone(),
    );
    let parameters = Arc::new(KnownParameters::of(&document));
    let parameters = middleware::from_fn_with_state(parameters, mpanel_http::known_parameters);
    let uploads = Slots::new(config.rate.uploads_per_credential);
    let rate = &config.rate;
    let rates = Arc::new(Rates::new(
        &document,
        Quota::per_second(rate.tenant_requests_per_second),
        Quota::per_second(rate.changes_per_second),
        Quota::per_minute(rate.costly_per_minute),
        clock,
    ));
    let quota = Quota::per_second(rate.address_requests_per_second);
    let addresses = Arc::new(Policy::new("address", "from your address", quota, clock.clone()));
    // The last layer is the first to see a request: strangers learn nothing of what an operation takes.
    let crowd = |places| middleware::from_fn_with_state(places, mpanel_http::limit_crowd);
    let routes = routes
        .layer(parameters.clone())
        .layer(middleware::from_fn(mpanel_http::limit_answers))
        .layer(crowd(Crowd::known()))
        .layer(middleware::from_fn_with_state(uploads, mpanel_http::limit_uploads))
        .layer(middleware::from_fn_with_state(rates, mpanel_http::limit_requests))
        .layer(middleware::from_fn_with_state(refusals, refusals::watch))
        .layer(middleware::from_fn_with_state(gate, mpanel_http::admit))
        .merge(public.layer(parameters).layer(crowd(Crowd::strangers())))
        .merge(system::routes(Arc::new(system)))
        .layer(middleware::from_fn_with_state(
            mpanel_http::LONGEST_ANSWER,
            mpanel_http::limit_time,
        ))
        .fallback_service(pages)
        .layer(middleware::from_fn_with_state(addresses, mpanel_http::limit_addresses))
        .layer(middleware::from_fn_with_state(clock.clone(), caller::identify))
        .layer(middleware::from_fn(mpanel_http::read_leftover));
    Ok(match cfg!(debug_assertions) {
        true => routes.layer(middleware::from_fn(hold_one_connection)),
        false => routes,
    })
}

async fn hold_one_connection(request: Request, next: Next) -> Response {
    mpanel_pg::one_connection(next.run(request)).await
}

/// Everything that works in the background.
fn background(contexts: &Contexts, modules: &[Module], spine: &Spine, tail: &Tail, clock: &SharedClock) -> Runtime {
    let mut runtime = Runtime {
        spine: spine.clone(),
        tail: tail.clone(),
        clock: clock.clone(),
        operations: Vec::new(),
        reconcilers: vec![
            Arc::new(Retention {
                db: spine.db().clone(),
                clock: clock.clone(),
            }),
            Arc::new(AuditRetention {
                spine: spine.clone(),
                clock: clock.clone(),
                platform: contexts.tenancy.platform(),
            }),
        ],
        jobs: vec![contexts.post.job()],
        tuning: Tuning::default(),
    };
    for module in modules {
        runtime.operations.extend(module.operations.iter().cloned());
        runtime.reconcilers.extend(module.reconcilers.iter().cloned());
        runtime.jobs.extend(module.jobs.iter().cloned());
    }
    runtime
}

fn serve_feed(
    listener: StdUnixListener,
    contexts: &Contexts,
    spine: &Spine,
    clock: &SharedClock,
    (board, tail): (&ServedBoard, &Tail),
    peers: AllowedPeers,
) -> anyhow::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = UnixListener::from_std(listener)?;
    let server = FeedServer {
        db: spine.db().clone(),
        tail: tail.clone(),
        board: board.clone(),
        nodes: Arc::new(Directory::new(contexts.fleet.clone(), peers)),
        usage: Some(Arc::new(contexts.sites.clone())),
        clock: clock.clone(),
    };
    spawn_named(
        "feed.server",
        server.run(listener, |task| drop(spawn_named("feed.session", task))),
    );
    Ok(())
}

/// What people outside have to know after a start: the claim's token, the authority's fingerprint,
/// and the panel's names at the edges.
async fn announce(config: &Config, contexts: &Contexts, spine: &Spine, clock: &SharedClock) -> anyhow::Result<()> {
    let run = config.data.join("run");
    contexts.identity.renew_claim(&run.join("claim")).await?;
    write(
        &run.join("ca-fingerprint"),
        &contexts.certificates.authority_fingerprint(),
    )?;
    let names = panel::names(config, &data_plane::outward());
    contexts.certificates.want_panel(&certifiable(&names)).await?;
    panel::publish(spine, &**clock, &names).await?;
    Ok(())
}

/// An unspecified address is nobody's name.
fn certifiable(names: &[String]) -> Vec<String> {
    let is_real = |name: &&String| name.parse::<IpAddr>().map_or(true, |ip| !ip.is_unspecified());
    names.iter().filter(is_real).cloned().collect()
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, format!("{text}\n")).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests;
