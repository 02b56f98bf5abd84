/** The part of better-sqlite3 12 that this room uses; the package ships no types. */
declare module "better-sqlite3" {
  type Value = string | number | null;
  interface Statement {
    run(...values: Value[]): { changes: number; lastInsertRowid: number };
    get(...values: Value[]): unknown;
    all(...values: Value[]): unknown[];
    iterate(...values: Value[]): IterableIterator<unknown>;
  }
  interface Options {
    fileMustExist?: boolean;
    readonly?: boolean;
    /** Milliseconds for which a statement waits for another process. */
    timeout?: number;
  }
  export default class Database {
    constructor(file: string, options?: Options);
    readonly open: boolean;
    readonly inTransaction: boolean;
    prepare(sql: string): Statement;
    exec(sql: string): this;
    pragma(text: string, options?: { simple?: boolean }): unknown;
    close(): this;
  }
}
