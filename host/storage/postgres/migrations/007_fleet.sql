-- Agents that share this database behave as one: whoever holds the lease "decisions" decides for all.

-- Alerts that agents pass on to the one that decides; a row goes in the transaction that decides about it.
CREATE TABLE passed_alerts (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  agent text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  body jsonb NOT NULL
);

-- How often the lease went to a new holder: a decision of an earlier one is refused. Where the holder is asked.
ALTER TABLE leases ADD COLUMN epoch bigint NOT NULL DEFAULT 1, ADD COLUMN address text;
DELETE FROM leases;

-- What is decided belongs to all of them (agent '').
DELETE FROM alert_groups a USING alert_groups b WHERE a.key = b.key AND a.agent > b.agent;
UPDATE alert_groups SET agent = '';
DELETE FROM ladders a USING ladders b WHERE a.correlation_id = b.correlation_id AND a.agent > b.agent;
UPDATE ladders SET agent = '';
DELETE FROM deliveries a USING deliveries b WHERE a.key = b.key AND a.agent > b.agent;
UPDATE deliveries SET agent = '';
DELETE FROM provider_refs a USING provider_refs b
  WHERE (a.instance, a.recipient, a.correlation_id) = (b.instance, b.recipient, b.correlation_id) AND a.agent > b.agent;
UPDATE provider_refs SET agent = '';
DELETE FROM alerts a USING alerts b WHERE a.id = b.id AND a.agent > b.agent
  AND (a.body->>'received' = 'true' OR a.body->>'keeper' <> '');
UPDATE alerts SET agent = '' WHERE body->>'received' = 'true' OR body->>'keeper' <> '';
