import type { ServerChannel } from 'ssh2';
import type { Logger } from '../../core/log.js';
import type { View } from '../../vfs/view.js';
import type { BufferPool } from './buffer-pool.js';
import { Malformed, Packet, Type } from './codec.js';
import { extensionPairs } from './extensions.js';
import type { SftpMetrics } from './metrics.js';
import { OpenFiles } from './open-files.js';
import { Operations } from './operations.js';
import { PacketStream, type RawPacket } from './packet-stream.js';
import type { Ration } from './ration.js';
import { Requests } from './requests.js';

/** Requests of one session that may be under way at once. */
const REQUESTS_MAX = 256;
/** What one session may have under way always, however full the ration is, so that all move on. */
const SHARE_MIN = 512 * 1024;
/** Unread input a client may pile up beyond the window it was given (2 MiB, twice while it is adjusted). */
const UNREAD_MAX = 8 * 1024 * 1024;

export interface SessionContext {
  readonly view: View;
  readonly pool: BufferPool;
  readonly ration: Ration;
  readonly metrics: SftpMetrics;
  readonly log: Logger;
  /** Bytes that this session may have under way. */
  readonly bytesMax: number;
  /** Bytes that wait in the connection's socket. */
  backlog(): number;
  /** Called for each request. */
  active(): void;
}

/**
 * One SFTP session on one channel: packets in, answers out, and never more under way than its share. When it has
 * enough, it stops reading, the channel's window closes, and the client waits.
 */
export class Session {
  readonly #channel: ServerChannel;
  readonly #context: SessionContext;
  readonly #stream: PacketStream;
  readonly #files: OpenFiles;
  readonly #requests: Requests;
  readonly #gone = new AbortController();
  readonly #wake = () => this.#pump();
  #greeted = false;
  #ended = false;
  /** What the channel ends with: 1 when the client did not speak SFTP. */
  #status = 0;
  #finished = false;
  /** Requests and bytes between arrival and answer sent. */
  #running = 0;
  #bytes = 0;
  #resolveDone: () => void = () => {};
  /** Resolves when the last request is done and every handle closed. */
  readonly done: Promise<void> = new Promise((resolve) => {
    this.#resolveDone = resolve;
  });

  constructor(channel: ServerChannel, context: SessionContext) {
    this.#channel = channel;
    this.#context = context;
    this.#stream = new PacketStream(context.pool);
    this.#files = new OpenFiles(context.view, this, context.metrics);
    const operations = new Operations(context.view, this.#files, this, this.#gone.signal);
    const { view, pool, metrics, log } = context;
    this.#requests = new Requests({
      view,
      files: this.#files,
      operations,
      origin: this,
      signal: this.#gone.signal,
      pool,
      metrics,
      log,
    });
    context.metrics.sessions(1);
    channel.on('data', (chunk: Buffer) => {
      this.#stream.push(chunk);
      this.#pump();
    });
    channel.on('end', () => {
      this.#ended = true;
      this.#pump();
    });
    channel.on('error', () => this.lost());
  }

  /** The client is gone: nothing is sent any more. What came whole is still done, what is unfinished is given up. */
  lost(): void {
    if (this.#gone.signal.aborted) return;
    this.#gone.abort();
    // Answers on their way never report back now.
    this.#account(-this.#bytes);
    this.#ended = true;
    this.#pump();
  }

  /** Whether the client sends more than it was allowed to. */
  get flooded(): boolean {
    return this.#channel.readableLength > UNREAD_MAX;
  }

  /** Whether nothing is under way or open. */
  get idle(): boolean {
    return this.#running === 0 && this.#files.count === 0;
  }

  /** Looks again whether there is room to go on, after the socket was emptied. */
  drained(): void {
    this.#pump();
  }

  #blocked(): boolean {
    const { ration, bytesMax, backlog } = this.#context;
    if (this.#running >= REQUESTS_MAX) return true;
    if (this.#gone.signal.aborted) return false;
    if (this.#bytes >= bytesMax || backlog() >= bytesMax) return true;
    if (this.#bytes < SHARE_MIN || !ration.full) return false;
    ration.wait(this.#wake);
    return true;
  }

  #pump(): void {
    if (this.#finished) return;
    if (this.#status !== 0) {
      this.#finish();
      return;
    }
    try {
      while (!this.#blocked()) {
        const packet = this.#stream.next();
        if (packet === undefined) {
          if (this.#ended && this.#channel.readableLength === 0) this.#finish();
          else if (this.#channel.isPaused()) this.#channel.resume();
          return;
        }
        this.#accept(packet);
      }
    } catch (error) {
      this.#broken(error);
      return;
    }
    this.#channel.pause();
  }

  #accept(raw: RawPacket): void {
    const { pool, active } = this.#context;
    active();
    if (!this.#greeted) {
      this.#greet(raw);
      return;
    }
    let bytes = raw.payload.length;
    bytes += this.#requests.begin(raw.type, raw.payload, (answer, release) => {
      if (raw.pooled !== undefined) pool.give(raw.pooled);
      this.#running -= 1;
      this.#send(answer, bytes, release);
      if (this.#channel.isPaused() || this.#ended || this.#status !== 0) this.#pump();
    });
    this.#running += 1;
    this.#account(bytes);
  }

  #greet({ type, payload }: RawPacket): void {
    // §4: the client's INIT comes first; the answer is the lower of both versions, and 3 is the only one here.
    if (type !== Type.INIT || payload.length < 4) throw new Malformed('no INIT');
    const version = payload.readUInt32BE(0);
    if (version < 3) throw new Malformed(`version ${version}`);
    this.#greeted = true;
    const packet = new Packet(Type.VERSION, 512).uint32(3);
    for (const [name, value] of extensionPairs()) packet.string(name).string(value);
    this.#send(packet.end(), 0, undefined);
  }

  #send(packet: Buffer, bytes: number, release: Buffer | undefined): void {
    if (this.#gone.signal.aborted || !this.#channel.writable) {
      if (!this.#gone.signal.aborted) this.#account(-bytes);
      if (release !== undefined) this.#context.pool.give(release);
      return;
    }
    try {
      this.#channel.write(packet, () => {
        if (release !== undefined) this.#context.pool.give(release);
        if (this.#gone.signal.aborted) return;
        this.#account(-bytes);
        if (this.#channel.isPaused()) this.#pump();
      });
    } catch {
      // ssh2 throws where the connection ended under it.
      this.lost();
    }
  }

  #account(bytes: number): void {
    this.#bytes += bytes;
    if (bytes > 0) this.#context.ration.take(bytes);
    else if (bytes < 0) this.#context.ration.give(-bytes);
  }

  #broken(error: unknown): void {
    const { log } = this.#context;
    if (error instanceof Malformed) log.warn({ detail: error.message }, 'sftp session ended: no SFTP');
    else log.error({ error }, 'sftp session ended: a fault of ours');
    this.#status = 1;
    this.#channel.removeAllListeners('data').resume();
    this.#finish();
  }

  /** Once nothing runs: gives up what is open and closes the channel. */
  #finish(): void {
    if (this.#finished || this.#running > 0) return;
    this.#finished = true;
    this.#context.ration.forget(this.#wake);
    const refs = this.#files.drain();
    void Promise.allSettled(refs.map((ref) => this.#files.release(ref, false))).then(() => {
      this.#account(-this.#bytes);
      this.#context.metrics.sessions(-1);
      if (!this.#gone.signal.aborted) {
        // Without an exit status and a close, sftp hangs and scp takes it for a failure.
        try {
          this.#channel.exit(this.#status);
          this.#channel.end();
          this.#channel.close();
        } catch {
          // the connection ended under it
        }
      }
      this.#gone.abort();
      this.#resolveDone();
    });
  }
}
