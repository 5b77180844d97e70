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

-- A list of constants in a CHECK is a temporary table for each row that is written. The same conditions without lists;
-- what is in the tables stays as it is (the way of changing a CHECK that SQLite's documentation of ALTER TABLE names).
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql,
  'state IN (''PENDING'', ''SENT'', ''DEAD'', ''SUPPRESSED'', ''SHADOW'')',
  'state = ''PENDING'' OR state = ''SENT'' OR state = ''DEAD'' OR state = ''SUPPRESSED'' OR state = ''SHADOW''')
  WHERE type = 'table' AND name = 'deliveries';
UPDATE sqlite_schema SET sql = replace(replace(replace(sql,
  'severity IN (''CRITICAL'', ''HIGH'', ''MEDIUM'', ''LOW'')',
  'severity = ''CRITICAL'' OR severity = ''HIGH'' OR severity = ''MEDIUM'' OR severity = ''LOW'''),
  'category IN (''TRANSACTION'', ''LOG'', ''INTEGRATION'', ''INFRASTRUCTURE'')',
  'category = ''TRANSACTION'' OR category = ''LOG'' OR category = ''INTEGRATION'' OR category = ''INFRASTRUCTURE'''),
  'status IN (''OPEN'', ''ACKNOWLEDGED'', ''IN_PROGRESS'', ''RESOLVED'', ''CLOSED'')',
  'status = ''OPEN'' OR status = ''ACKNOWLEDGED'' OR status = ''IN_PROGRESS'' OR status = ''RESOLVED'' OR status = ''CLOSED''')
  WHERE type = 'table' AND name = 'incidents';
PRAGMA writable_schema = RESET;
