-- Calls to the tracker's other side, and its calls here, beside what mappings became (direction NULL).
ALTER TABLE jira_sync_log ADD COLUMN direction TEXT;
ALTER TABLE jira_sync_log ADD COLUMN method TEXT;
ALTER TABLE jira_sync_log ADD COLUMN target TEXT;
ALTER TABLE jira_sync_log ADD COLUMN http_status INTEGER;
ALTER TABLE jira_sync_log ADD COLUMN request TEXT;
ALTER TABLE jira_sync_log ADD COLUMN response TEXT;
ALTER TABLE jira_sync_log ADD COLUMN error TEXT;
ALTER TABLE jira_sync_log ADD COLUMN took_ms REAL;
CREATE INDEX jira_sync_log_incident ON jira_sync_log (correlation_id, id);
CREATE INDEX jira_sync_log_time ON jira_sync_log (synced_at);
