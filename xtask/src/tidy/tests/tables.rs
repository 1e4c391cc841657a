use super::{clean, dirty, run};

const FIRST: &str = "contexts/sites/migrations/0001_sites.sql";
const INCLUDED: (&str, &str) = (
    "contexts/sites/src/lib.rs",
    "include_str!(\"../migrations/0001_sites.sql\")",
);
const GOOD: &str = "\
-- create table nonsense (a int);
create table sites.sites (
    tenant_id uuid not null references tenancy.tenants (id),
    id uuid not null,
    name text not null default 'a, (b',
    primary key (tenant_id, id)
);
select mpanel.protect('sites.sites');
create table sites.releases (
    tenant_id uuid not null,
    id uuid not null,
    site_id uuid not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, site_id) references sites.sites (tenant_id, id) on delete cascade
);
select mpanel.protect('sites.releases');
";

#[test]
fn a_table_of_tenants_is_keyed_by_tenant_and_protected() {
    clean("migrations", &[(FIRST, GOOD), INCLUDED]);
    let cases = [
        (
            GOOD.replace("select mpanel.protect('sites.sites');", "\n"),
            2,
            "is not protected",
        ),
        (
            GOOD.replacen("(tenant_id, id)", "(id, tenant_id)", 1),
            2,
            "starts with tenant_id",
        ),
        (
            GOOD.replace("sites.sites", "other.sites"),
            2,
            "every crate owns one schema",
        ),
    ];
    for (text, line, message) in cases {
        let found = run("migrations", &[(FIRST, &text), INCLUDED]);
        assert!(
            found.iter().any(|f| f.line == line && f.message.contains(message)),
            "{message}: {found:#?}"
        );
    }
}

#[test]
fn policies_may_be_spelled_out() {
    let text = GOOD.replace(
        "select mpanel.protect('sites.sites');",
        "alter table sites.sites enable row level security; alter table sites.sites force row level security;\n\
         create policy tenant on sites.sites to mpanel_app using (true);\n\
         create policy platform on sites.sites to mpanel_platform using (true);",
    );
    clean("migrations", &[(FIRST, &text), INCLUDED]);
    let one = text.replace(
        "create policy platform on sites.sites",
        "create policy platform on sites.releases",
    );
    dirty(
        "migrations",
        &[(FIRST, &one), INCLUDED],
        FIRST,
        2,
        "no policy for mpanel_platform",
    );
}

#[test]
fn foreign_keys_carry_the_tenant_and_stay_in_the_schema() {
    let single = GOOD.replace(
        "foreign key (tenant_id, site_id) references sites.sites (tenant_id, id)",
        "foreign key (site_id) references sites.sites (id)",
    );
    dirty(
        "migrations",
        &[(FIRST, &single), INCLUDED],
        FIRST,
        9,
        "needs the tenant",
    );
    let foreign = GOOD.replace("references sites.sites", "references dns.zones");
    dirty(
        "migrations",
        &[(FIRST, &foreign), INCLUDED],
        FIRST,
        9,
        "crosses schemas",
    );
}

#[test]
fn a_table_of_the_platform_is_listed_with_its_reason() {
    let text = "create table sites.kinds (name text primary key);\n";
    dirty("migrations", &[(FIRST, text), INCLUDED], FIRST, 1, "has no tenant_id");
    let list = |text: &'static str| ("xtask/platform-tables.toml", text);
    clean(
        "migrations",
        &[
            (FIRST, text),
            INCLUDED,
            list("\"sites.kinds\" = \"a fixed list of kinds\"\n"),
        ],
    );
    dirty(
        "migrations",
        &[(FIRST, text), INCLUDED, list("\"sites.kinds\" = \"\"\n")],
        "xtask/platform-tables.toml",
        1,
        "say why sites.kinds",
    );
    dirty(
        "migrations",
        &[
            (FIRST, GOOD),
            INCLUDED,
            list("\n\"sites.kinds\" = \"a fixed list of kinds\"\n"),
        ],
        "xtask/platform-tables.toml",
        2,
        "remove the entry",
    );
}

#[test]
fn a_migration_is_carried_by_the_binary_and_has_its_own_number() {
    dirty("migrations", &[(FIRST, GOOD)], FIRST, 0, "includes 0001_sites.sql");
    let second = "contexts/sites/migrations/0001_more.sql";
    let sources = ("contexts/sites/src/lib.rs", "0001_sites.sql 0001_more.sql");
    dirty(
        "migrations",
        &[(FIRST, GOOD), (second, ""), sources],
        FIRST,
        0,
        "its number is taken",
    );
}

#[test]
fn a_function_that_crosses_tenants_is_listed_and_has_a_fixed_search_path() {
    let function = "create function sites.f(a int) returns int language sql set search_path = pg_catalog as $$ select 1 $$;\n\
                    select mpanel.definer('sites.f');\n";
    let list = (
        "xtask/definer-functions.toml",
        "\"sites.f\" = \"looks for a name in all tenants\"\n",
    );
    clean("migrations", &[(FIRST, function), INCLUDED, list]);
    dirty(
        "migrations",
        &[(FIRST, function), INCLUDED],
        FIRST,
        2,
        "sites.f crosses tenants",
    );
    dirty(
        "migrations",
        &[(FIRST, ""), INCLUDED, list],
        list.0,
        1,
        "remove the entry",
    );
    let loose = function.replace("set search_path = pg_catalog", "");
    dirty(
        "migrations",
        &[(FIRST, &loose), INCLUDED, list],
        FIRST,
        2,
        "search_path",
    );
    let direct = function.replace("language sql", "language sql security definer");
    dirty(
        "migrations",
        &[(FIRST, &direct), INCLUDED, list],
        FIRST,
        1,
        "mpanel.definer",
    );
}
