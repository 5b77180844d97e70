-- A table WITHOUT ROWID keeps a row of more than a quarter of a page in pages of its own: of these bodies most did, four
-- kilobytes for one. As ordinary tables they lie close together.
CREATE TABLE alert_groups_011 (
  id INTEGER PRIMARY KEY,
  agent TEXT NOT NULL,
  key TEXT NOT NULL,
  body TEXT NOT NULL,
  UNIQUE (agent, key)
);
INSERT INTO alert_groups_011 (agent, key, body) SELECT agent, key, body FROM alert_groups;
DROP TABLE alert_groups;
ALTER TABLE alert_groups_011 RENAME TO alert_groups;

CREATE TABLE ladders_011 (
  id INTEGER PRIMARY KEY,
  agent TEXT NOT NULL,
  correlation_id TEXT NOT NULL,
  body TEXT NOT NULL,
  UNIQUE (agent, correlation_id)
);
INSERT INTO ladders_011 (agent, correlation_id, body) SELECT agent, correlation_id, body FROM ladders;
DROP TABLE ladders;
ALTER TABLE ladders_011 RENAME TO ladders;
