import type { Socket } from 'node:net';
import type { ServerChannel, Connection as SshConnection, Session as SshSession } from 'ssh2';
import type { Authenticator } from '../../auth/authenticator.js';
import type { Principal } from '../../auth/principal.js';
import type { Logger } from '../../core/log.js';
import type { Views } from '../../vfs/views.js';
import type { BufferPool } from './buffer-pool.js';
import type { Limits } from './limits.js';
import type { SftpMetrics } from './metrics.js';
import type { Ration } from './ration.js';
import { Session } from './session.js';
import { SignIn } from './sign-in.js';

export interface ConnectionContext {
  readonly auth: Authenticator;
  readonly views: Views;
  readonly metrics: SftpMetrics;
  readonly log: Logger;
  readonly limits: Limits;
  readonly pool: BufferPool;
  readonly ration: Ration;
}

const NO_SCP =
  'This server speaks SFTP only. Use scp of OpenSSH 9 or newer without -O, or `scp -s`, which transfers over SFTP.\n';
const NO_COMMANDS = 'This server speaks SFTP only: no shell, no commands.\n';

/** One client, from its first byte to its last: how long it may take to sign in, and what it may open after that. */
export class Connection {
  readonly #socket: Socket;
  readonly #context: ConnectionContext;
  readonly #address: string;
  readonly #ended = new AbortController();
  readonly #sessions = new Set<Session>();
  readonly #grace: NodeJS.Timeout;
  #log: Logger;
  #principal: Principal | undefined;
  #ssh: SshConnection | undefined;
  #recheck: NodeJS.Timeout | undefined;
  #lastActive = Date.now();
  /** Resolves when the socket is closed and every session has ended. */
  readonly done: Promise<void>;

  constructor(socket: Socket, address: string, context: ConnectionContext) {
    this.#socket = socket;
    this.#address = address;
    this.#context = context;
    this.#log = context.log;
    this.#grace = setTimeout(() => this.#refuse('grace'), context.limits.graceSeconds * 1000);
    socket.setNoDelay(true);
    // Before ssh2 hears of it: it throws at whoever writes after the end.
    socket.on('end', () => {
      this.#end();
      this.close();
    });
    socket.on('drain', () => {
      for (const session of this.#sessions) session.drained();
    });
    socket.on('data', () => {
      for (const session of this.#sessions) if (session.flooded) this.#refuse('flood');
    });
    this.done = new Promise((resolve) => {
      socket.once('close', () => {
        this.#end();
        void Promise.all([...this.#sessions].map((session) => session.done)).then(() => resolve());
      });
    });
  }

  /** Whether nobody has signed in yet. */
  get anonymous(): boolean {
    return this.#principal === undefined;
  }

  /** Whether the socket is closed, though perhaps not all that came of it. */
  get ended(): boolean {
    return this.#socket.destroyed;
  }

  get address(): string {
    return this.#address;
  }

  /** Whether nothing is under way or open. */
  get idle(): boolean {
    return [...this.#sessions].every((session) => session.idle);
  }

  /** Takes the SSH side over once the client has said its name. */
  speak(ssh: SshConnection): void {
    const { auth, limits, metrics } = this.#context;
    this.#ssh = ssh;
    const signIn = new SignIn({
      auth,
      origin: { address: this.#address, door: 'sftp', signal: this.#ended.signal },
      log: this.#log,
      triesMax: limits.triesMax,
      accepted: (principal) => {
        this.#principal = principal;
      },
      refused: (reason) => metrics.refused(reason),
      exhausted: () => this.close(),
    });
    // What a client does wrong (a bad packet, a lost link, no common algorithm) ends its connection and nothing else.
    ssh.on('error', (error: Error) => {
      this.#log.debug({ error: error.message }, 'sftp connection error');
      this.#end();
      this.close();
    });
    ssh.on('authentication', (request) => void signIn.attempt(request));
    ssh.on('ready', () => this.#ready());
    ssh.on('session', (accept, reject) => {
      if (this.#sessions.size >= limits.sessionsMax) reject();
      else this.#open(accept());
    });
  }

  /** Ends the connection at once. */
  close(): void {
    try {
      this.#ssh?.end();
    } catch {
      // its side is gone already
    }
    this.#socket.destroySoon();
    // A client that reads nothing would keep the last bytes, and us, for ever.
    setTimeout(() => this.#socket.destroy(), 1000).unref();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Ends the connection of somebody unknown, so that somebody else may come in. */
  giveWay(): void {
    this.#refuse('crowded-out');
  }

  #ready(): void {
    const principal = this.#principal;
    if (principal === undefined) {
      this.destroy();
      return;
    }
    clearTimeout(this.#grace);
    this.#log = this.#log.child({ user: principal.name });
    this.#log.info({}, 'sftp sign-in');
    this.#recheck = setInterval(() => void this.#check(principal), this.#context.limits.recheckSeconds * 1000);
  }

  /** Lesson 9: whoever was removed, disabled or has gone to sleep does not keep a session. */
  async #check(principal: Principal): Promise<void> {
    const { idleSeconds, emptySeconds } = this.#context.limits;
    const quiet = (Date.now() - this.#lastActive) / 1000;
    if (this.idle && quiet > (this.#sessions.size === 0 ? emptySeconds : idleSeconds)) return this.#refuse('idle');
    try {
      if ((await this.#context.auth.current(principal)) !== undefined) return;
    } catch {
      // A source that cannot tell has not said no.
      return;
    }
    this.#refuse('revoked');
  }

  #refuse(reason: string): void {
    if (this.#socket.destroyed) return;
    this.#context.metrics.refused(reason);
    const anonymous = this.#principal === undefined;
    this.#log[anonymous ? 'debug' : 'warn']({ reason }, 'sftp connection ended by us');
    if (anonymous) this.destroy();
    else this.close();
  }

  #open(ssh: SshSession): void {
    // No listener, no service: shells, terminals, forwarding, agents and environment are refused by ssh2.
    let session: Session | undefined;
    ssh.on('subsystem', (accept, reject, { name }) => {
      if (name !== 'sftp' || this.#principal === undefined) return reject?.();
      session = this.#serve(accept(), this.#principal);
      return undefined;
    });
    ssh.on('exec', (accept, _reject, { command }) => {
      const channel = accept();
      channel.on('error', () => {});
      channel.stderr.write(/^\s*scp(\s|$)/.test(command) ? NO_SCP : NO_COMMANDS);
      channel.exit(1);
      channel.end();
      channel.close();
    });
    // The end of the channel, before what it still holds unread has been looked at.
    ssh.on('close', () => session?.lost());
  }

  #serve(channel: ServerChannel, principal: Principal): Session {
    const { views, pool, ration, metrics, limits } = this.#context;
    const session = new Session(channel, {
      view: views.of(principal),
      pool,
      ration,
      metrics,
      log: this.#log.child({ session: nextSession() }),
      bytesMax: limits.sessionBytes,
      backlog: () => this.#socket.writableLength,
      active: () => {
        this.#lastActive = Date.now();
      },
    });
    this.#sessions.add(session);
    void session.done.then(() => {
      this.#sessions.delete(session);
      this.#lastActive = Date.now();
    });
    return session;
  }

  #end(): void {
    clearTimeout(this.#grace);
    clearInterval(this.#recheck);
    this.#ended.abort();
    for (const session of this.#sessions) session.lost();
  }
}

let sessions = 0;
function nextSession(): number {
  sessions += 1;
  return sessions;
}
