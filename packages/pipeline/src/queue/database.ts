/**
 * Opens and checks the file of a queue, writes it in transactions, and turns SQLite's errors into ones that name the
 * file.
 */
import { existsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { createRequire } from "node:module";
import { explained } from "../engine/system-errors.js";
import { QueueError } from "./errors.js";
import { refuseNetworkDisk } from "./local-disk.js";
import { APPLICATION_ID, TABLES, VERSION } from "./schema.js";
import type { Sqlite, SqliteClass, Statement } from "./sqlite.js";
import { makeFolder } from "../data/make-folder.js";

export interface DatabaseOptions {
  /** Whether to refuse to create a missing file. Default false. */
  mustExist?: boolean;
  /** Whether to read the whole file first, so that damage is found before anything is written. Default true. */
  check?: boolean;
  /** Milliseconds to wait for another process that writes. Default 60 000. */
  patience?: number;
}

const DAMAGED = /^SQLITE_(CORRUPT|NOTADB|IOERR_(SHORT_READ|CORRUPTFS))/;

/**
 * Loads SQLite's addon only when a queue is opened: most commands need no queue, and work even if the addon could not
 * be compiled.
 * @throws QueueError
 */
function sqliteOf(file: string): SqliteClass {
  try {
    return createRequire(import.meta.url)("better-sqlite3") as SqliteClass;
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
      if (!isThere) makeFolder(dirname(file));
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

  /** The prepared statement for this SQL; prepared only once. */
  statement(sql: string): Statement {
    let statement = this.statements.get(sql);
    if (statement === undefined) this.statements.set(sql, (statement = this.sqlite.prepare(sql)));
    return statement;
  }

  /**
   * Runs `body` as one atomic transaction that excludes other writers. A nested call joins the outer transaction.
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
        // If the disk is full, SQLite has already rolled the transaction back.
        if (this.sqlite.inTransaction) this.sqlite.exec("ROLLBACK");
        throw error;
      }
    });
  }

  /** Runs `body` on a consistent snapshot. @throws as write */
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
    throw new QueueError(
      file,
      `this file system does not support a write-ahead log (${String(mode)})`,
      "Choose a local disk.",
    );
  // A commit is on disk when it returns: a power cut loses nothing that was reported.
  sqlite.pragma("synchronous = FULL");
  sqlite.pragma("foreign_keys = ON");
  if (isEmpty) createTables(sqlite);
  checkHeader(file, sqlite);
  if (!check) return;
  const answer = sqlite.pragma("quick_check(1)", { simple: true });
  if (answer !== "ok") throw damaged(file, String(answer).split("\n").at(-1)!);
}

function createTables(sqlite: Sqlite): void {
  sqlite.exec("BEGIN IMMEDIATE");
  try {
    // Another process may have created them in the meantime.
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
  // A process killed between creating the file and its tables leaves a file with neither of the two numbers.
  if (application === 0 && version === 0 && isBare(sqlite)) return createTables(sqlite);
  if (application !== APPLICATION_ID)
    throw new QueueError(file, "is a database of another program, not a queue", "Choose another file.");
  if (version !== VERSION)
    throw new QueueError(
      file,
      `expected a queue of version ${VERSION}, found version ${String(version)}`,
      "Use the version of Slicestack that created it, or delete it to start over.",
    );
}

const isBare = (sqlite: Sqlite): boolean =>
  sqlite.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").get() === undefined;

function damaged(file: string, answer: string, cause?: unknown): QueueError {
  const remedy = "Restore a copy, or delete it together with its -wal and -shm files to start over.";
  return new QueueError(file, `the database is damaged (${answer})`, remedy, { cause });
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
  if (!(error instanceof Error) || error.name !== "SqliteError" || !("code" in error))
    return explained(error);
  const code = String(error.code);
  const said = error.message.replace(/\.$/, "");
  if (DAMAGED.test(code)) return damaged(file, said, error);
  if (code.startsWith("SQLITE_BUSY"))
    return new QueueError(file, "another process has locked it", "Wait for that process, or stop it.", {
      cause: error,
    });
  const system = systemCode(code);
  if (system !== null)
    return explained(
      Object.assign(new Error(said, { cause: error }), { code: system, syscall: "write", path: file }),
    );
  if (code.startsWith("SQLITE_IOERR")) {
    const problem = `could not be read or written (${code}): a quota or file-size limit has been reached, or the disk is failing`;
    return new QueueError(file, problem, "Free some space, raise the limit (ulimit -f), or check the disk.", {
      cause: error,
    });
  }
  return new QueueError(file, `SQLite reports ${code}: ${said}`, "Check the file.", { cause: error });
}

/** The error code of the operating system, if SQLite's code is unambiguous. */
function systemCode(code: string): string | null {
  if (code === "SQLITE_FULL" || code === "SQLITE_IOERR_SHMSIZE") return "ENOSPC";
  if (code.startsWith("SQLITE_IOERR_NOMEM") || code === "SQLITE_NOMEM") return "ENOMEM";
  if (code.startsWith("SQLITE_READONLY") || code === "SQLITE_PERM" || code.startsWith("SQLITE_CANTOPEN"))
    return "EACCES";
  return null;
}
