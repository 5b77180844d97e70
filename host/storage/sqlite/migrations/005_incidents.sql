-- Incidents in full: how long an acknowledgement or a snooze holds, merges, and files kept with an incident.
ALTER TABLE incidents ADD COLUMN acknowledged_by TEXT;
ALTER TABLE incidents ADD COLUMN ack_expires_at INTEGER;
ALTER TABLE incidents ADD COLUMN snoozed_until INTEGER;
ALTER TABLE incidents ADD COLUMN merged_into TEXT;
ALTER TABLE incidents ADD COLUMN merged_groups TEXT NOT NULL DEFAULT '[]';

ALTER TABLE incident_attachments ADD COLUMN correlation_id TEXT;
ALTER TABLE incident_attachments ADD COLUMN attachment_key TEXT;
ALTER TABLE incident_attachments ADD COLUMN file_size INTEGER;
CREATE UNIQUE INDEX incident_attachments_by_key ON incident_attachments (attachment_key);
CREATE INDEX incident_attachments_by_incident ON incident_attachments (correlation_id, id);
