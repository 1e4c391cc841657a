use super::{clean, dirty};

const STORE: &str = "contexts/sites/src/store.rs";
const LIST: &str = "xtask/advisory-locks.toml";
const LISTED: &str = "\"7, 1\" = \"contexts/sites: the first site\"\n\"text 7\" = \"contexts/sites: one site\"\n";
const PAIR: &str = "query!(\"select pg_advisory_xact_lock(7, 1)\")";
const HASHED: &str =
    "query!(\"select pg_try_advisory_xact_lock_shared(hashtextextended(concat('site:', $1::uuid), 7))\")";

#[test]
fn every_advisory_lock_is_listed_with_its_owner() {
    let code = format!("{PAIR};\n{PAIR};\n{HASHED};\n// pg_advisory_lock is described elsewhere\n");
    clean("locks", &[(STORE, &code), (LIST, LISTED), ("xtask/src/x.rs", PAIR)]);
    clean("locks", &[("contexts/sites/src/a.rs", "fn none() {}")]);
    clean(
        "locks",
        &[
            ("lib/pg/src/migrate.rs", "select pg_advisory_unlock(5)"),
            (LIST, "5 = \"lib/pg: migrations\""),
        ],
    );
}

#[test]
fn one_that_is_anothers_or_nobodys_is_found() {
    let other = "\n\nquery!(\"select pg_advisory_xact_lock(7, 1)\")";
    let files = [
        (STORE, &*format!("{PAIR}{HASHED}")),
        ("contexts/dns/src/store.rs", other),
        (LIST, LISTED),
    ];
    dirty(
        "locks",
        &files,
        "contexts/dns/src/store.rs",
        3,
        "the lock 7, 1 is contexts/sites's",
    );
    dirty(
        "locks",
        &[(STORE, PAIR)],
        STORE,
        1,
        "\"7, 1\" = \"contexts/sites: what is locked\"",
    );
    let bound = "select pg_advisory_lock(hashtextextended($1, $2))";
    dirty("locks", &[(STORE, bound)], STORE, 1, "write the lock's number");
}

#[test]
fn a_list_names_each_number_once_and_none_that_is_unused() {
    dirty(
        "locks",
        &[(STORE, PAIR), (LIST, LISTED)],
        LIST,
        2,
        "nothing takes the lock text 7",
    );
    let twice = format!("{LISTED}\"7, 1\" = \"contexts/dns: the first zone\"\n");
    dirty("locks", &[(STORE, PAIR), (LIST, &twice)], LIST, 0, "duplicate key");
}
