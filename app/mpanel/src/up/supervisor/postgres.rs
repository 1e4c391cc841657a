//! The private PostgreSQL, whose start and stop take longer than a process'.

use std::time::Duration;

use mpanel_pg::server::{self, Limits, Server};
use tokio::task::AbortHandle;

use super::{Event, Input, Supervisor};
use crate::up::upgrade::trial;

#[derive(Debug)]
pub struct Postgres {
    pub options: server::Options,
    pub server: Option<Server>,
    /// The start or stop under way.
    task: Option<AbortHandle>,
}

impl Postgres {
    pub fn new(options: server::Options) -> Self {
        Self {
            options,
            server: None,
            task: None,
        }
    }
}

impl Supervisor {
    pub(super) fn start_postgres(&mut self) {
        let Some(postgres) = &mut self.postgres else { return };
        let options = postgres.options.clone();
        postgres.task = Some(
            self.tasks
                .spawn(async move { Event::PostgresStarted(server::start(&options).await.map(Box::new)) }),
        );
    }

    pub(super) fn stop_postgres(&mut self, limits: Limits) {
        let Some(postgres) = &mut self.postgres else { return };
        if let Some(task) = postgres.task.take() {
            task.abort();
        }
        // Also a server whose start was cut short just now, or whose stop was: whatever runs on the folder is stopped.
        let server = postgres.server.take();
        let options = postgres.options.clone();
        postgres.task = Some(self.tasks.spawn(async move {
            Event::PostgresStopped(match server {
                Some(server) => server.stop(limits).await,
                None => server::stop(&options, limits).await,
            })
        }));
    }

    pub(super) fn postgres_started(&mut self, started: Result<Box<Server>, server::Error>) {
        let index = self.postgres_index();
        match started {
            Ok(server) => {
                tracing::info!(
                    pid = server.pid(),
                    version = server.major(),
                    adopted = server.is_adopted(),
                    "postgresql is ready"
                );
                if let Some(postgres) = &mut self.postgres {
                    postgres.task = None;
                    postgres.server = Some(*server);
                }
                self.feed(Input::Started(index));
                self.try_on(trial::Input::DatabaseUp);
            }
            Err(error) => {
                self.feed(Input::StartFailed(index));
                let again_in_ms = self.machine.pause(index, self.now()).unwrap_or_default().as_millis();
                tracing::error!(%error, again_in_ms, "postgresql does not start");
                // It may be this version's options that it does not take.
                self.try_on(trial::Input::Failed {
                    name: "postgres",
                    how: error.to_string(),
                });
            }
        }
    }

    pub(super) fn postgres_stopped(&mut self, stopped: Result<(), server::Error>) {
        match stopped {
            Ok(()) => tracing::info!(process = "postgres", "process stopped"),
            Err(error) => tracing::error!(%error, "postgresql does not stop"),
        }
        self.feed(Input::Exited(self.postgres_index()));
    }
}

/// What a stop that is in a hurry gives it.
pub const HURRY: Limits = Limits {
    fast: Duration::from_secs(1),
    immediate: Duration::from_secs(6),
};
