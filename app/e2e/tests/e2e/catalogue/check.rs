//! The rules. Each problem names the table, function or role it is about.

use super::lists::{ACROSS_TENANTS, SPINE_SCHEMAS, UNIQUE_EVERYWHERE};
use super::read::{Catalogue, ForeignKey, Function, Policy, Table};

/// What is wrong, and with what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub about: String,
    pub text: String,
}

/// The one table that tables of other schemas refer to.
const ROOT_TABLE: &str = "tenancy.tenants";
/// As PostgreSQL prints the expression of `mpanel.protect`.
const OWN_ROWS: &str = "(tenant_id = (current_setting('mpanel.tenant'::text))::uuid)";

pub fn problems(catalogue: &Catalogue) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut report = |about: &str, text: String| {
        problems.push(Problem {
            about: about.to_owned(),
            text,
        })
    };
    for table in &catalogue.tables {
        let texts = match catalogue.platform_tables.contains_key(&table.name) {
            true => platform_table(table),
            false => tenant_table(table, catalogue),
        };
        for text in texts {
            report(&table.name, text);
        }
    }
    for key in &catalogue.foreign_keys {
        if let Some(text) = foreign_key(key, catalogue) {
            report(&key.table_name, text);
        }
    }
    for unique in &catalogue.unique {
        let tenants = !catalogue.platform_tables.contains_key(&unique.table_name);
        if tenants && unique.first != "tenant_id" && !UNIQUE_EVERYWHERE.iter().any(|(name, _)| *name == unique.name) {
            report(
                &unique.table_name,
                format!(
                    "{} is unique across tenants: a conflict tells of another's row",
                    unique.name
                ),
            );
        }
    }
    for function in &catalogue.functions {
        for text in function_problems(function, catalogue) {
            report(&function.name, text);
        }
    }
    for name in catalogue.definer_functions.keys() {
        if !catalogue
            .functions
            .iter()
            .any(|function| function.definer && function.name == *name)
        {
            report(name, "is listed and no definer function".to_owned());
        }
    }
    for name in catalogue.platform_tables.keys() {
        if !catalogue.tables.iter().any(|table| table.name == *name) {
            report(name, "is listed and no table".to_owned());
        }
    }
    for role in &catalogue.bypassing {
        report(role, "bypasses row-level security".to_owned());
    }
    for view in &catalogue.open_views {
        report(view, "reads with its owner's rights: set security_invoker".to_owned());
    }
    problems
}

pub fn report(problems: &[Problem]) -> String {
    let lines = problems
        .iter()
        .map(|problem| format!("{}: {}\n", problem.about, problem.text));
    lines.collect()
}

fn platform_table(table: &Table) -> Vec<String> {
    let mut problems = Vec::new();
    if table.granted.iter().any(|role| role == "public") {
        problems.push("is granted to public".to_owned());
    }
    if table.granted.iter().any(|role| role == "mpanel_app") && !(table.secured && table.forced) {
        problems.push("tenants' transactions reach it without row-level security".to_owned());
    }
    problems
}

fn tenant_table(table: &Table, catalogue: &Catalogue) -> Vec<String> {
    let mut problems = Vec::new();
    if !table.has_tenant {
        problems.push("has no `tenant_id uuid not null` and is not in xtask/platform-tables.toml".to_owned());
    }
    if table.key.first().is_none_or(|first| first != "tenant_id") {
        problems.push(format!(
            "has the primary key ({}): tenant_id comes first",
            table.key.join(", ")
        ));
    }
    if !table.secured {
        problems.push("has no row-level security".to_owned());
    }
    if !table.forced {
        problems.push("does not force row-level security on its owner".to_owned());
    }
    for role in &table.granted {
        if !["mpanel_app", "mpanel_platform", "mpanel_spine", "mpanel_backup"].contains(&role.as_str()) {
            problems.push(format!("is granted to {role}"));
        }
    }
    let schema = table.name.split('.').next().unwrap_or_default();
    let wanted = |name: &str, role: &str, using: &str| Policy {
        table_name: table.name.clone(),
        name: name.to_owned(),
        permissive: true,
        command: "*".to_owned(),
        roles: vec![role.to_owned()],
        using: Some(using.to_owned()),
        check: None,
    };
    let required = [
        wanted("tenant", "mpanel_app", OWN_ROWS),
        wanted("platform", "mpanel_platform", "true"),
        // Backups read every row and change none.
        Policy {
            command: "r".to_owned(),
            ..wanted("backup", "mpanel_backup", "true")
        },
    ];
    let spine = wanted("spine", "mpanel_spine", "true");
    let found: Vec<&Policy> = catalogue
        .policies
        .iter()
        .filter(|policy| policy.table_name == table.name)
        .collect();
    for policy in &required {
        if !found.contains(&policy) {
            problems.push(format!("lacks the policy {policy:?}"));
        }
    }
    for policy in found {
        let known = required.contains(policy) || (*policy == spine && SPINE_SCHEMAS.contains(&schema));
        if !known {
            problems.push(format!("has a policy that is not standard: {policy:?}"));
        }
    }
    problems
}

fn foreign_key(key: &ForeignKey, catalogue: &Catalogue) -> Option<String> {
    let (table, target) = (&key.table_name, &key.target);
    let schema = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
    if schema(table) != schema(target) && target != ROOT_TABLE {
        return Some(format!(
            "refers to {target}: only {ROOT_TABLE} may be referred to from another schema"
        ));
    }
    let listed = |name: &String| catalogue.platform_tables.contains_key(name);
    let excepted = ACROSS_TENANTS.iter().any(|(from, to, _)| from == table && to == target);
    if listed(table) || listed(target) || excepted {
        return None;
    }
    let first = |columns: &[String]| columns.first().is_some_and(|column| column == "tenant_id");
    let composite = first(&key.columns) && first(&key.target_columns);
    (!composite).then(|| {
        format!(
            "refers to {target} by ({}): a composite key with tenant_id first cannot reach another tenant's row",
            key.columns.join(", ")
        )
    })
}

fn function_problems(function: &Function, catalogue: &Catalogue) -> Vec<String> {
    let mut problems = Vec::new();
    if !function.definer {
        if function.owner == "mpanel_platform" {
            problems.push("belongs to the platform role and is no definer function".to_owned());
        }
        return problems;
    }
    if !catalogue.definer_functions.contains_key(&function.name) {
        problems.push("runs with its owner's rights and is not in xtask/definer-functions.toml".to_owned());
    }
    if function.owner != "mpanel_platform" {
        problems.push(format!("belongs to {}, not to mpanel_platform", function.owner));
    }
    if function.public_may_execute {
        problems.push("may be executed by everybody".to_owned());
    }
    if !function
        .settings
        .iter()
        .any(|setting| setting == "search_path=pg_catalog")
    {
        problems.push("has no fixed search_path".to_owned());
    }
    problems
}
