-- Calls to the tracker's other side, and its calls here, beside what mappings became (direction NULL).
ALTER TABLE jira_sync_log ADD COLUMN direction text;
ALTER TABLE jira_sync_log ADD COLUMN method text;
ALTER TABLE jira_sync_log ADD COLUMN target text;
ALTER TABLE jira_sync_log ADD COLUMN http_status integer;
ALTER TABLE jira_sync_log ADD COLUMN request text;
ALTER TABLE jira_sync_log ADD COLUMN response text;
ALTER TABLE jira_sync_log ADD COLUMN error text;
ALTER TABLE jira_sync_log ADD COLUMN took_ms double precision;
CREATE INDEX jira_sync_log_incident ON jira_sync_log (correlation_id, id);
CREATE INDEX jira_sync_log_time ON jira_sync_log (synced_at);
