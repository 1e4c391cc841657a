//! Jobs as a worker has left them: no request makes a dead one.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Mutex;

use mpanel_kernel::ids::{JobId, TenantId};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};

use super::Api;

/// Data folders of the installations that run, by the panel's address.
static FOLDERS: Mutex<Option<HashMap<SocketAddr, PathBuf>>> = Mutex::new(None);

/// Says where an installation keeps its data.
pub fn at(panel: SocketAddr, data: PathBuf) {
    FOLDERS.lock().unwrap().get_or_insert_default().insert(panel, data);
}

/// Adds a job of a tenant that was given up; returns its id.
pub async fn dead_job(api: &Api, tenant: &str) -> String {
    let data = FOLDERS.lock().unwrap().as_ref().unwrap()[&api.panel].clone();
    let options = PgConnectOptions::new_without_pgpass()
        .socket(data.join("run/pg"))
        .username("mpanel_admin")
        .database("mpanel");
    let mut database = PgConnection::connect_with(&options).await.unwrap();
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
