//! The checks, by what they read.

use super::Check;

mod asvs;
mod hygiene;
mod layers;
mod locks;
mod manifests;
mod markdown;
mod migrations;
mod openapi;
mod processes;
mod signatures;
mod sources;
mod tools;
mod web;

/// All of them, in the order in which they run.
pub const ALL: &[Check] = &[
    Check {
        name: "asvs",
        what: "requirements of OWASP ASVS 5.0 level 1 name tests that exist",
        run: asvs::check,
    },
    Check {
        name: "layers",
        what: "dependencies go down only: app, contexts, clients and engines, lib",
        run: layers::check,
    },
    Check {
        name: "tools",
        what: "axum, sqlx, reqwest and anyhow only where they belong",
        run: tools::check,
    },
    Check {
        name: "manifests",
        what: "versions and features stand once, in the root manifest",
        run: manifests::check,
    },
    Check {
        name: "length",
        what: "files stay under 500 lines; 800 fail",
        run: sources::length,
    },
    Check {
        name: "tests",
        what: "tests stand in sibling files, none is ignored",
        run: sources::tests,
    },
    Check {
        name: "unsafe",
        what: "unsafe only in engines and the agent, each with its reason",
        run: sources::unsafe_code,
    },
    Check {
        name: "shell",
        what: "no shell, and a cleared environment for every process",
        run: processes::shell,
    },
    Check {
        name: "sql-format",
        what: "no SQL out of format!",
        run: processes::sql_format,
    },
    Check {
        name: "migrations",
        what: "tables of tenants are keyed by tenant and protected",
        run: migrations::check,
    },
    Check {
        name: "locks",
        what: "every advisory lock of PostgreSQL is listed once, with its owner",
        run: locks::check,
    },
    Check {
        name: "openapi",
        what: "names, errors and summaries of every operation",
        run: openapi::check,
    },
    Check {
        name: "readme",
        what: "every context and engine says what it is on 10 to 30 lines",
        run: markdown::readme,
    },
    Check {
        name: "links",
        what: "relative links in Markdown resolve",
        run: markdown::links,
    },
    Check {
        name: "adr",
        what: "decision records are numbered without gaps",
        run: markdown::adr,
    },
    Check {
        name: "raw-uuid",
        what: "public signatures use typed ids",
        run: signatures::raw_uuid,
    },
    Check {
        name: "features",
        what: "features of the web interface do not import each other",
        run: web::features,
    },
    Check {
        name: "machine-paths",
        what: "nothing names a path of somebody's machine",
        run: hygiene::machine_paths,
    },
    Check {
        name: "registries",
        what: "nothing names a package registry's host",
        run: hygiene::registries,
    },
    Check {
        name: "unfinished",
        what: "no todo!, unimplemented! or dbg!",
        run: hygiene::unfinished,
    },
];
