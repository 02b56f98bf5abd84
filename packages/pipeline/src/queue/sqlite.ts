/** The part of better-sqlite3 12 that this room uses: the package ships no types, and declarations must not need them. */
type Value = string | number | null;

export interface Statement {
  run(...values: Value[]): { changes: number; lastInsertRowid: number };
  get(...values: Value[]): unknown;
  all(...values: Value[]): unknown[];
  iterate(...values: Value[]): IterableIterator<unknown>;
}

export interface SqliteOptions {
  fileMustExist?: boolean;
  readonly?: boolean;
  /** Milliseconds for which a statement waits for another process. */
  timeout?: number;
}

export interface Sqlite {
  readonly open: boolean;
  readonly inTransaction: boolean;
  prepare(sql: string): Statement;
  exec(sql: string): this;
  pragma(text: string, options?: { simple?: boolean }): unknown;
  close(): this;
}

/** What the package exports. */
export type SqliteClass = new (file: string, options?: SqliteOptions) => Sqlite;
