-- Words and their meaning: wit/types.wit. Times are milliseconds since 1970. Columns of JSON hold the
-- wire's form of a record.

create table devices (
    id text primary key,
    name text not null,
    public_key blob not null,
    signing_key blob not null,                 -- tells what its agent has signed
    api_level integer not null,
    agent_version text not null,
    management_mode text not null,
    managed_profile integer not null,
    ownership text not null,
    capabilities text not null,                -- JSON
    condition text not null,                   -- JSON
    policy text,                               -- JSON
    policy_override_command text,
    policy_override_since integer,
    enrolled_at integer not null,
    revoked_at integer,
    last_sync integer not null,
    version integer not null,
    search_text text not null,                    -- name and id in small letters: what a search looks through
    latest_command text,                       -- null: it never had one
    status text not null default 'none',       -- of the latest command, or none, or revoked
    is_overridden integer not null generated always as
        (policy_override_command is not null and revoked_at is null) stored
) strict;
-- A list is read from these alone, however it is filtered, and only then are its devices looked up.
create index devices_listed on devices
    (id, status, is_overridden, management_mode, last_sync, revoked_at, search_text);
create index devices_by_status on devices
    (status, id, is_overridden, management_mode, last_sync, revoked_at);
create index devices_overridden on devices
    (id, management_mode, last_sync, revoked_at) where is_overridden;

create table device_groups (
    device text not null references devices (id),
    name text not null,
    primary key (name, device)
) strict, without rowid;
create index device_groups_by_device on device_groups (device);

-- How many devices there are: of each group, and of all by the name ''. Kept by triggers, so that no page counts
-- a whole fleet.
create table fleet_counts (
    name text not null,
    status text not null,
    is_overridden integer not null,
    devices integer not null,
    primary key (name, status, is_overridden)
) strict, without rowid;
create trigger fleet_counts_device after insert on devices begin
    insert into fleet_counts values ('', new.status, new.is_overridden, 1)
        on conflict do update set devices = devices + 1;
end;
create trigger fleet_counts_joined after insert on device_groups begin
    insert into fleet_counts select new.name, status, is_overridden, 1 from devices where id = new.device
        on conflict do update set devices = devices + 1;
end;
create trigger fleet_counts_left after delete on device_groups begin
    update fleet_counts set devices = devices - 1 where name = old.name and (status, is_overridden) =
        (select status, is_overridden from devices where id = old.device);
end;
create trigger fleet_counts_changed after update of status, policy_override_command on devices
    when old.status <> new.status or old.is_overridden <> new.is_overridden begin
    update fleet_counts set devices = devices - 1
        where status = old.status and is_overridden = old.is_overridden
        and name in (select '' union all select name from device_groups where device = new.id);
    insert into fleet_counts select name, new.status, new.is_overridden, 1
        from (select '' as name union all select name from device_groups where device = new.id) where true
        on conflict do update set devices = devices + 1;
end;

-- Requests for all devices of a group. What became of one on a device is its command, or a row of bulk_refusals.
create table bulks (
    id text primary key,
    action text not null,
    group_name text not null,
    devices integer not null,                  -- in the group when it was asked for
    unique_passwords integer not null,      -- each device gets a password of its own, which is kept nowhere
    sealed_password blob,                      -- the one password of all, sealed by the host, until the end
    options text not null,                     -- JSON
    terms text not null,                       -- JSON
    reason text,
    requested_by text not null,
    principal text not null,                   -- who is behind it: who asked, or who made the token that did
    address text,
    requested_at integer not null,
    approved_by text,
    state text not null,
    cancel_requested_by text,                        -- who wants its pending commands to be cancelled, until they are
    ended_at integer
) strict;
create index bulks_waiting on bulks (requested_at)
    where state in ('waiting-for-approval', 'waiting-for-download');
create index bulks_under_way on bulks (id) where state = 'running' or cancel_requested_by is not null;
create index bulks_waiting_for_devices on bulks (id) where state = 'waiting-for-devices';

-- The devices that have no command of a bulk, and why.
create table bulk_refusals (
    bulk text not null references bulks (id),
    device text not null references devices (id),
    kind text not null,
    detail text not null,
    primary key (bulk, device)
) strict, without rowid;

create table commands (
    id text primary key,
    device text not null references devices (id),
    action text not null,
    options text not null,                     -- JSON
    status text not null,                      -- JSON: pending, success, or failed and why
    is_pending integer not null,
    requested_at integer not null,
    completed_at integer,
    expires_at integer,
    late_outcome text,                         -- JSON
    bulk text references bulks (id)            -- that it is part of
) strict;
create index commands_by_device on commands (device, id);
create unique index commands_by_bulk on commands (bulk, device) where bulk is not null;
create index commands_by_bulk_and_status on commands (bulk, status) where bulk is not null;
-- A device has one pending command at most.
create unique index commands_pending on commands (device) where is_pending;
create index commands_expiring on commands (expires_at, id) where is_pending and expires_at is not null;

-- Pending commands, with what is sealed for their devices. A row goes when its command has an outcome.
create table outbox (
    command text primary key references commands (id),
    device text not null references devices (id),
    sealed text,                               -- JSON
    wake_at integer not null,                  -- the device is woken again then, if there is no outcome
    is_held integer not null default false     -- from before a restore: not delivered until an admin decides
) strict;
create index outbox_held on outbox (command) where is_held;
create index outbox_by_device on outbox (device, command);
create index outbox_to_wake on outbox (wake_at) where sealed is not null;

create table audit (
    number integer primary key autoincrement,
    at integer not null,
    actor text not null,
    address text,                              -- where the call came from; null: not from the network
    action text not null,
    device text,                               -- null: about the host itself
    command text,
    detail text,
    plugin text,
    digest blob not null                       -- SHA-256 of this line and of the one before
) strict;
create index audit_by_device on audit (device, number);
create index audit_by_action on audit (action, number);
create trigger audit_is_not_changed before update on audit
    begin select raise(abort, 'the audit trail is append-only'); end;
create trigger audit_is_not_cut before delete on audit
    begin select raise(abort, 'the audit trail is append-only'); end;

-- The files of the plugins that an admin chose.
create table plugins (
    digest text primary key,                   -- SHA-256 of the component, in hex
    file blob not null,                        -- the component
    signature text                             -- of minisign
) strict;

-- One row once an admin has chosen. A plugin that is null is the one that the host starts with; settings that are null are
-- the plugin's default ones.
create table plugin_choice (
    one integer primary key check (one = 1),
    number integer not null,                   -- grows with each choice
    active text references plugins (digest),
    active_settings text,                      -- JSON
    active_is_promoted integer not null,
    previous text references plugins (digest),
    previous_settings text,                    -- JSON
    previous_is_promoted integer not null
) strict;

create table enrollment_tokens (
    token blob primary key,                    -- SHA-256
    groups text not null,                      -- JSON
    expires_at integer not null
) strict, without rowid;

-- One row once a host has started: agents know the host by this key.
create table host (
    one integer primary key check (one = 1),
    verifying_key blob not null,
    epoch integer not null default 1,          -- grows with each restore that is noticed
    undecided_since integer,                   -- a restore was noticed then, and an admin has not decided yet
    probes integer not null default 0          -- how often it was tried whether this can be written
) strict;

-- Who signs in.
create table users (
    name text primary key,
    role text not null,
    scope text not null,                       -- JSON: names of groups; null: all devices
    password text,                             -- argon2id; null: not chosen yet
    totp blob,                                 -- the secret of one-time passwords, sealed by the host
    totp_used integer not null default 0,      -- the number of the last one-time password
    created_at integer not null
) strict;

-- With such a token, its user chooses a password, once.
create table invitations (
    token blob primary key,                    -- SHA-256
    user_name text not null references users (name) on delete cascade,
    expires_at integer not null
) strict, without rowid;
create index invitations_by_user on invitations (user_name);

create table sessions (
    token blob primary key,                    -- SHA-256
    user_name text not null references users (name) on delete cascade,
    created_at integer not null,
    last_used_at integer not null
) strict, without rowid;
create index sessions_by_user on sessions (user_name);

-- What programs call with.
create table api_tokens (
    token blob primary key,                    -- SHA-256
    name text not null unique,
    permissions text not null,                 -- JSON
    scope text not null,                       -- JSON: names of groups; null: all devices
    owner text references users (name) on delete cascade, -- for whom it acts; null: the host's machine made it
    created_at integer not null,
    expires_at integer
) strict, without rowid;
create index api_tokens_by_owner on api_tokens (owner);

-- The responses of requests with an idempotency key, each written by the transaction of what its request made.
create table idempotency_keys (
    caller text not null,                      -- as the audit trail names it
    key text not null,
    request blob not null,                     -- HMAC of the request by a key of the host
    response blob not null,                    -- what the request made, sealed by the host
    created_at integer not null,
    primary key (caller, key)
) strict, without rowid;
create index idempotency_keys_by_age on idempotency_keys (created_at);

-- The subscriptions to events.
create table webhooks (
    id text primary key,
    url text not null,
    events text not null,                      -- JSON: kinds of events; empty: all
    scope text not null,                       -- JSON: names of groups; null: all devices
    secret blob not null,                      -- sealed by the host
    former_secret blob,                        -- the same; counts for a while after a change
    former_secret_until integer,
    created_at integer not null,
    state text not null,                       -- active, paused or gone
    done integer not null,                     -- the number of the last event that it is done with
    failures integer not null default 0,       -- in a row
    failing_since integer,
    next_try integer not null default 0
) strict;

-- What happened, once for all webhooks. A row goes when all active ones are done with it.
create table webhook_events (
    number integer primary key autoincrement,
    id text not null,
    kind text not null,
    at integer not null,
    about text not null                        -- JSON
) strict;

-- The latest attempts of each webhook.
create table webhook_attempts (
    number integer primary key autoincrement,
    webhook text not null references webhooks (id) on delete cascade,
    at integer not null,
    message text not null,
    kind text not null,
    result text not null,
    status integer,                            -- of HTTP; null: no answer
    error text,
    next_try integer
) strict;
create index webhook_attempts_by_webhook on webhook_attempts (webhook, number);

-- A digest of these tables as they were last found to be what the migrations make.
create table schema_digest (
    one integer primary key check (one = 1),
    digest text not null                       -- SHA-256 in hex
) strict;
