import { request } from 'node:http';
import { join, relative } from 'node:path';
import type { Config } from '../config/config.js';
import { Failure } from './failure.js';
import { printable } from './table.js';

/** Longest answer that is taken, bytes. */
const MAX_ANSWER = 64 * 1024 * 1024;
/** Throttled, or something that the daemon needs is away: the same command may do later. */
const RETRY: ReadonlySet<number> = new Set([429, 503]);
/** A command may have to wait for a storage; nothing takes longer than this, in ms. */
const PATIENCE = 120_000;

/** Speaks to the running daemon over its admin socket. */
export class AdminClient {
  readonly #state: string;
  readonly #socket: string;

  constructor(config: Config) {
    this.#state = shown(config.node.state);
    this.#socket = join(config.node.state, 'admin.sock');
  }

  /**
   * Asks for one command: `POST /v1/<command>` with a JSON object, answered by one or by `{ error: { code, message } }`.
   * @throws Failure when there is no daemon, or it refuses
   */
  async call<Answer>(command: string, body: object = {}): Promise<Answer> {
    const { status, text } = await this.#post(`/v1/${command}`, JSON.stringify(body));
    let answer: unknown;
    try {
      answer = JSON.parse(text);
    } catch {
      throw new Failure(`the daemon answered what makes no sense (HTTP ${status})`);
    }
    if (status >= 200 && status < 300) return answer as Answer;
    const { message } = (answer as { error?: { message?: unknown } }).error ?? {};
    throw new Failure(printable(typeof message === 'string' ? message : `HTTP ${status}`), RETRY.has(status) ? 75 : 1);
  }

  #post(path: string, body: string): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const call = request(
        {
          socketPath: this.#socket,
          path,
          method: 'POST',
          timeout: PATIENCE,
          headers: { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) },
        },
        (response) => {
          const chunks: Buffer[] = [];
          let size = 0;
          response.on('data', (chunk: Buffer) => {
            size += chunk.length;
            if (size > MAX_ANSWER) response.destroy(new Failure('the daemon answered more than 64 MiB'));
            chunks.push(chunk);
          });
          response.on('error', reject);
          response.on('end', () => {
            resolve({ status: response.statusCode ?? 500, text: Buffer.concat(chunks).toString('utf8') });
          });
        },
      );
      call.on('timeout', () => call.destroy(new Failure('the daemon did not answer within two minutes', 75)));
      call.on('error', (error) => reject(this.#explain(error)));
      call.end(body);
    });
  }

  #explain(error: NodeJS.ErrnoException): Failure {
    if (error instanceof Failure) return error;
    const socket = shown(this.#socket);
    const start = 'start it with: isthmus serve';
    switch (error.code) {
      case 'ENOENT':
      case 'ENOTDIR':
        return new Failure(`no daemon is running on ${this.#state} (no ${socket}); ${start}`);
      case 'ECONNREFUSED':
        return new Failure(`no daemon is running on ${this.#state} (nobody answers on ${socket}); ${start}`);
      case 'EACCES':
        return new Failure(`this account may not use ${socket}; run the command as the account of the daemon`);
      default:
        return new Failure(`the daemon broke off (${error.code ?? error.message}); see its log`);
    }
  }
}

/** As people would write it from here. */
function shown(path: string): string {
  const near = relative(process.cwd(), path);
  return near !== '' && !near.startsWith('..') ? `./${near}` : path;
}
