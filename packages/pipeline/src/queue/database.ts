/** The file of a queue: opened, checked, and written in transactions; SQLite's errors in words that name the file. */
import { existsSync, mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { createRequire } from "node:module";
import type Sqlite from "better-sqlite3";
import type { Statement } from "better-sqlite3";
import { explained } from "../engine/system-errors.js";
import { QueueError } from "./errors.js";
import { refuseNetworkDisk } from "./local-disk.js";
import { APPLICATION_ID, TABLES, VERSION } from "./schema.js";

export interface DatabaseOptions {
  /** Refuses to make a file that is not there. Default false. */
  mustExist?: boolean;
  /** Reads the whole file first, so that damage is found before anything is written. Default true. */
  check?: boolean;
  /** Milliseconds to wait for another process that writes. Default 60 000. */
  patience?: number;
}

const DAMAGED = /^SQLITE_(CORRUPT|NOTADB|IOERR_(SHORT_READ|CORRUPTFS))/;

/**
 * SQLite's addon is loaded where a queue is opened and not before: most commands need none, and work where it could not be
 * compiled.
 * @throws QueueError
 */
function sqliteOf(file: string): typeof Sqlite {
  try {
    return createRequire(import.meta.url)("better-sqlite3") as typeof Sqlite;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split("\n", 1)[0]! : String(cause);
    const remedy = "Build it with: npm rebuild better-sqlite3 (it needs a C++ compiler).";
    throw new QueueError(file, `needs SQLite, whose addon cannot be loaded (${reason})`, remedy, { cause });
  }
}

export class QueueDatabase implements Disposable {
  private readonly statements = new Map<string, Statement>();

  private constructor(
    readonly file: string,
    private readonly sqlite: Sqlite,
  ) {}

  /** @throws QueueError, SystemError */
  static open(file: string, options: DatabaseOptions = {}): QueueDatabase {
    const { mustExist = false, check = true, patience = 60_000 } = options;
    const isThere = existsSync(file);
    if (!isThere && mustExist) throw new QueueError(file, "not found", "Check the path.");
    return inWords(file, () => {
      if (!isThere) mkdirSync(dirname(file), { recursive: true });
      refuseNetworkDisk(file);
      const sqlite = new (sqliteOf(file))(file, { timeout: patience });
      try {
        prepareFile(file, sqlite, check && isThere);
        return new QueueDatabase(file, sqlite);
      } catch (error) {
        sqlite.close();
        throw error;
      }
    });
  }

  /** Prepared once. */
  statement(sql: string): Statement {
    let statement = this.statements.get(sql);
    if (statement === undefined) this.statements.set(sql, (statement = this.sqlite.prepare(sql)));
    return statement;
  }

  /**
   * All of it or nothing, and nobody else writes meanwhile. Within another one it is a part of that.
   * @throws QueueError, SystemError; what the body throws
   */
  write<R>(body: () => R): R {
    if (this.sqlite.inTransaction) return body();
    return inWords(this.file, () => {
      this.sqlite.exec("BEGIN IMMEDIATE");
      try {
        const result = body();
        this.sqlite.exec("COMMIT");
        return result;
      } catch (error) {
        // A full disk has ended the transaction by itself.
        if (this.sqlite.inTransaction) this.sqlite.exec("ROLLBACK");
        throw error;
      }
    });
  }

  /** Everything that the body reads is of one moment. @throws as write */
  read<R>(body: () => R): R {
    if (this.sqlite.inTransaction) return body();
    return inWords(this.file, () => {
      this.sqlite.exec("BEGIN");
      try {
        return body();
      } finally {
        if (this.sqlite.inTransaction) this.sqlite.exec("COMMIT");
      }
    });
  }

  [Symbol.dispose](): void {
    if (this.sqlite.open) this.sqlite.close();
  }
}

function prepareFile(file: string, sqlite: Sqlite, check: boolean): void {
  const isEmpty = statSync(file).size === 0;
  if (!isEmpty) checkHeader(file, sqlite);
  const mode = sqlite.pragma("journal_mode = WAL", { simple: true });
  if (mode !== "wal")
    throw new QueueError(file, `this file system allows no write-ahead log (${String(mode)})`, "Choose a local disk.");
  // A commit is on the disk when it returns: a power cut takes back nothing that was reported.
  sqlite.pragma("synchronous = FULL");
  sqlite.pragma("foreign_keys = ON");
  if (isEmpty) createTables(sqlite);
  checkHeader(file, sqlite);
  if (!check) return;
  const found = sqlite.pragma("quick_check(1)", { simple: true });
  if (found !== "ok") throw damaged(file, String(found).split("\n").at(-1)!);
}

function createTables(sqlite: Sqlite): void {
  sqlite.exec("BEGIN IMMEDIATE");
  try {
    // Another process may have made them since.
    if (sqlite.pragma("user_version", { simple: true }) === 0) {
      sqlite.exec(TABLES);
      sqlite.pragma(`application_id = ${APPLICATION_ID}`);
      sqlite.pragma(`user_version = ${VERSION}`);
    }
    sqlite.exec("COMMIT");
  } catch (error) {
    if (sqlite.inTransaction) sqlite.exec("ROLLBACK");
    throw error;
  }
}

function checkHeader(file: string, sqlite: Sqlite): void {
  const application = sqlite.pragma("application_id", { simple: true });
  const version = sqlite.pragma("user_version", { simple: true });
  // A process that was killed between making the file and its tables leaves it without both.
  if (application === 0 && version === 0 && isBare(sqlite)) return createTables(sqlite);
  if (application !== APPLICATION_ID)
    throw new QueueError(file, "is a database of another program, not a queue", "Choose another file.");
  if (version !== VERSION)
    throw new QueueError(
      file,
      `expected a queue of version ${VERSION}, found version ${String(version)}`,
      "Use the version of Slicestack that made it, or remove it to start anew.",
    );
}

const isBare = (sqlite: Sqlite): boolean => sqlite.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").get() === undefined;

function damaged(file: string, found: string, cause?: unknown): QueueError {
  const remedy = "Put a copy back, or remove it together with its -wal and -shm files to start anew.";
  return new QueueError(file, `the database is damaged (${found})`, remedy, { cause });
}

/** @throws what the body throws, SQLite's errors as QueueError or SystemError */
function inWords<R>(file: string, body: () => R): R {
  try {
    return body();
  } catch (error) {
    throw wordsFor(file, error);
  }
}

function wordsFor(file: string, error: unknown): unknown {
  if (!(error instanceof Error) || error.name !== "SqliteError" || !("code" in error)) return explained(error);
  const code = String(error.code);
  const said = error.message.replace(/\.$/, "");
  if (DAMAGED.test(code)) return damaged(file, said, error);
  if (code.startsWith("SQLITE_BUSY"))
    return new QueueError(file, "another process holds it", "Wait for it, or stop it.", { cause: error });
  const system = systemCode(code);
  if (system !== null)
    return explained(Object.assign(new Error(said, { cause: error }), { code: system, syscall: "write", path: file }));
  if (code.startsWith("SQLITE_IOERR")) {
    const problem = `could not be read or written (${code}): a quota or the limit of file sizes is used up, or the disk fails`;
    return new QueueError(file, problem, "Make room, raise the limit (ulimit -f), or check the disk.", {
      cause: error,
    });
  }
  return new QueueError(file, `SQLite reports ${code}: ${said}`, "Check the file.", { cause: error });
}

/** What the operating system had said, where SQLite's code leaves no doubt. */
function systemCode(code: string): string | null {
  if (code === "SQLITE_FULL" || code === "SQLITE_IOERR_SHMSIZE") return "ENOSPC";
  if (code.startsWith("SQLITE_IOERR_NOMEM") || code === "SQLITE_NOMEM") return "ENOMEM";
  if (code.startsWith("SQLITE_READONLY") || code === "SQLITE_PERM" || code.startsWith("SQLITE_CANTOPEN"))
    return "EACCES";
  return null;
}
