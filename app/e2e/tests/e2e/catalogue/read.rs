//! What PostgreSQL's catalogue says.

use std::collections::BTreeMap;

use sqlx::{FromRow, PgConnection};

use super::lists;

/// The product's part of the catalogue, with the lists of exceptions.
#[derive(Debug)]
pub struct Catalogue {
    pub tables: Vec<Table>,
    pub policies: Vec<Policy>,
    pub foreign_keys: Vec<ForeignKey>,
    pub unique: Vec<Unique>,
    pub functions: Vec<Function>,
    /// Roles other than superusers that pass through row-level security.
    pub bypassing: Vec<String>,
    /// Views that read with their owner's rights.
    pub open_views: Vec<String>,
    pub platform_tables: BTreeMap<String, String>,
    pub definer_functions: BTreeMap<String, String>,
}

#[derive(Debug, FromRow)]
pub struct Table {
    /// With its schema.
    pub name: String,
    pub key: Vec<String>,
    /// Whether it has a column `tenant_id uuid not null`.
    pub has_tenant: bool,
    pub secured: bool,
    pub forced: bool,
    /// Roles that may do anything at all with it; `public` for everybody.
    pub granted: Vec<String>,
}

#[derive(Debug, FromRow, Clone, PartialEq, Eq)]
pub struct Policy {
    pub table_name: String,
    pub name: String,
    pub permissive: bool,
    /// `*` for all.
    pub command: String,
    pub roles: Vec<String>,
    pub using: Option<String>,
    pub check: Option<String>,
}

#[derive(Debug, FromRow)]
pub struct ForeignKey {
    pub table_name: String,
    pub columns: Vec<String>,
    pub target: String,
    pub target_columns: Vec<String>,
}

#[derive(Debug, FromRow)]
pub struct Unique {
    pub table_name: String,
    pub name: String,
    /// Empty for an expression.
    pub first: String,
}

#[derive(Debug, FromRow)]
pub struct Function {
    pub name: String,
    pub owner: String,
    pub definer: bool,
    pub settings: Vec<String>,
    pub public_may_execute: bool,
}

const TABLES: &str = "
select n.nspname || '.' || c.relname as name,
       coalesce((select array_agg(a.attname::text order by k.position)
                 from pg_index i, unnest(i.indkey::int2[]) with ordinality k (number, position)
                 join pg_attribute a on a.attrelid = c.oid and a.attnum = k.number
                 where i.indrelid = c.oid and i.indisprimary), '{}') as key,
       exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and a.attnotnull
               and a.atttypid = 'uuid'::regtype and not a.attisdropped) as has_tenant,
       c.relrowsecurity as secured, c.relforcerowsecurity as forced,
       coalesce((select array_agg(distinct coalesce(r.rolname::text, 'public'))
                 from aclexplode(c.relacl) g left join pg_roles r on r.oid = g.grantee
                 where g.grantee <> c.relowner), '{}') as granted
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = any($1) and c.relkind in ('r', 'p', 'f') and c.relname <> '_migrations'
order by 1";

const POLICIES: &str = "
select p.polrelid::regclass::text as table_name, p.polname::text as name, p.polpermissive as permissive, p.polcmd::text as command,
       (select array_agg(coalesce(r.rolname::text, 'public') order by 1) from unnest(p.polroles) o left join pg_roles r on r.oid = o) as roles,
       pg_get_expr(p.polqual, p.polrelid) as using, pg_get_expr(p.polwithcheck, p.polrelid) as check
from pg_policy p join pg_class c on c.oid = p.polrelid join pg_namespace n on n.oid = c.relnamespace
where n.nspname = any($1) order by 1, 2";

const FOREIGN_KEYS: &str = "
select k.conrelid::regclass::text as table_name, k.confrelid::regclass::text as target,
       (select array_agg(a.attname::text order by u.position) from unnest(k.conkey) with ordinality u (number, position)
        join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.number) as columns,
       (select array_agg(a.attname::text order by u.position) from unnest(k.confkey) with ordinality u (number, position)
        join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.number) as target_columns
from pg_constraint k join pg_namespace n on n.oid = k.connamespace
where k.contype = 'f' and k.conparentid = 0 and n.nspname = any($1) order by 1, 2";

const UNIQUE: &str = "
select i.indrelid::regclass::text as table_name, i.indexrelid::regclass::text as name, coalesce(a.attname::text, '') as first
from pg_index i join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace
left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
where i.indisunique and not i.indisprimary and n.nspname = any($1) order by 1, 2";

const FUNCTIONS: &str = "
select n.nspname || '.' || p.proname as name, o.rolname::text as owner, p.prosecdef as definer, coalesce(p.proconfig, '{}') as settings,
       exists (select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) g
               where g.grantee = 0 and g.privilege_type = 'EXECUTE') as public_may_execute
from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_roles o on o.oid = p.proowner
where n.nspname = any($1) and p.prokind <> 'a' order by 1";

const BYPASSING: &str = "select rolname::text from pg_roles where rolbypassrls and not rolsuper order by 1";

const OPEN_VIEWS: &str = "
select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = any($1) and (c.relkind = 'm' or c.relkind = 'v'
      and not coalesce(c.reloptions @> array['security_invoker=true'] or c.reloptions @> array['security_invoker=on'], false)) order by 1";

/// Reads everything about the tables and functions in `schemas`.
pub async fn read(connection: &mut PgConnection, schemas: &[String]) -> Catalogue {
    // Whatever the connection's path, names come with their schema.
    sqlx::query("select set_config('search_path', 'pg_catalog', false)")
        .execute(&mut *connection)
        .await
        .unwrap();
    Catalogue {
        tables: sqlx::query_as(TABLES)
            .bind(schemas)
            .fetch_all(&mut *connection)
            .await
            .unwrap(),
        policies: sqlx::query_as(POLICIES)
            .bind(schemas)
            .fetch_all(&mut *connection)
            .await
            .unwrap(),
        foreign_keys: sqlx::query_as(FOREIGN_KEYS)
            .bind(schemas)
            .fetch_all(&mut *connection)
            .await
            .unwrap(),
        unique: sqlx::query_as(UNIQUE)
            .bind(schemas)
            .fetch_all(&mut *connection)
            .await
            .unwrap(),
        functions: sqlx::query_as(FUNCTIONS)
            .bind(schemas)
            .fetch_all(&mut *connection)
            .await
            .unwrap(),
        bypassing: sqlx::query_scalar(BYPASSING).fetch_all(&mut *connection).await.unwrap(),
        open_views: sqlx::query_scalar(OPEN_VIEWS)
            .bind(schemas)
            .fetch_all(&mut *connection)
            .await
            .unwrap(),
        platform_tables: lists::platform_tables(),
        definer_functions: lists::definer_functions(),
    }
}
