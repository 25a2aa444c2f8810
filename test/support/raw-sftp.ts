import type { ClientChannel } from 'ssh2';
import { BufferPool } from '../../src/frontends/sftp/buffer-pool.js';
import { Fields, Packet, Type } from '../../src/frontends/sftp/codec.js';
import { PacketStream } from '../../src/frontends/sftp/packet-stream.js';
import type { SftpDoor } from './sftp-door.js';

export interface RawAnswer {
  readonly type: number;
  readonly id: number;
  readonly fields: Fields;
}

/** A client that sends any packet and sees every answer as it comes: for what well-behaved clients never do. */
export class RawSftp {
  readonly channel: ClientChannel;
  /** The end of the channel: its exit code, or null when there was none. */
  readonly closed: Promise<number | null>;
  readonly #stream = new PacketStream(new BufferPool(0));
  readonly #answers: { type: number; payload: Buffer }[] = [];
  #waiting: (() => void)[] = [];
  #ended = false;
  #id = 0;
  readonly end: () => void;

  private constructor(channel: ClientChannel, end: () => void) {
    this.channel = channel;
    this.end = end;
    channel.on('data', (chunk: Buffer) => {
      this.#stream.push(chunk);
      for (let next = this.#stream.next(); next !== undefined; next = this.#stream.next()) {
        this.#answers.push({ type: next.type, payload: Buffer.from(next.payload) });
      }
      this.#wake();
    });
    this.closed = new Promise((resolve) => {
      let exit: number | null = null;
      channel.on('exit', (code: number) => {
        exit = code;
      });
      channel.on('close', () => {
        this.#ended = true;
        this.#wake();
        resolve(exit);
      });
    });
  }

  /** Opens a channel with the subsystem; nothing is sent yet. */
  static async open(door: SftpDoor): Promise<RawSftp> {
    const client = await door.client();
    client.on('error', () => {});
    const channel = await new Promise<ClientChannel>((resolve, reject) =>
      client.subsys('sftp', (error, opened) => (error ? reject(error) : resolve(opened))),
    );
    return new RawSftp(channel, () => client.end());
  }

  /** Opens a channel and shakes hands. @returns the names of the extensions too */
  static async ready(door: SftpDoor): Promise<RawSftp & { extensions?: string[] }> {
    const raw: RawSftp & { extensions?: string[] } = await RawSftp.open(door);
    raw.bytes(new Packet(Type.INIT).uint32(3).end());
    const { payload } = await raw.#next();
    const fields = new Fields(payload);
    fields.uint32();
    raw.extensions = [];
    while (fields.left > 0) {
      raw.extensions.push(fields.string().toString());
      fields.string();
    }
    return raw;
  }

  bytes(bytes: Buffer): void {
    this.channel.write(bytes);
  }

  /** Sends a request; its id is the number of those sent before it. */
  send(type: number, fill: (packet: Packet) => Packet): number {
    this.#id += 1;
    this.bytes(fill(new Packet(type).uint32(this.#id)).end());
    return this.#id;
  }

  /** The next answer, whatever it answers. */
  async answer(): Promise<RawAnswer> {
    const { type, payload } = await this.#next();
    const fields = new Fields(payload);
    return { type, id: fields.uint32(), fields };
  }

  /** Sends a request and takes the next answer, which must be its own. */
  async ask(type: number, fill: (packet: Packet) => Packet): Promise<RawAnswer> {
    const id = this.send(type, fill);
    const answer = await this.answer();
    if (answer.id !== id) throw new Error(`answer ${answer.id} to request ${id}`);
    return answer;
  }

  /** As `ask`, for the code of a STATUS. */
  async status(type: number, fill: (packet: Packet) => Packet): Promise<number> {
    const answer = await this.ask(type, fill);
    if (answer.type !== Type.STATUS) throw new Error(`answered with type ${answer.type}`);
    return answer.fields.uint32();
  }

  /** Opens a file. @returns the handle as it is sent back */
  async open(path: string, pflags: number): Promise<Buffer> {
    const answer = await this.ask(Type.OPEN, (packet) => packet.string(path).uint32(pflags).attributes({}));
    if (answer.type !== Type.HANDLE) throw new Error(`open ${path}: status ${answer.fields.uint32()}`);
    return Buffer.from(answer.fields.string());
  }

  async #next(): Promise<{ type: number; payload: Buffer }> {
    for (;;) {
      const answer = this.#answers.shift();
      if (answer !== undefined) return answer;
      if (this.#ended) throw new Error('the channel was closed');
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}
