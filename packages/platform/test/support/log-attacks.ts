import { newId } from '@latchkey/platform/crypto/identifiers'

/** What whoever has the connection of a service tries, to change what happened or to stop the telling. */
export const attacksOnLog = (partition: string): string[] => [
  'UPDATE security_events SET type = type',
  'DELETE FROM security_events',
  'TRUNCATE security_events',
  `SELECT 1 FROM ${partition}`,
  `DELETE FROM ${partition}`,
  'DELETE FROM security_events_default',
  `INSERT INTO security_events (id, occurred_at, type, severity) VALUES ('${newId()}', now(), 'login.failed', 'notice')`,
  `INSERT INTO ${partition} (id, occurred_at, type, severity) VALUES ('${newId()}', now(), 'login.failed', 'notice')`,
  `COPY security_events FROM STDIN`,
  `MERGE INTO security_events USING (SELECT 1) AS one ON true WHEN MATCHED THEN DELETE`,
  'SELECT 1 FROM security_events FOR UPDATE', // whoever locks them keeps the worker from them
  'DO $$BEGIN LOCK TABLE security_events; END$$',
  `UPDATE security_events SET seq = 1`,
  'DROP TABLE security_events',
  `DROP TABLE ${partition}`,
  `ALTER TABLE security_events DETACH PARTITION ${partition}`,
  'ALTER TABLE security_events OWNER TO CURRENT_USER',
  'ALTER TABLE security_events ADD COLUMN mine int',
  'CREATE RULE mine AS ON INSERT TO security_events DO INSTEAD NOTHING',
  `SET session_replication_role = replica`, // which turns triggers off
  'CREATE OR REPLACE FUNCTION store_security_events(given outbox[]) RETURNS void LANGUAGE sql AS $$SELECT$$',
  `INSERT INTO audit_batches SELECT * FROM audit_batches`,
  'UPDATE audit_batches SET hash = hash',
  'DELETE FROM audit_batches',
  'UPDATE audit_chain SET kept_from = 100',
  'SELECT 1 FROM audit_chain FOR UPDATE', // whoever locks it, no event is stored
  'UPDATE audit_anchors SET hash = hash',
  'DELETE FROM audit_anchors',
  `SELECT append_audit_batch(0, '', 'stored', 1, 1, '', NULL, NULL, NULL, now())`,
  'DROP TABLE security_events, audit_batches',
  'ALTER TABLE security_events DISABLE TRIGGER ALL',
]
