/** What one client, and all of them together, may take. */
export interface Limits {
  /** Connections from one address. */
  readonly perAddress: number;
  /** Of those, connections that have not signed in. */
  readonly anonymousPerAddress: number;
  /** Connections that have not signed in, from everywhere. */
  readonly anonymous: number;
  readonly connections: number;
  /** From connecting to being signed in. */
  readonly graceSeconds: number;
  readonly triesMax: number;
  /** SFTP sessions on one connection. */
  readonly sessionsMax: number;
  /** Without a request, with a session but nothing open or under way. */
  readonly idleSeconds: number;
  /** Without any session. */
  readonly emptySeconds: number;
  /** How often an open session asks whether its principal still may. */
  readonly recheckSeconds: number;
  /** Between signs of life that we ask a silent client for; after three without an answer it is gone. */
  readonly keepaliveSeconds: number;
  /** Bytes of reads, writes and answers that one session may have under way. */
  readonly sessionBytes: number;
  /** The same of all sessions together. */
  readonly totalBytes: number;
}

export const DEFAULT_LIMITS: Limits = {
  perAddress: 100,
  anonymousPerAddress: 50,
  anonymous: 500,
  connections: 2000,
  graceSeconds: 30,
  triesMax: 6,
  sessionsMax: 10,
  idleSeconds: 12 * 3600,
  emptySeconds: 60,
  recheckSeconds: 30,
  keepaliveSeconds: 30,
  sessionBytes: 2 * 1024 * 1024,
  totalBytes: 64 * 1024 * 1024,
};
