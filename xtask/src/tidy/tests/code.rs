use super::{clean, dirty, manifest, run};
use crate::tidy::Level;

#[test]
fn a_long_file_is_a_warning_and_a_very_long_one_an_error() {
    let lines = |n: usize| "x\n".repeat(n);
    clean(
        "length",
        &[("lib/a/src/lib.rs", &lines(499)), ("docs/a.md", &lines(5000))],
    );
    let long = run("length", &[("web/src/a.tsx", &lines(500))]);
    assert_eq!(long.iter().map(|f| f.level).collect::<Vec<_>>(), [Level::Warning]);
    dirty(
        "length",
        &[("lib/a/src/lib.rs", &lines(800))],
        "lib/a/src/lib.rs",
        0,
        "800 lines",
    );
    let generated = format!("/**\n * This file was auto-generated\n */\n{}", lines(900));
    clean("length", &[("web/src/api/schema.d.ts", &generated)]);
}

#[test]
fn tests_stand_in_sibling_files_and_are_run() {
    clean(
        "tests",
        &[(
            "lib/a/src/lib.rs",
            "#[cfg(test)]\nmod tests;\n// #[ignore] is not used\n",
        )],
    );
    dirty(
        "tests",
        &[("lib/a/src/lib.rs", "#[cfg(test)]\nmod tests {\n}\n")],
        "lib/a/src/lib.rs",
        2,
        "sibling file",
    );
    dirty(
        "tests",
        &[("lib/a/src/t.rs", "#[test]\n#[ignore = \"slow\"]\nfn t() {}\n")],
        "lib/a/src/t.rs",
        2,
        "ignored",
    );
    dirty(
        "tests",
        &[("lib/a/src/t.rs", "#[sqlx::test]\nfn t() {}\n")],
        "lib/a/src/t.rs",
        1,
        "migrates",
    );
}

#[test]
fn unsafe_code_is_for_engines_and_says_why_it_is_sound() {
    let reasoned = "// SAFETY: the descriptor is ours\nunsafe { f() }\n";
    clean("unsafe", &[("engines/edge/src/fd.rs", reasoned)]);
    dirty(
        "unsafe",
        &[("engines/edge/src/fd.rs", "\nunsafe { f() }\n")],
        "engines/edge/src/fd.rs",
        2,
        "SAFETY",
    );
    dirty(
        "unsafe",
        &[("lib/pg/src/fd.rs", reasoned)],
        "lib/pg/src/fd.rs",
        2,
        "safe interface",
    );
    clean(
        "unsafe",
        &[(
            "lib/pg/src/fd.rs",
            "// unsafe is a word here\nconst A: &str = \"unsafe\";\n",
        )],
    );
}

#[test]
fn every_other_crate_forbids_unsafe_code() {
    let member = manifest("mpanel-pg", &[]);
    clean(
        "unsafe",
        &[
            ("lib/pg/Cargo.toml", &member),
            ("lib/pg/src/lib.rs", "//! Doc\n#![forbid(unsafe_code)]\n"),
        ],
    );
    dirty(
        "unsafe",
        &[("lib/pg/Cargo.toml", &member), ("lib/pg/src/lib.rs", "pub mod a;\n")],
        "lib/pg/src/lib.rs",
        1,
        "#![forbid(unsafe_code)]",
    );
}

#[test]
fn no_process_is_a_shell() {
    let path = "app/agent/src/run.rs";
    let start = |args: &str| format!("fn f() {{\n    Command::new({args})\n        .env_clear();\n}}\n");
    clean("shell", &[(path, &start("\"/usr/bin/tar\""))]);
    dirty("shell", &[(path, &start("\"sh\""))], path, 2, "starts a shell");
    dirty("shell", &[(path, &start("\"/bin/bash\""))], path, 2, "starts a shell");
    dirty(
        "shell",
        &[(path, &start("program).arg(\"-c\""))],
        path,
        2,
        "interpreter",
    );
    clean("shell", &[(path, "fn f() { render(\"sh\") }\n")]);
}

#[test]
fn a_process_does_not_inherit_the_environment() {
    let source = "fn f() {\n    Command::new(\"/usr/bin/tar\").spawn();\n}\n";
    dirty(
        "shell",
        &[("app/mpanel/src/up.rs", source)],
        "app/mpanel/src/up.rs",
        2,
        "env_clear",
    );
    clean("shell", &[("xtask/src/a.rs", source), ("app/e2e/src/a.rs", source)]);
}

#[test]
fn sql_is_not_made_out_of_strings() {
    let path = "contexts/sites/src/store/sites.rs";
    clean(
        "sql-format",
        &[(
            path,
            "fn f() {\n    sqlx::query!(\"select 1\");\n    names.push(format!(\"a\"));\n}\n",
        )],
    );
    dirty(
        "sql-format",
        &[(
            path,
            "fn f() {\n    sqlx::query_as(\n        &format!(\"select {x}\"))\n}\n",
        )],
        path,
        2,
        "query_as(&format!",
    );
    dirty(
        "sql-format",
        &[(path, "fn f() {\n    sqlx::query(AssertSqlSafe(text));\n}\n")],
        path,
        2,
        "AssertSqlSafe",
    );
    dirty(
        "sql-format",
        &[(
            path,
            "fn f(q: &mut QueryBuilder) {\n    q.push(format!(\" where name = {name}\"));\n}\n",
        )],
        path,
        2,
        ".push(format!",
    );
}

#[test]
fn public_functions_take_typed_ids() {
    let path = "contexts/sites/src/service/create.rs";
    clean(
        "raw-uuid",
        &[(
            path,
            "pub fn f(id: SiteId) {\n    let x: Uuid = id.uuid();\n}\nfn g(id: Uuid) {}\n",
        )],
    );
    dirty(
        "raw-uuid",
        &[(path, "\npub async fn f(\n    id: Uuid,\n) -> X {\n}\n")],
        path,
        2,
        "define_ids!",
    );
    clean(
        "raw-uuid",
        &[("contexts/sites/src/store/sites.rs", "pub fn f(id: Uuid) {}\n")],
    );
}

#[test]
fn nothing_is_left_unfinished() {
    clean(
        "unfinished",
        &[("lib/a/src/a.rs", "// todo!\nfn my_todo() { \"todo!()\"; }\n")],
    );
    dirty(
        "unfinished",
        &[("lib/a/src/a.rs", "\nfn f() { todo!() }\n")],
        "lib/a/src/a.rs",
        2,
        "todo!",
    );
}

#[test]
fn features_of_the_web_interface_are_apart() {
    let path = "web/src/features/sites/pages/list.tsx";
    clean(
        "features",
        &[(
            path,
            "import { A } from \"../queries\";\nimport { B } from \"@/shared/b\";\nimport c from \"react\";\n",
        )],
    );
    dirty(
        "features",
        &[(path, "\nimport { A } from \"../../dns/queries\";\n")],
        path,
        2,
        "imports feature dns",
    );
    dirty(
        "features",
        &[(path, "import { A } from '@/features/dns/queries';\n")],
        path,
        1,
        "imports feature dns",
    );
}
