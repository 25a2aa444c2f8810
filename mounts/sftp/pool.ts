import { isVfsError, VfsError } from '../../src/core/errors.js';
import type { Logger } from '../../src/core/log.js';
import { ROOT } from '../../src/core/path.js';
import type { Connection } from './connection.js';
import { Parents } from './parents.js';
import { ConnectionLost, type SftpSession } from './session.js';

/** A connection, and where the mount's root is on it. */
export interface Line {
  readonly session: SftpSession;
  readonly root: string;
  /** What is known of folders, for all connections of the mount. */
  readonly parents: Parents;
}

/** How much of a connection a piece of work takes: many small calls share one, two transfers rather not, and behind a
 *  copy everything waits, since OpenSSH's server does one thing at a time. */
export const Weight = { held: 0, call: 1, transfer: 16, copy: 1_000 } as const;
/** The weight up to which calls share a connection, and from which a further transfer begins another. */
const SHARED = 64;

const IDLE_MS = 300_000;
/** How long refused credentials are taken for refused, without asking again: servers count failures and lock accounts. */
const REFUSED_MS = 10_000;

interface Member extends Line {
  readonly connection: Connection;
  weight: number;
  leases: number;
  idle: NodeJS.Timeout | undefined;
}

/** Connections to one server: made when needed, kept while used, given up when idle for five minutes. */
export class Pool {
  readonly #connect: () => Promise<Connection>;
  readonly #most: number;
  readonly #log: Logger;
  readonly #parents = new Parents();
  readonly #members = new Set<Member>();
  #connecting: Promise<Member> | undefined;
  #refused: { error: VfsError; until: number } | undefined;
  #litter: string[] = [];
  #closed = false;

  constructor(connect: () => Promise<Connection>, most: number, log: Logger) {
    this.#connect = connect;
    this.#most = most;
    this.#log = log;
  }

  /**
   * Runs `work` on a connection. When that turns out to be lost before anything was sent on it, `work` runs again on
   * another.
   */
  async use<T>(weight: number, work: (line: Line) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const lease = await this.lease(weight);
      try {
        return await work(lease.line);
      } catch (error) {
        if (attempt >= 3 || !(error instanceof ConnectionLost) || error.sent) throw error;
      } finally {
        lease.release();
      }
    }
  }

  /** A connection to work on until `release`, which may be called twice. */
  async lease(weight: number): Promise<{ readonly line: Line; release(): void }> {
    const member = await this.#choose(weight);
    member.weight += weight;
    member.leases++;
    clearTimeout(member.idle);
    let held = true;
    return {
      line: member,
      release: () => {
        if (!held) return;
        held = false;
        member.weight -= weight;
        if (--member.leases === 0) {
          member.idle = setTimeout(() => member.connection.end(), IDLE_MS);
          member.idle.unref();
        }
      },
    };
  }

  /** Removes a file, by its path at the server, as soon as there is a connection again. */
  discard(path: string): void {
    if (this.#litter.length < 1_000) this.#litter.push(path);
    const member = this.#least();
    if (member !== undefined) this.#clean(member);
  }

  close(): void {
    this.#closed = true;
    for (const member of this.#members) {
      clearTimeout(member.idle);
      member.connection.end();
    }
    this.#members.clear();
  }

  async #choose(weight: number): Promise<Member> {
    if (this.#closed) throw new VfsError('EBADF', 'connect', ROOT, { detail: 'the mount was closed' });
    const least = this.#least();
    const room = weight <= Weight.call ? SHARED : Weight.transfer;
    const fits = least !== undefined && least.weight + weight <= room;
    if (least !== undefined && (fits || this.#members.size >= this.#most)) return least;
    try {
      return await this.#another();
    } catch (error) {
      // One more would have been better; where the server admits no more, those that are there must do.
      const left = this.#least();
      if (left !== undefined) return left;
      throw error;
    }
  }

  #least(): Member | undefined {
    let least: Member | undefined;
    for (const member of this.#members) {
      if (member.session.alive && (least === undefined || member.weight < least.weight)) least = member;
    }
    return least;
  }

  #another(): Promise<Member> {
    if (this.#refused !== undefined && performance.now() < this.#refused.until) {
      return Promise.reject(this.#refused.error);
    }
    this.#connecting ??= this.#open().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  async #open(): Promise<Member> {
    let connection: Connection;
    try {
      connection = await this.#connect();
    } catch (error) {
      if (isVfsError(error, 'EAUTH')) this.#refused = { error, until: performance.now() + REFUSED_MS };
      throw error;
    }
    if (this.#closed) {
      connection.end();
      throw new VfsError('EBADF', 'connect', ROOT, { detail: 'the mount was closed' });
    }
    this.#refused = undefined;
    const { session, root } = connection;
    const member: Member = { session, root, parents: this.#parents, connection, weight: 0, leases: 0, idle: undefined };
    this.#members.add(member);
    this.#log.debug({ connections: this.#members.size }, 'sftp: connected');
    void connection.closed.then(() => {
      clearTimeout(member.idle);
      this.#members.delete(member);
      this.#log.debug({ connections: this.#members.size }, 'sftp: connection ended');
    });
    this.#clean(member);
    return member;
  }

  #clean({ session }: Member): void {
    const paths = this.#litter;
    this.#litter = [];
    for (const path of paths) {
      session.remove(path).catch((error: unknown) => {
        if (error instanceof ConnectionLost) this.#litter.push(path);
      });
    }
  }
}
