//! Jobs and events as a worker has left them: no request makes dead ones.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Mutex;

use mpanel_kernel::ids::{DeadEventId, JobId, TenantId};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};

use super::Api;

/// Data folders of the installations that run, by the panel's address.
static FOLDERS: Mutex<Option<HashMap<SocketAddr, PathBuf>>> = Mutex::new(None);

/// Says where an installation keeps its data.
pub fn at(panel: SocketAddr, data: PathBuf) {
    FOLDERS.lock().unwrap().get_or_insert_default().insert(panel, data);
}

/// The database of the installation that `api` speaks to.
pub async fn database(api: &Api) -> PgConnection {
    let data = FOLDERS.lock().unwrap().as_ref().unwrap()[&api.panel].clone();
    let options = PgConnectOptions::new_without_pgpass()
        .socket(data.join("run/pg"))
        .username("mpanel_admin")
        .database("mpanel");
    PgConnection::connect_with(&options).await.unwrap()
}

/// Adds a job of a tenant that was given up; returns its id.
pub async fn dead_job(api: &Api, tenant: &str) -> String {
    let mut database = database(api).await;
    let (tenant, id) = (tenant.parse::<TenantId>().unwrap(), JobId::generate());
    sqlx::query(
        "insert into jobs.jobs (tenant_id, id, kind, payload, state, attempts, error, created_at, died_at)
         values ($1, $2, 'walk.dead', '{}', 'dead', 10, 'it was not to be', now(), now())",
    )
    .bind(tenant.uuid())
    .bind(id.uuid())
    .execute(&mut database)
    .await
    .unwrap();
    database.close().await.unwrap();
    id.to_string()
}

/// Adds an event of a tenant that was given up; returns its id.
pub async fn dead_event(api: &Api, tenant: &str) -> String {
    let mut database = database(api).await;
    let (tenant, id) = (tenant.parse::<TenantId>().unwrap(), DeadEventId::generate());
    // Of a consumer that nobody has built anew meanwhile. Its place there is as good as any that no other has.
    sqlx::query(
        "insert into spine.set_aside (consumer, seq, tenant_id, topic, key, attempts, error, dead, died_at, id)
         values ('walk.dead', ('x' || substr(md5($2::text), 1, 8))::bit(32)::bigint, $1, 'walk.dead.v1', 'walk', 12,
                 'it was not to be', true, now(), $2)",
    )
    .bind(tenant.uuid())
    .bind(id.uuid())
    .execute(&mut database)
    .await
    .unwrap();
    database.close().await.unwrap();
    id.to_string()
}
