/** The database tables of a queue. */

/** "slQ1": SQLite keeps it in the file's header, so that a database of another program is not mistaken for a queue. */
export const APPLICATION_ID = 0x736c5131;
export const VERSION = 1;

/**
 * A job waits for `blockers` others to end. `needs` refers to the resources that it takes. There are only a few
 * distinct kinds of needs, so the most urgent job that fits is found with one index lookup for each kind.
 */
export const TABLES = `
CREATE TABLE needs (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, resources TEXT NOT NULL, UNIQUE (kind, resources));
CREATE TABLE jobs (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  needs INTEGER NOT NULL REFERENCES needs (id),
  payload TEXT NOT NULL,
  priority REAL NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('queued', 'leased', 'done', 'failed', 'cancelled', 'paused')),
  blockers INTEGER NOT NULL,
  ready INTEGER NOT NULL,
  failures INTEGER NOT NULL DEFAULT 0,
  losses INTEGER NOT NULL DEFAULT 0,
  attempts INTEGER NOT NULL,
  token TEXT,
  owner TEXT,
  until INTEGER,
  asked TEXT,
  created INTEGER NOT NULL,
  ended INTEGER,
  result TEXT,
  error TEXT
);
CREATE INDEX jobs_waiting ON jobs (needs, priority DESC, id) WHERE state = 'queued' AND blockers = 0;
CREATE INDEX jobs_state ON jobs (state, id);
CREATE UNIQUE INDEX jobs_token ON jobs (token) WHERE token IS NOT NULL;
CREATE TABLE blocks (
  blocker INTEGER NOT NULL REFERENCES jobs (id),
  job INTEGER NOT NULL REFERENCES jobs (id),
  must_succeed INTEGER NOT NULL,
  PRIMARY KEY (blocker, job)
) WITHOUT ROWID;
CREATE TABLE attempts (
  id INTEGER PRIMARY KEY,
  job INTEGER NOT NULL REFERENCES jobs (id),
  token TEXT NOT NULL,
  owner TEXT NOT NULL,
  started INTEGER NOT NULL,
  ended INTEGER,
  outcome TEXT,
  detail TEXT
);
CREATE INDEX attempts_job ON attempts (job, id);
CREATE INDEX attempts_token ON attempts (token);
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
`;
