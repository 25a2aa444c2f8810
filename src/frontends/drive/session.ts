import { write } from 'node:fs';
import { constants } from 'node:os';
import { promisify } from 'node:util';
import { isVfsError } from '../../core/errors.js';
import type { Logger } from '../../core/log.js';
import type { Path } from '../../core/path.js';
import { type Binding, type Device, errnoName } from './binding.js';
import { isDying } from './caller.js';
import { EIO, ENOSYS, ENOTCONN, ERRNO } from './errno.js';
import type { DriveMetrics } from './metrics.js';
import { operations } from './operations/index.js';
import type { Operation } from './operations/operation.js';
import { encodeInit, negotiate } from './protocol/init.js';
import { MAX_WRITE, Opcode, opcodeName, SLOT_HEAD } from './protocol/numbers.js';
import { Outgoing } from './protocol/replies.js';
import { decodeHeader, decodeInit, decodeInterrupt, Message } from './protocol/requests.js';
import { type Channel, OUT_SIZE, Request } from './request.js';
import type { Volume } from './volume.js';

/** Requests that are read ahead of their answers, each with room for the largest. */
const SLOTS = 16;
const SLOT_SIZE = MAX_WRITE + SLOT_HEAD;
const writeDevice = promisify(write) as (fd: number, bytes: Uint8Array) => Promise<unknown>;
/** Requests that get no answer, and may come when all others are refused. */
const UNANSWERED: ReadonlySet<number> = new Set([Opcode.FORGET, Opcode.BATCH_FORGET]);

export interface SessionOptions {
  readonly binding: Binding;
  readonly volume: Volume;
  readonly metrics: DriveMetrics;
  readonly log: Logger;
  /** INIT was answered: the drive is there. */
  readonly onReady: () => void;
  /** The kernel has no more requests: it was unmounted. */
  readonly onEnd: (reason: string) => void;
}

/** One mounted drive's conversation with the kernel. */
export class Session implements Channel {
  readonly out = new Outgoing(OUT_SIZE);
  readonly #options: SessionOptions;
  readonly #fd: number;
  readonly #device: Device;
  readonly #message: Message;
  readonly #ring: Int32Array;
  readonly #table = operations();
  readonly #pending = new Map<number, Request>();
  #heldSlots = 0;
  #closing = false;
  #idle: (() => void) | undefined;

  /** @param fd  of /dev/fuse, mounted; taken over */
  constructor(fd: number, options: SessionOptions) {
    this.#options = options;
    this.#fd = fd;
    const arena = Buffer.from(new ArrayBuffer(SLOTS * SLOT_SIZE));
    this.#ring = new Int32Array(2 * SLOTS);
    this.#message = new Message(arena);
    const device = options.binding.start(fd, SLOTS, arena, this.#ring, (count, error) => this.#onBatch(count, error));
    if (typeof device === 'number') throw new Error(`/dev/fuse cannot be read: ${errnoName(device)}`);
    this.#device = device;
  }

  get pending(): number {
    return this.#pending.size;
  }

  send(head: Buffer, headLength: number, data: Uint8Array, dataLength: number): number {
    return this.#options.binding.send(this.#device, head, headLength, data, dataLength);
  }

  hold(slot: number): boolean {
    if (this.#heldSlots >= SLOTS / 2) return false;
    this.#heldSlots++;
    this.#options.binding.hold(this.#device, slot, true);
    return true;
  }

  release(slot: number): void {
    this.#heldSlots--;
    this.#options.binding.hold(this.#device, slot, false);
  }

  /**
   * Tells the kernel something unasked. It takes locks for that which it may hold for a request of ours, so this is
   * written by a thread of the pool and never by the one that answers.
   */
  async notify(message: Uint8Array): Promise<void> {
    await writeDevice(this.#fd, message);
  }

  /** Resolves when every request that has come is answered, or at `deadline` (ms since 1970). */
  async drain(deadline: number): Promise<void> {
    if (this.#pending.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.max(0, deadline - Date.now()));
      this.#idle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#idle = undefined;
  }

  /** From here on every request is refused at once, those under way too. */
  refuse(): void {
    this.#closing = true;
    for (const request of [...this.#pending.values()]) {
      request.interrupt();
      request.fail(ENOTCONN);
    }
  }

  /** Ends the conversation: programs that still have files open get ENOTCONN. No notice may be on its way. */
  close(): void {
    this.#options.binding.stop(this.#device);
  }

  #onBatch(count: number, error: number): void {
    if (count === 0) this.#options.onEnd(errnoName(-error));
    for (let i = 0; i < count; i++) {
      const slot = this.#ring[2 * i] ?? 0;
      this.#onRequest(slot, slot * SLOT_SIZE, this.#ring[2 * i + 1] ?? 0);
    }
  }

  #onRequest(slot: number, at: number, length: number): void {
    const { log, volume } = this.#options;
    try {
      const header = decodeHeader(this.#message, at, length);
      this.#dispatch(new Request(this, slot, this.#message, header, volume.foreignChanges));
    } catch (error) {
      log.error({ err: error }, 'drive: the kernel sent what is no request');
    }
  }

  #dispatch(request: Request): void {
    const { opcode } = request.header;
    const operation = this.#table.get(opcode);
    if (opcode === Opcode.INTERRUPT) this.#interrupt(request);
    else if (opcode === Opcode.INIT) this.#init(request);
    else if (opcode === Opcode.DESTROY) request.ok();
    else if (operation === undefined) request.fail(ENOSYS);
    else if (this.#closing && !UNANSWERED.has(opcode)) request.fail(ENOTCONN);
    else this.#run(request, operation);
  }

  #run(request: Request, operation: Operation): void {
    const started = performance.now();
    this.#pending.set(request.key, request);
    try {
      const running = operation(request, this.#options.volume);
      if (running === undefined) this.#finish(request, started, undefined);
      else {
        running.then(
          () => this.#finish(request, started, undefined),
          (error: unknown) => this.#finish(request, started, error),
        );
      }
    } catch (error) {
      this.#finish(request, started, error);
    }
  }

  #finish(request: Request, started: number, error: unknown): void {
    const { log, metrics, volume } = this.#options;
    const { opcode, node, uid, pid } = request.header;
    const operation = opcodeName.get(opcode) ?? String(opcode);
    this.#pending.delete(request.key);
    let result = 'ok';
    if (error !== undefined) {
      const known = isVfsError(error);
      result = known ? error.code : 'EIO';
      request.fail(known ? ERRNO[error.code] : EIO);
      // The paths of the view's errors are the view's; a node that has no path any more lies nowhere.
      const at = known && error.path.startsWith('/') ? (error.path as Path) : undefined;
      const mount = at === undefined ? undefined : volume.view.mountOf(at);
      const fields = { request: request.key, operation, node, uid, pid, mount, err: error };
      if (known) log.debug(fields, 'drive: request failed');
      else log.error(fields, 'drive: unexpected error');
    } else if (request.answered === undefined) {
      result = 'EIO';
      request.fail(EIO);
      log.error({ request: request.key, operation }, 'drive: request without an answer');
    }
    metrics.operation(operation, result, (performance.now() - started) / 1000);
    if (request.content > 0) metrics.bytes(opcode === Opcode.READ ? 'out' : 'in', request.content);
    if (opcode === Opcode.OPEN || opcode === Opcode.CREATE || opcode === Opcode.RELEASE) {
      metrics.openHandles(volume.files.size);
    }
    if (this.#pending.size === 0) this.#idle?.();
  }

  #init(request: Request): void {
    const { log, onReady } = this.#options;
    const asked = decodeInit(this.#message, request.header);
    const agreed = negotiate(asked);
    if (agreed === undefined) {
      log.error({ major: asked.major, minor: asked.minor }, 'drive: the kernel speaks too old a FUSE protocol');
      request.fail(constants.errno.EPROTO);
      return;
    }
    request.reply(encodeInit(this.out, agreed));
    log.debug({ minor: agreed.minor, features: [...agreed.features] }, 'drive: protocol agreed');
    if (asked.major === 7) onReady();
  }

  #interrupt(request: Request): void {
    request.done();
    const { uniqueHigh, uniqueLow } = decodeInterrupt(this.#message, request.header);
    const key = uniqueHigh * 4294967296 + uniqueLow;
    const target = this.#pending.get(key);
    if (target === undefined) return;
    void isDying(target.header.pid).then((dying) => {
      if (dying && this.#pending.get(key) === target) target.interrupt();
    });
  }
}
