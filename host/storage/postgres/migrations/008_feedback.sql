-- Receipts and answers name a message by its key or by what its provider calls it.
CREATE INDEX notification_log_by_key ON notification_log (delivery_key);
CREATE INDEX notification_log_by_provider ON notification_log (provider_id) WHERE provider_id IS NOT NULL;
