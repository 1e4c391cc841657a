-- The master key that sealed the second factor was lost, and the factor with it: its owner sets up another before anything else.
alter table identity.users
    add column totp_lost_at timestamptz,
    -- They have been told of it.
    add column totp_lost_told boolean not null default false;
create index users_untold on identity.users (id) where totp_lost_at is not null and not totp_lost_told;
