use super::{clean, dirty, manifest, run};

#[test]
fn a_context_may_use_the_contract_of_another_but_not_the_context() {
    let kernel = manifest("mpanel-kernel", &[]);
    let contract = manifest("mpanel-dns-contract", &["mpanel-kernel"]);
    let dns = manifest("mpanel-dns", &["mpanel-dns-contract"]);
    let good = manifest("mpanel-sites", &["mpanel-kernel", "mpanel-dns-contract"]);
    let bad = manifest("mpanel-sites", &["mpanel-dns"]);
    let tree = |sites| {
        [
            ("lib/kernel/Cargo.toml", kernel.as_str()),
            ("contexts/dns/contract/Cargo.toml", contract.as_str()),
            ("contexts/dns/Cargo.toml", dns.as_str()),
            ("contexts/sites/Cargo.toml", sites),
        ]
    };
    clean("layers", &tree(good.as_str()));
    dirty(
        "layers",
        &tree(bad.as_str()),
        "contexts/sites/Cargo.toml",
        11,
        "use a port of contexts/dns/contract",
    );
}

#[test]
fn another_name_in_the_root_manifest_hides_no_dependency() {
    let root = "[workspace.dependencies]\nzones = { path = \"contexts/dns\", package = \"mpanel-dns\" }\n";
    let dns = manifest("mpanel-dns", &[]);
    let sites = manifest("mpanel-sites", &["zones"]);
    let files = [
        ("Cargo.toml", root),
        ("contexts/dns/Cargo.toml", dns.as_str()),
        ("contexts/sites/Cargo.toml", sites.as_str()),
    ];
    dirty("layers", &files, files[2].0, 11, "must not depend on contexts/dns");
}

#[test]
fn a_contract_uses_only_the_vocabulary() {
    let contract = manifest("mpanel-dns-contract", &["mpanel-http"]);
    let http = manifest("mpanel-http", &[]);
    let files = [
        ("contexts/dns/contract/Cargo.toml", contract.as_str()),
        ("lib/http/Cargo.toml", http.as_str()),
    ];
    dirty("layers", &files, files[0].0, 11, "is a contract");
}

#[test]
fn a_library_does_not_depend_upwards() {
    let lib = manifest("mpanel-kernel", &["mpanel-engine-dns"]);
    let engine = manifest("mpanel-engine-dns", &[]);
    let files = [
        ("lib/kernel/Cargo.toml", lib.as_str()),
        ("engines/dns/Cargo.toml", engine.as_str()),
    ];
    dirty("layers", &files, files[0].0, 11, "dependencies go down");
}

#[test]
fn an_engine_does_not_reach_postgresql_through_a_library() {
    let engine = manifest("mpanel-engine-dns", &["mpanel-feed"]);
    let pg = manifest("mpanel-pg", &["sqlx"]);
    let good = manifest("mpanel-feed", &[]);
    let bad = manifest("mpanel-feed", &["mpanel-pg"]);
    let tree = |feed| {
        [
            ("engines/dns/Cargo.toml", engine.as_str()),
            ("lib/feed/Cargo.toml", feed),
            ("lib/pg/Cargo.toml", pg.as_str()),
        ]
    };
    clean("layers", &tree(good.as_str()));
    dirty(
        "layers",
        &tree(bad.as_str()),
        "engines/dns/Cargo.toml",
        0,
        "through lib/pg",
    );
}

#[test]
fn the_agent_does_without_http_and_sql() {
    let agent = manifest("mpanel-agent", &["mpanel-client-agent"]);
    let good = manifest("mpanel-client-agent", &["tokio"]);
    let bad = manifest("mpanel-client-agent", &["hyper"]);
    let tree = |client| {
        [
            ("app/agent/Cargo.toml", agent.as_str()),
            ("clients/agent/Cargo.toml", client),
        ]
    };
    clean("layers", &tree(good.as_str()));
    dirty(
        "layers",
        &tree(bad.as_str()),
        "app/agent/Cargo.toml",
        0,
        "must not reach hyper",
    );
}

#[test]
fn only_the_binary_embeds_the_web_interface() {
    let web = manifest("mpanel-web", &[]);
    let user = manifest("mpanel-x", &["mpanel-web"]);
    clean(
        "layers",
        &[("app/web/Cargo.toml", &web), ("app/mpanel/Cargo.toml", &user)],
    );
    let wrong = [
        ("app/web/Cargo.toml", web.as_str()),
        ("app/server/Cargo.toml", user.as_str()),
    ];
    dirty("layers", &wrong, "app/server/Cargo.toml", 11, "only app/mpanel");
}

#[test]
fn axum_stays_in_the_http_modules_of_a_context() {
    let context = manifest("mpanel-sites", &["axum", "sqlx"]);
    let source = "use axum::Router;\n";
    clean(
        "tools",
        &[
            ("contexts/sites/Cargo.toml", &context),
            ("contexts/sites/src/http/sites.rs", source),
            ("contexts/sites/src/http.rs", source),
            (
                "contexts/sites/src/service/a.rs",
                "// axum::Router is not named here\nconst A: &str = \"axum::Router\";\n",
            ),
        ],
    );
    dirty(
        "tools",
        &[("contexts/sites/src/service/a.rs", source)],
        "contexts/sites/src/service/a.rs",
        1,
        "`axum`",
    );
}

#[test]
fn sqlx_stays_in_the_stores() {
    let source = "\nfn f() { sqlx::query!(\"select 1\"); }\n";
    clean(
        "tools",
        &[
            ("contexts/sites/src/store/sites.rs", source),
            ("lib/pg/src/lib.rs", source),
        ],
    );
    dirty(
        "tools",
        &[("contexts/sites/src/http/sites.rs", source)],
        "contexts/sites/src/http/sites.rs",
        2,
        "`sqlx`",
    );
    let engine = manifest("mpanel-engine-dns", &["sqlx"]);
    dirty(
        "tools",
        &[("engines/dns/Cargo.toml", &engine)],
        "engines/dns/Cargo.toml",
        11,
        "must not depend on sqlx",
    );
}

#[test]
fn versions_and_features_stand_in_the_root() {
    let root = "[workspace.dependencies]\nserde = \"1\"\n";
    let good = manifest("mpanel-a", &["serde"]);
    clean("manifests", &[("Cargo.toml", root), ("lib/a/Cargo.toml", &good)]);
    for (line, message) in [
        ("serde = \"1\"", "version and features go to the root"),
        (
            "serde = { workspace = true, features = [\"rc\"] }",
            "`features` of serde",
        ),
        ("serde = { path = \"../serde\" }", "version and features go to the root"),
    ] {
        let bad = good.replace("serde.workspace = true", line);
        dirty(
            "manifests",
            &[("Cargo.toml", root), ("lib/a/Cargo.toml", &bad)],
            "lib/a/Cargo.toml",
            11,
            message,
        );
    }
}

#[test]
fn a_member_may_choose_features_of_our_own_crates() {
    let root = "[workspace.dependencies]\nmpanel-b = { path = \"lib/b\" }\n";
    let chosen = "mpanel-b = { workspace = true, features = [\"client\"] }";
    let a = manifest("mpanel-a", &["mpanel-b"]).replace("mpanel-b.workspace = true", chosen);
    let b = manifest("mpanel-b", &[]);
    clean(
        "manifests",
        &[("Cargo.toml", root), ("lib/a/Cargo.toml", &a), ("lib/b/Cargo.toml", &b)],
    );
}

#[test]
fn a_dependency_nobody_uses_is_named() {
    let files = [("Cargo.toml", "[workspace.dependencies]\n\nserde = \"1\"\n")];
    dirty("manifests", &files, "Cargo.toml", 3, "no member uses serde");
}

#[test]
fn a_member_takes_over_lints_and_package_fields() {
    let found = run(
        "manifests",
        &[("lib/a/Cargo.toml", "[package]\nname = \"a\"\nversion = \"1.0.0\"\n")],
    );
    assert_eq!(found.len(), 6, "{found:#?}");
}
