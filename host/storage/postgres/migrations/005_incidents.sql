-- Incidents in full: how long an acknowledgement or a snooze holds, merges, and files kept with an incident.
ALTER TABLE incidents ADD COLUMN acknowledged_by text;
ALTER TABLE incidents ADD COLUMN ack_expires_at timestamptz;
ALTER TABLE incidents ADD COLUMN snoozed_until timestamptz;
ALTER TABLE incidents ADD COLUMN merged_into text;
ALTER TABLE incidents ADD COLUMN merged_groups jsonb NOT NULL DEFAULT '[]';

ALTER TABLE incident_attachments ADD COLUMN correlation_id text;
ALTER TABLE incident_attachments ADD COLUMN attachment_key text UNIQUE;
ALTER TABLE incident_attachments ADD COLUMN file_size bigint;
CREATE INDEX incident_attachments_by_incident ON incident_attachments (correlation_id, id);
CREATE INDEX incident_alerts_by_rule ON incident_alerts (rule_name);
