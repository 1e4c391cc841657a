-- Marks a credential as seen. Functions, which are called when that is due: a query that could write, however seldom, is
-- refused whole by a database that takes no writes, and nobody could read anything meanwhile.
create function identity.see_session(home uuid, session uuid, seen_before timestamptz, at timestamptz, idle timestamptz)
    returns boolean
    language plpgsql set search_path = pg_catalog
as $$
begin
    if current_setting('transaction_read_only')::boolean then
        return false;
    end if;
    update identity.sessions s
    set last_seen_at = at, idle_expires_at = least(idle, s.expires_at)
    where s.tenant_id = home and s.id = session and s.last_seen_at <= seen_before;
    return found;
end
$$;
revoke all on function identity.see_session from public;
grant execute on function identity.see_session to mpanel_spine;

create function identity.see_token(acting uuid, token uuid, seen_before timestamptz, at timestamptz, address text)
    returns boolean
    language plpgsql set search_path = pg_catalog
as $$
begin
    if current_setting('transaction_read_only')::boolean then
        return false;
    end if;
    update identity.api_tokens t
    set last_used_at = at, last_used_address = address
    where t.tenant_id = acting and t.id = token and (t.last_used_at is null or t.last_used_at <= seen_before);
    return found;
end
$$;
revoke all on function identity.see_token from public;
grant execute on function identity.see_token to mpanel_spine;
