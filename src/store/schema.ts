import { DummyDriver, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely';

/** The tables as the newest migration leaves them. Booleans are 0 or 1, times are ms since 1970. */
export interface Tables {
  users: {
    name: string;
    /** argon2 in PHC form; null: cannot sign in with a password. */
    password: string | null;
    admin: number;
    disabled: number;
    displayName: string | null;
    created: number;
  };
  memberships: { user: string; group: string };
  sshKeys: {
    user: string;
    /** `SHA256:…` as ssh-keygen -l shows it. */
    fingerprint: string;
    /** `ssh-ed25519 AAAA…`, without options or comment. */
    key: string;
    comment: string;
    created: number;
  };
  locks: {
    token: string;
    space: string;
    path: string;
    scope: 'exclusive' | 'shared';
    deep: number;
    holder: string;
    owner: string;
    expires: number;
  };
  properties: {
    space: string;
    path: string;
    /** The folder that holds `path`; empty for the root. */
    parent: string;
    name: string;
    value: string;
  };
  settings: { key: string; value: string };
  credentials: {
    /** Which mount, and whose: see auth/vault.ts. */
    id: string;
    sealed: Buffer;
    changed: number;
  };
}

/** Builds statements and runs none: `query.from….compile()` goes to the reader or the writer. */
export const query = new Kysely<Tables>({
  dialect: {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  },
});
