use super::{clean, dirty, manifest, run};

const README: &str =
    "# Sites\n\n**Purpose.** Serve.\n\n## Invariants\n- one\n\nTables: sites\n\n- Events out: some\n- Jobs: none\n";

#[test]
fn a_context_says_what_it_is() {
    let member = manifest("mpanel-sites", &[]);
    clean(
        "readme",
        &[
            ("contexts/sites/Cargo.toml", &member),
            ("contexts/sites/README.md", README),
        ],
    );
    dirty(
        "readme",
        &[("contexts/sites/Cargo.toml", &member)],
        "contexts/sites/README.md",
        0,
        "write 10 to 30 lines",
    );
    let silent = README.replace("Tables: sites", "");
    let files = [
        ("contexts/sites/Cargo.toml", member.as_str()),
        ("contexts/sites/README.md", silent.as_str()),
    ];
    dirty("readme", &files, "contexts/sites/README.md", 0, "`tables`");
}

#[test]
fn an_engine_says_what_it_is_on_few_lines() {
    let member = manifest("mpanel-engine-dns", &[]);
    let lines = |n: usize| "x\n".repeat(n);
    clean(
        "readme",
        &[
            ("engines/dns/Cargo.toml", &member),
            ("engines/dns/README.md", &lines(30)),
        ],
    );
    for n in [9, 31] {
        let text = lines(n);
        let files = [
            ("engines/dns/Cargo.toml", member.as_str()),
            ("engines/dns/README.md", text.as_str()),
        ];
        dirty("readme", &files, "engines/dns/README.md", 0, "say it in 10 to 30");
    }
}

#[test]
fn links_lead_somewhere() {
    let good = "[a](docs/a.md#part) [b](./docs) [c](https://example.org/x) [d](#here)\n`[e](nowhere.md)`\n```\n[f](nowhere.md)\n```\n";
    clean(
        "links",
        &[
            ("README.md", good),
            ("docs/a.md", "[up](../README.md) [root](/docs/a.md)\n"),
        ],
    );
    dirty(
        "links",
        &[("README.md", "\n[a](docs/b.md)\n")],
        "README.md",
        2,
        "docs/b.md",
    );
    dirty(
        "links",
        &[("README.md", "[a](../outside.md)\n")],
        "README.md",
        1,
        "leads nowhere",
    );
}

#[test]
fn decision_records_are_numbered_without_gaps() {
    let one = ("docs/adr/0001-tiers.md", "# 0001. Tiers\n");
    clean("adr", &[one, ("docs/adr/0002-roles.md", "# 0002. Roles\n")]);
    dirty(
        "adr",
        &[one, ("docs/adr/0003-roles.md", "# 0003. Roles\n")],
        "docs/adr",
        0,
        "0002 is missing",
    );
    dirty(
        "adr",
        &[one, ("docs/adr/0001-roles.md", "# 0001. Roles\n")],
        one.0,
        0,
        "is taken",
    );
    dirty(
        "adr",
        &[one, ("docs/adr/roles.md", "# Roles\n")],
        "docs/adr/roles.md",
        0,
        "NNNN",
    );
    dirty(
        "adr",
        &[("docs/adr/0001-tiers.md", "# Tiers\n")],
        "docs/adr/0001-tiers.md",
        1,
        "# 0001. ",
    );
}

#[test]
fn no_path_of_a_machine_and_no_registry_is_named() {
    let machine = format!("ok\ncp {}main/x .\n", concat!("/wo", "rk/"));
    dirty(
        "machine-paths",
        &[("README.md", &machine)],
        "README.md",
        2,
        "one machine",
    );
    clean(
        "machine-paths",
        &[("README.md", "src/work/x and frame/root/x and /usr/lib and $HOME\n")],
    );
    let lock = format!(
        "{{\n{}://example.org/a.tgz\"\n}}\n",
        concat!("\"resolved\": \"", "http")
    );
    dirty(
        "registries",
        &[("web/package-lock.json", &lock)],
        "web/package-lock.json",
        2,
        "one host",
    );
    clean(
        "registries",
        &[(
            "Cargo.lock",
            "source = \"registry+https://github.com/rust-lang/crates.io-index\"\n",
        )],
    );
    dirty(
        "registries",
        &[("Cargo.lock", "source = \"git+https://example.org/a\"\n")],
        "Cargo.lock",
        1,
        "elsewhere",
    );
}

fn document(operations: &str, schemas: &str) -> String {
    format!("{{\"paths\": {{{operations}}},\n\"components\": {{\"schemas\": {{{schemas}}}}}}}")
}

fn operation(id: &str) -> String {
    format!(
        "{{\"operationId\": \"{id}\", \"tags\": [\"sites\"], \"summary\": \"Do it\", \"responses\": {{\"200\": {{}}, \"404\": {{}}}}}}"
    )
}

fn openapi(operations: &str, schemas: &str) -> Vec<String> {
    let sites = manifest("mpanel-sites", &[]);
    let text = document(operations, schemas);
    let files = [
        ("contexts/sites/Cargo.toml", sites.as_str()),
        ("web/openapi.json", text.as_str()),
    ];
    run("openapi", &files)
        .into_iter()
        .map(|finding| finding.message)
        .collect()
}

#[test]
fn operations_have_names_summaries_and_errors() {
    let create = operation("sites_create");
    assert_eq!(
        openapi(&format!("\"/a\": {{\"post\": {create}}}"), "\"sites.CreateSite\": {}"),
        Vec::<String>::new()
    );
    let cases = [
        (create.replace("sites_create", "createSite"), "call it resources_verb"),
        (create.replace("[\"sites\"]", "[\"unknown\"]"), "must be the context"),
        (create.replace("Do it", ""), "has no summary"),
        (create.replace("404", "500"), "documents no 4xx"),
        (create.replace("operationId", "other"), "no operationId"),
    ];
    for (operation, message) in cases {
        let found = openapi(&format!("\"/a\": {{\"post\": {operation}}}"), "");
        assert!(found.len() == 1 && found[0].contains(message), "{message}: {found:?}");
    }
}

#[test]
fn operation_ids_and_schema_names_are_unique_and_qualified() {
    let create = operation("sites_create");
    let found = openapi(
        &format!("\"/a\": {{\"post\": {create}}}, \"/b\": {{\"get\": {create}}}"),
        "",
    );
    assert!(
        found.len() == 1 && found[0].contains("stands for both POST /a and GET /b"),
        "{found:?}"
    );
    for name in ["CreateSite", "unknown.CreateSite", "sites.create"] {
        let found = openapi("", &format!("\"{name}\": {{}}"));
        assert!(
            found.len() == 1 && found[0].contains("call it context.Name"),
            "{name}: {found:?}"
        );
    }
}

#[test]
fn a_default_problem_counts_as_the_errors_of_an_operation() {
    let problem = "\"default\": {\"content\": {\"application/problem+json\": {}}}";
    let create = operation("sites_create").replace("\"404\": {}", problem);
    assert_eq!(
        openapi(&format!("\"/a\": {{\"post\": {create}}}"), ""),
        Vec::<String>::new()
    );
}

#[test]
fn requirements_name_tests_that_exist() {
    const TABLE: &str = "docs/security/asvs.md";
    let row = |number: &str| format!("| {number} | words | `asvs_{}_holds` |\n", number.replace('.', "_"));
    let numbers = [
        "3.3.1", "3.5.1", "3.5.2", "3.5.3", "6.1.1", "6.2.1", "6.2.2", "6.2.3", "6.2.4", "6.2.5", "6.2.6", "6.2.7",
        "6.2.8", "6.3.1", "6.3.2", "6.4.1", "6.4.2", "7.2.1", "7.2.2", "7.2.3", "7.2.4", "7.4.1", "7.4.2", "8.1.1",
        "8.2.1", "8.2.2", "8.3.1", "3.4.1", "3.4.2", "12.2.1",
    ];
    let table: String = numbers.iter().map(|number| row(number)).collect();
    let test = |number: &str| format!("fn asvs_{}_holds() {{}}\n", number.replace('.', "_"));
    let tests: String = numbers.iter().map(|number| test(number)).collect();
    clean("asvs", &[(TABLE, &table), ("lib/x/src/tests.rs", &tests)]);
    let in_web = tests.replace(&test("6.2.6"), "");
    let title = "it('asvs_6_2_6_holds', () => {});";
    let files = [
        (TABLE, table.as_str()),
        ("lib/x/src/tests.rs", in_web.as_str()),
        ("web/tests/a.test.ts", title),
    ];
    clean("asvs", &files);
    dirty(
        "asvs",
        &[(TABLE, &table), ("lib/x/src/tests.rs", &in_web)],
        TABLE,
        11,
        "no test `asvs_6_2_6_holds`",
    );
    let short = table.replace(&row("8.3.1"), "");
    dirty(
        "asvs",
        &[(TABLE, &short), ("lib/x/src/tests.rs", &tests)],
        TABLE,
        0,
        "8.3.1 is of level 1",
    );
    let bare = table.replace("`asvs_6_1_1_holds`", "trust us");
    dirty(
        "asvs",
        &[(TABLE, &bare), ("lib/x/src/tests.rs", &tests)],
        TABLE,
        5,
        "name a test",
    );
}
