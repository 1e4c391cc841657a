//! Migrated databases: each list of migrations is applied once per test binary, every test gets a copy.

use std::collections::HashMap;

use mpanel_pg::Migrations;
use tokio::sync::Mutex;

use crate::postgres::{TestDatabase, TestPostgres};

#[cfg(test)]
mod tests;

/// Templates by what was applied to them. Nobody stays connected to one, so that it can be copied.
static TEMPLATES: Mutex<Option<HashMap<String, TestDatabase>>> = Mutex::const_new(None);

/// A database of the test's own to which `modules` were applied, in their order.
///
/// # Panics
/// When PostgreSQL cannot be started or a migration fails.
pub async fn migrated(modules: &[Migrations]) -> TestDatabase {
    let postgres = TestPostgres::shared();
    let template = {
        let mut templates = TEMPLATES.lock().await;
        let templates = templates.get_or_insert_default();
        let key = key(modules);
        match templates.get(&key) {
            Some(template) => template.clone(),
            None => {
                let template = postgres.create_database("template").await;
                mpanel_pg::migrate(&template.panel, modules)
                    .await
                    .unwrap_or_else(|error| panic!("migrating a database for the tests: {error:?}"));
                templates.insert(key, template.clone());
                template
            }
        }
    };
    postgres.clone_template(&template).await
}

/// Tells lists apart by every file's name and text.
fn key(modules: &[Migrations]) -> String {
    modules
        .iter()
        .flat_map(|module| {
            let files = module.files.iter();
            files.map(|(name, text)| [module.schema, "\n", name, "\n", text, "\0"].concat())
        })
        .collect()
}
