import { EIO } from './errno.js';
import { HEADER_OUT } from './protocol/numbers.js';
import { encodeHeader, Outgoing } from './protocol/replies.js';
import type { Header, Message } from './protocol/requests.js';

/** Where replies go, and what keeps a request's bytes in place. */
export interface Channel {
  /** Room for replies; filled and sent in one go, so one is enough for all requests. */
  readonly out: Outgoing;
  /** @returns 0, or -errno */
  send(head: Buffer, headLength: number, data: Uint8Array, dataLength: number): number;
  hold(slot: number): boolean;
  release(slot: number): void;
}

/** An answer's size on its own: larger ones go out through `data`. */
export const OUT_SIZE = 256 * 1024;
const NOTHING = Buffer.alloc(0);
const head = new Outgoing(HEADER_OUT);

/** One request of the kernel, which must be answered exactly once. */
export class Request {
  readonly header: Header;
  readonly message: Message;
  /** `foreignChanges` of the volume when it came. */
  readonly since: number;
  readonly #channel: Channel;
  readonly #slot: number;
  #abort: AbortController | undefined;
  #held = false;
  /** 0 and above: errno of the answer; undefined while there is none. */
  answered: number | undefined;
  /** Bytes of content that the request, or its answer, carried. */
  content = 0;

  constructor(channel: Channel, slot: number, message: Message, header: Header, since: number) {
    this.#channel = channel;
    this.#slot = slot;
    this.message = message;
    this.header = header;
    this.since = since;
  }

  /** The request's number, unique among those under way. */
  get key(): number {
    return this.header.uniqueHigh * 4294967296 + this.header.uniqueLow;
  }

  /** Fires when the caller was killed, or the drive stops. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    return this.#abort.signal;
  }

  interrupt(): void {
    this.#abort ??= new AbortController();
    this.#abort.abort();
  }

  /** Room for the body of an answer, from HEADER_OUT on. */
  get out(): Outgoing {
    return this.#channel.out;
  }

  /**
   * Keeps the message in place until the answer. Past half of the slots it copies the message instead: a storage that
   * takes its time must not keep other requests from being read.
   * @returns `bytes`, or a copy of them
   */
  keep(bytes: Buffer): Buffer {
    this.#held = this.#channel.hold(this.#slot);
    return this.#held ? bytes : Buffer.from(bytes);
  }

  /** @param length  of the whole message in `out` */
  reply(length: number): void {
    if (!this.#claim(0)) return;
    const { uniqueLow, uniqueHigh } = this.header;
    encodeHeader(this.out, length, 0, uniqueLow, uniqueHigh);
    this.#send(this.out.bytes, length, NOTHING, 0);
  }

  ok(): void {
    this.#short(0);
  }

  fail(errno: number): void {
    this.#short(errno);
  }

  /** Answers with bytes, straight from where they are. */
  data(bytes: Uint8Array, length = bytes.length): void {
    if (!this.#claim(0)) return;
    const { uniqueLow, uniqueHigh } = this.header;
    encodeHeader(head, HEADER_OUT + length, 0, uniqueLow, uniqueHigh);
    this.#send(head.bytes, HEADER_OUT, bytes, length);
  }

  /** For requests that get no answer (FORGET, INTERRUPT). */
  done(): void {
    this.#claim(0);
  }

  #short(errno: number): void {
    if (!this.#claim(errno)) return;
    const { uniqueLow, uniqueHigh } = this.header;
    encodeHeader(head, HEADER_OUT, -errno, uniqueLow, uniqueHigh);
    this.#send(head.bytes, HEADER_OUT, NOTHING, 0);
  }

  #claim(errno: number): boolean {
    if (this.answered !== undefined) return false;
    this.answered = errno;
    return true;
  }

  #send(bytes: Buffer, length: number, data: Uint8Array, dataLength: number): void {
    const result = this.#channel.send(bytes, length, data, dataLength);
    // ENOENT: the caller was killed and the kernel forgot the request. Anything else means that the answer was
    // malformed, and the caller would wait for ever.
    if (result < 0 && result !== -2 && this.answered !== EIO) {
      this.answered = undefined;
      this.fail(EIO);
    }
    if (this.#held) {
      this.#held = false;
      this.#channel.release(this.#slot);
    }
  }
}
