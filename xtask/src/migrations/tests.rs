use super::baseline::Baseline;
use super::rules::problems;
use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn what_only_adds_is_allowed() {
    let text = "
        create table sites.labels (tenant_id uuid not null, id uuid not null, name text not null);
        create unique index labels_name on sites.labels (tenant_id, name);
        alter table sites.labels add constraint labels_pk primary key (tenant_id, id);
        select mpanel.protect('sites.labels');
        alter table sites.sites add column note text, add column kind text not null default 'static';
        create index sites_note on sites.sites (tenant_id, note);
        alter table sites.sites add constraint note_short check (length(note) < 99) not valid;
        create function sites.tidy() returns void language sql as $$ delete from sites.labels; truncate sites.labels $$;
        revoke all on function sites.tidy() from public;
    ";
    assert_eq!(problems(text), []);
}

#[test]
fn what_the_release_before_would_run_into_is_named_with_its_line() {
    for (statement, words) in [
        ("drop table sites.releases", "`drop table`"),
        ("alter table sites.sites drop column name", "`drop column`"),
        ("alter table sites.sites rename column name to title", "`rename`"),
        (
            "alter table sites.sites alter column name set not null",
            "`set not null`",
        ),
        (
            "alter table sites.sites alter column uid type bigint",
            "a column's type",
        ),
        (
            "alter table sites.sites add column x text not null",
            "`not null` without a default",
        ),
        (
            "alter table sites.sites add column a text not null default '', add column x text not null",
            "`not null`",
        ),
        ("alter table sites.sites add constraint c check (uid > 0)", "not valid"),
        ("create unique index u on sites.sites (name)", "`create unique index`"),
        ("DROP FUNCTION sites.find(uuid)", "`drop function`"),
        ("revoke select on sites.sites from mpanel_app", "`revoke`"),
    ] {
        let found = problems(&format!("-- a comment\nselect 1;\n\n{statement};\n"));
        assert_eq!(found.len(), 1, "{statement}: {found:?}");
        assert_eq!(found[0].0, 4, "{statement}");
        assert!(found[0].1.contains(words), "{statement}: {}", found[0].1);
        let excused = format!("select 1;\n-- compatible: nothing in the release before uses it\n{statement};\n");
        assert_eq!(problems(&excused), [], "{statement}");
        let unexcused = format!("select 1;\n-- compatible: yes\n{statement};\n");
        assert_eq!(problems(&unexcused).len(), 1, "a reason is a sentence");
    }
}

fn git(root: &Path, arguments: &[&str]) {
    let mut command = Command::new("git");
    command.current_dir(root).args(arguments);
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "t");
        command.env(format!("GIT_{who}_EMAIL"), "t@t.example");
    }
    assert!(command.output().expect("git runs").status.success(), "{arguments:?}");
}

#[test]
fn a_revision_is_recorded_with_its_queries_and_found_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let root = dir.path();
    let write = |path: &str, text: &str| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("has a parent")).expect("folder");
        fs::write(path, text).expect("file");
    };
    write("contexts/sites/migrations/0001_sites.sql", "select 1;\n");
    write("lib/pg/migrations/0001_foundation.sql", "select 2;\n");
    write(
        "contexts/sites/.sqlx/query-ab.json",
        r#"{"query": "select\n $1 from sites.sites"}"#,
    );
    write(
        "contexts/sites/.sqlx/query-cd.json",
        r#"{"query": "delete from sites.sites"}"#,
    );
    git(root, &["init", "-q"]);
    git(root, &["add", "."]);
    git(root, &["commit", "-q", "-m", "all"]);
    let found = Baseline::of_revision(root, "HEAD").expect("a revision");
    assert!(!found.is_released());
    found.store(root).expect("stored");
    let loaded = Baseline::load(root).expect("loaded");
    assert_eq!(
        loaded.queries,
        ["delete from sites.sites", "select\n $1 from sites.sites"]
    );
    assert_eq!(loaded.migrations, found.migrations);
    let keys: Vec<String> = loaded
        .migrations
        .keys()
        .map(|(schema, name)| format!("{schema}/{name}"))
        .collect();
    assert_eq!(keys, ["mpanel/0001_foundation", "sites/0001_sites"]);

    git(root, &["tag", "v1.2.3"]);
    Baseline::of_revision(root, "v1.2.3")
        .expect("a release")
        .store(root)
        .expect("stored");
    let loaded = Baseline::load(root).expect("loaded");
    assert!(loaded.is_released() && loaded.what() == "release v1.2.3");
    assert!(Baseline::of_revision(root, "nonsense").is_err());
}
