-- Words and their meaning: wit/types.wit. Times are milliseconds since 1970. Columns of JSON hold the
-- wire's form of a record. Ids and names are compared byte by byte, independent of the database's collation.

create table devices (
    id text collate "C" primary key,
    name text not null,
    public_key bytea not null,
    signing_key bytea not null,                -- tells what its agent has signed
    api_level bigint not null,
    agent_version text not null,
    management_mode text not null,
    managed_profile boolean not null,
    ownership text not null,
    capabilities text not null,                -- JSON
    condition text not null,                   -- JSON
    policy text,                               -- JSON
    policy_override_command text,
    policy_override_since bigint,
    enrolled_at bigint not null,
    revoked_at bigint,
    last_sync bigint not null,
    version bigint not null,
    search_text text not null,                    -- name and id in small letters: what a search looks through
    latest_command text collate "C",           -- null: it never had one
    status text not null default 'none',       -- of the latest command, or none, or revoked
    is_overridden boolean not null generated always as
        (policy_override_command is not null and revoked_at is null) stored
) with (fillfactor = 70);
create index devices_by_status on devices (status, id);
create index devices_overridden on devices (id) where is_overridden;

create table device_groups (
    device text collate "C" not null references devices (id),
    name text collate "C" not null,
    primary key (name, device)
);
create index device_groups_by_device on device_groups (device);

-- How many devices there are: of each group, and of all by the name ''. Kept by triggers, so that no page counts
-- a whole fleet.
create table fleet_counts (
    name text collate "C" not null,
    status text not null,
    is_overridden boolean not null,
    devices bigint not null,
    primary key (name, status, is_overridden)
) with (fillfactor = 30);
create function count_device() returns trigger language plpgsql as $$ begin
    insert into fleet_counts values ('', new.status, new.is_overridden, 1)
        on conflict (name, status, is_overridden) do update set devices = fleet_counts.devices + 1;
    return null;
end $$;
create function count_joined() returns trigger language plpgsql as $$ begin
    insert into fleet_counts select new.name, status, is_overridden, 1 from devices where id = new.device
        on conflict (name, status, is_overridden) do update set devices = fleet_counts.devices + 1;
    return null;
end $$;
create function count_left() returns trigger language plpgsql as $$ begin
    update fleet_counts set devices = devices - 1 where name = old.name and (status, is_overridden) =
        (select status, is_overridden from devices where id = old.device);
    return null;
end $$;
create function count_changed() returns trigger language plpgsql as $$ begin
    update fleet_counts set devices = devices - 1
        where status = old.status and is_overridden = old.is_overridden
        and name in (select '' union all select name from device_groups where device = new.id);
    insert into fleet_counts select name, new.status, new.is_overridden, 1
        from (select '' as name union all select name from device_groups where device = new.id) names
        on conflict (name, status, is_overridden) do update set devices = fleet_counts.devices + 1;
    return null;
end $$;
create trigger fleet_counts_device after insert on devices for each row execute function count_device();
create trigger fleet_counts_joined after insert on device_groups for each row execute function count_joined();
create trigger fleet_counts_left after delete on device_groups for each row execute function count_left();
create trigger fleet_counts_changed after update of status, policy_override_command on devices for each row
    when (old.status <> new.status or old.is_overridden <> new.is_overridden) execute function count_changed();

-- Requests for all devices of a group. What became of one on a device is its command, or a row of bulk_refusals.
create table bulks (
    id text collate "C" primary key,
    action text not null,
    group_name text collate "C" not null,
    devices bigint not null,                   -- in the group when it was asked for
    unique_passwords boolean not null,      -- each device gets a password of its own, which is kept nowhere
    sealed_password bytea,                     -- the one password of all, sealed by the host, until the end
    options text not null,                     -- JSON
    terms text not null,                       -- JSON
    reason text,
    requested_by text not null,
    principal text not null,                   -- who is behind it: who asked, or who made the token that did
    address text,
    requested_at bigint not null,
    approved_by text,
    state text not null,
    cancel_requested_by text,                        -- who wants its pending commands to be cancelled, until they are
    lease_expires_at bigint not null default 0,      -- somebody downloads its passwords until then, by the database's clock
    ended_at bigint
);
create index bulks_waiting on bulks (requested_at)
    where state in ('waiting-for-approval', 'waiting-for-download');
create index bulks_under_way on bulks (id) where state = 'running' or cancel_requested_by is not null;
create index bulks_waiting_for_devices on bulks (id) where state = 'waiting-for-devices';

-- The devices that have no command of a bulk, and why.
create table bulk_refusals (
    bulk text collate "C" not null references bulks (id),
    device text collate "C" not null references devices (id),
    kind text not null,
    detail text not null,
    primary key (bulk, device)
);

create table commands (
    id text collate "C" primary key,
    device text collate "C" not null references devices (id),
    action text not null,
    options text not null,                     -- JSON
    status text not null,                      -- JSON: pending, success, or failed and why
    is_pending boolean not null,
    requested_at bigint not null,
    completed_at bigint,
    expires_at bigint,
    late_outcome text,                         -- JSON
    bulk text collate "C" references bulks (id) -- that it is part of
) with (fillfactor = 80);
create index commands_by_device on commands (device, id);
create unique index commands_by_bulk on commands (bulk, device) where bulk is not null;
create index commands_by_bulk_and_status on commands (bulk, status) where bulk is not null;
-- A device has one pending command at most.
create unique index commands_pending on commands (device) where is_pending;
-- Of a bulk that has just begun, no statistics tell: the planner is to assume that it has many commands, always.
alter table commands alter column bulk set statistics 0;
alter table bulk_refusals alter column bulk set statistics 0;
create index commands_expiring on commands (expires_at, id) where is_pending and expires_at is not null;

-- Pending commands, with what is sealed for their devices. A row goes when its command has an outcome.
create table outbox (
    command text collate "C" primary key references commands (id),
    device text collate "C" not null references devices (id),
    sealed text,                               -- JSON
    wake_at bigint not null,                   -- the device is woken again then, if there is no outcome
    is_held boolean not null default false     -- from before a restore: not delivered until an admin decides
);
create index outbox_held on outbox (command) where is_held;
create index outbox_by_device on outbox (device, command);
create index outbox_to_wake on outbox (wake_at) where sealed is not null;

create table audit (
    number bigint primary key,
    at bigint not null,
    actor text not null,
    address text,                              -- where the call came from; null: not from the network
    action text not null,
    device text,                               -- null: about the host itself
    command text,
    detail text,
    plugin text,
    digest bytea not null                      -- SHA-256 of this line and of the one before
);
create index audit_by_device on audit (device, number);
create index audit_by_action on audit (action, number);
-- The number of the last line that was ever written: a trail that was cut off at its end shows.
create table audit_end (
    one integer primary key check (one = 1),
    number bigint not null
) with (fillfactor = 10);
insert into audit_end values (1, 0);
create function audit_ends() returns trigger language plpgsql as $$ begin
    update audit_end set number = new.number;
    return null;
end $$;
create function refuse_change() returns trigger language plpgsql as $$ begin
    raise exception 'the audit trail is append-only';
end $$;
create trigger audit_ends after insert on audit for each row execute function audit_ends();
create trigger audit_is_not_changed before update or delete on audit
    for each row execute function refuse_change();
create trigger audit_is_not_cut before truncate on audit execute function refuse_change();

-- The files of the plugins that an admin chose.
create table plugins (
    digest text primary key,                   -- SHA-256 of the component, in hex
    file bytea not null,                       -- the component
    signature text                             -- of minisign
);

-- One row once an admin has chosen. A plugin that is null is the one that the host starts with; settings that are null are
-- the plugin's default ones.
create table plugin_choice (
    one integer primary key check (one = 1),
    number bigint not null,                    -- grows with each choice
    active text references plugins (digest),
    active_settings text,                      -- JSON
    active_is_promoted boolean not null,
    previous text references plugins (digest),
    previous_settings text,                    -- JSON
    previous_is_promoted boolean not null
);

create table enrollment_tokens (
    token bytea primary key,                   -- SHA-256
    groups text not null,                      -- JSON
    expires_at bigint not null
);

-- One row once a host has started: agents know the host by this key.
create table host (
    one integer primary key check (one = 1),
    verifying_key bytea not null,
    epoch bigint not null default 1,           -- grows with each restore that is noticed
    undecided_since bigint                     -- a restore was noticed then, and an admin has not decided yet
);

-- Who signs in.
create table users (
    name text collate "C" primary key,
    role text not null,
    scope text not null,                       -- JSON: names of groups; null: all devices
    password text,                             -- argon2id; null: not chosen yet
    totp bytea,                                -- the secret of one-time passwords, sealed by the host
    totp_used bigint not null default 0,       -- the number of the last one-time password
    created_at bigint not null
);

-- With such a token, its user chooses a password, once.
create table invitations (
    token bytea primary key,                   -- SHA-256
    user_name text collate "C" not null references users (name) on delete cascade,
    expires_at bigint not null
);
create index invitations_by_user on invitations (user_name);

create table sessions (
    token bytea primary key,                   -- SHA-256
    user_name text collate "C" not null references users (name) on delete cascade,
    created_at bigint not null,
    last_used_at bigint not null
);
create index sessions_by_user on sessions (user_name);

-- What programs call with.
create table api_tokens (
    token bytea primary key,                   -- SHA-256
    name text collate "C" not null unique,
    permissions text not null,                 -- JSON
    scope text not null,                       -- JSON: names of groups; null: all devices
    owner text collate "C" references users (name) on delete cascade, -- for whom it acts; null: the host's machine made it
    created_at bigint not null,
    expires_at bigint
);
create index api_tokens_by_owner on api_tokens (owner);

-- The responses of requests with an idempotency key, each written by the transaction of what its request made.
create table idempotency_keys (
    caller text collate "C" not null,          -- as the audit trail names it
    key text collate "C" not null,
    request bytea not null,                    -- HMAC of the request by a key of the host
    response bytea not null,                   -- what the request made, sealed by the host
    created_at bigint not null,
    primary key (caller, key)
);
create index idempotency_keys_by_age on idempotency_keys (created_at);

-- The subscriptions to events.
create table webhooks (
    id text collate "C" primary key,
    url text not null,
    events text not null,                      -- JSON: kinds of events; empty: all
    scope text not null,                       -- JSON: names of groups; null: all devices
    secret bytea not null,                     -- sealed by the host
    former_secret bytea,                       -- the same; counts for a while after a change
    former_secret_until bigint,
    created_at bigint not null,
    state text not null,                       -- active, paused or gone
    done bigint not null,                      -- the number of the last event that it is done with
    failures bigint not null default 0,        -- in a row
    failing_since bigint,
    next_try bigint not null default 0
);

-- What happened, once for all webhooks. A row goes when all active ones are done with it. Only one transaction
-- at a time writes, so numbers come in the order in which they can be seen.
create table webhook_events (
    number bigint generated always as identity primary key,
    id text not null,
    kind text not null,
    at bigint not null,
    about text not null                        -- JSON
);
-- The number of the latest event that ever was.
create table webhook_events_end (
    one integer primary key check (one = 1),
    number bigint not null
) with (fillfactor = 10);
insert into webhook_events_end values (1, 0);
create function webhook_events_end() returns trigger language plpgsql as $$ begin
    update webhook_events_end set number = new.number;
    return null;
end $$;
create trigger webhook_events_end after insert on webhook_events for each row execute function webhook_events_end();

-- The latest attempts of each webhook.
create table webhook_attempts (
    number bigint generated always as identity primary key,
    webhook text collate "C" not null references webhooks (id) on delete cascade,
    at bigint not null,
    message text not null,
    kind text not null,
    result text not null,
    status integer,                            -- of HTTP; null: no answer
    error text,
    next_try bigint
);
create index webhook_attempts_by_webhook on webhook_attempts (webhook, number);

-- Which replica leads, by the clock of this database. Another holder begins another term: what a leader of an earlier
-- one writes is refused.
create table leadership (
    one integer primary key check (one = 1),
    term bigint not null,
    holder text collate "C" not null,
    expires_at timestamptz not null
) with (fillfactor = 50);
insert into leadership values (1, 0, '', '-infinity');

-- What replicas of a host remember together for a short while. Nothing of it is written to the log of the
-- database: after a crash of it the tables are empty, and `nonce_epoch` has no row.
create unlogged table nonce_epoch (
    one integer primary key check (one = 1),
    since bigint not null                      -- signatures from before are not taken, in seconds
);
insert into nonce_epoch values (1, 0);
create unlogged table seen_signatures (
    device text collate "C" not null,
    nonce text collate "C" not null,
    created bigint not null,                   -- in seconds
    primary key (device, nonce)
);
create index seen_signatures_by_age on seen_signatures (created);
create unlogged table presence (
    device text collate "C" primary key,
    until bigint not null                      -- its agent waits for news, or comes back for more
) with (fillfactor = 50);

-- A digest of these tables as they were last found to be what the migrations make.
create table schema_digest (
    one integer primary key check (one = 1),
    digest text not null                       -- SHA-256 in hex
);
