-- What each heartbeat said, to whichever agent. Times only move forward, whoever writes first.
CREATE TABLE heartbeats (
  name text PRIMARY KEY,
  since timestamptz NOT NULL,
  last_ping timestamptz,
  last_kind text NOT NULL,
  last_start timestamptz,
  last_success timestamptz,
  last_failure timestamptz,
  last_duration_ns bigint,
  exit_status integer,
  note text,
  pings bigint NOT NULL DEFAULT 0
);

-- Who of the agents that share this database does what only one may do, and until when by the server's clock.
CREATE TABLE leases (name text PRIMARY KEY, holder text NOT NULL, expires_at timestamptz NOT NULL);

-- The agents that share this database. A row goes when its agent stops in order.
CREATE TABLE agents (
  name text PRIMARY KEY,
  address text,
  version text,
  last_seen timestamptz NOT NULL,
  told_by text
);
