import { chmod, mkdtemp, rename, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import * as v from 'valibot';
import { type ErrorCode, isVfsError, VfsError } from '../core/errors.js';
import type { Logger } from '../core/log.js';
import { StartError } from '../core/start-error.js';
import type { Handler } from './handler.js';

const BODY_MAX = 1024 * 1024;
/** sun_path has 108 bytes with its NUL (unix(7)); the name while it is made is longer than the final one. */
const PATH_MAX = 107;
/** Commands that are not simply refused have a status of their own, so that scripts know when to try again. */
const STATUS: Readonly<Partial<Record<ErrorCode, number>>> = {
  EAGAIN: 429,
  EUNAVAILABLE: 503,
  ETIMEDOUT: 503,
  EIO: 500,
};

export interface AdminSocketOptions {
  /** `<state>/admin.sock` */
  readonly file: string;
  readonly handlers: Readonly<Record<string, Handler>>;
  readonly log: Logger;
}

/**
 * The way in for the command: HTTP on a Unix socket that only the daemon's account may open (mode 0600), which is all
 * the authorisation there is.
 *
 * `POST /v1/<command>` with a JSON object is answered by 200 and a JSON object, or by
 * `{ "error": { "code", "message" } }`: 400 for input that is not as it should be, 404 for an unknown command, 422 when
 * the command refused, 429 and 503 when it may be tried again.
 */
export class AdminSocket {
  readonly #options: AdminSocketOptions;
  readonly #server: Server;
  #listening = false;

  constructor(options: AdminSocketOptions) {
    this.#options = options;
    this.#server = createServer({ maxHeaderSize: 8192 }, (request, response) => void this.#answer(request, response));
    this.#server.maxConnections = 64;
    this.#server.headersTimeout = 10_000;
    this.#server.requestTimeout = 30_000;
  }

  /**
   * Begins to serve. The socket left by a daemon that was killed is replaced.
   * @returns the path of the socket
   * @throws StartError when a daemon answers there, or the socket cannot be made
   */
  async start(): Promise<string> {
    const { file } = this.#options;
    if (await answers(file)) throw new StartError(`${file}: another daemon answers there; stop it first`);
    try {
      await this.#listen(file);
    } catch (cause) {
      throw new StartError(`${file}: the admin socket cannot be made: ${(cause as Error).message}`, 1, { cause });
    }
    this.#listening = true;
    return file;
  }

  /** @param deadline  ms since 1970: what runs until then is ended */
  async stop(deadline: number): Promise<void> {
    if (!this.#listening) return;
    this.#listening = false;
    await rm(this.#options.file, { force: true });
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    const end = setTimeout(() => this.#server.closeAllConnections(), Math.max(0, deadline - Date.now()));
    await closed;
    clearTimeout(end);
  }

  /** Made in a folder that nobody else can enter, closed to others, then renamed into place: there is no moment at
   *  which somebody else could open it, and no need to change the umask under the threads that make files. */
  async #listen(file: string): Promise<void> {
    const folder = await mkdtemp(join(dirname(file), '.sock-'));
    const made = join(folder, 's');
    try {
      if (Buffer.byteLength(made) > PATH_MAX || Buffer.byteLength(file) > PATH_MAX)
        throw new RangeError(`a path of a socket has at most ${PATH_MAX} bytes; choose a shorter node.state`);
      await new Promise<void>((resolve, reject) => {
        this.#server.once('error', reject);
        this.#server.listen(made, () => {
          this.#server.off('error', reject);
          resolve();
        });
      });
      await chmod(made, 0o600);
      await rename(made, file);
    } catch (error) {
      this.#server.close();
      throw error;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const command = request.url?.startsWith('/v1/') ? request.url.slice(4) : '';
    try {
      const handler = Object.hasOwn(this.#options.handlers, command) ? this.#options.handlers[command] : undefined;
      if (handler === undefined) {
        refuse(response, 404, 'ENOTSUP', `no command ${JSON.stringify(command.slice(0, 100))}`);
        return;
      }
      if (request.method !== 'POST') {
        refuse(response, 405, 'ENOTSUP', 'POST only');
        return;
      }
      const input = parse(handler, await readBody(request));
      const result = (await handler.run(input, { signal: gone.signal })) ?? {};
      this.#options.log.debug({ command }, 'admin command');
      send(response, 200, result);
    } catch (error) {
      this.#fail(command, response, error);
    }
  }

  #fail(command: string, response: ServerResponse, err: unknown): void {
    if (err instanceof BadInput) {
      refuse(response, err.status, 'EINVAL', err.message);
    } else if (isVfsError(err)) {
      this.#options.log.info({ command, err }, 'admin command refused');
      refuse(response, STATUS[err.code] ?? 422, err.code, err.detail ?? err.message);
    } else {
      this.#options.log.error({ command, err }, 'admin command failed');
      refuse(response, 500, 'EIO', 'internal error; the log of the daemon has the details');
    }
  }
}

class BadInput extends Error {
  readonly status: 400 | 413;

  constructor(message: string, status: 400 | 413 = 400) {
    super(message);
    this.status = status;
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > BODY_MAX) throw new BadInput(`the request is longer than ${BODY_MAX} bytes`, 413);
      chunks.push(chunk);
    }
  } catch (cause) {
    if (cause instanceof BadInput) throw cause;
    throw new VfsError('ECANCELED', 'admin', 'socket', { cause });
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Says what is wrong with the input, never what the input was: it may be a password. */
function parse(handler: Handler, body: string): unknown {
  let json: unknown;
  try {
    json = body === '' ? {} : JSON.parse(body);
  } catch {
    throw new BadInput('the request is not JSON');
  }
  const result = v.safeParse(handler.input, json, { abortEarly: true });
  if (result.success) return result.output;
  const issue = result.issues[0];
  const where = v.getDotPath(issue) ?? 'the request';
  throw new BadInput(
    issue.expected === 'never'
      ? `${where}: there is no such field`
      : `${where}: ${issue.expected ?? 'another form'} expected`,
  );
}

function refuse(response: ServerResponse, status: number, code: ErrorCode, message: string): void {
  send(response, status, { error: { code, message } });
}

function send(response: ServerResponse, status: number, body: unknown): void {
  if (response.headersSent || response.destroyed) return;
  const text = `${JSON.stringify(body)}\n`;
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    // What was not read of a refused request would be taken for the next one.
    ...(status === 413 || !response.req.complete ? { connection: 'close' } : {}),
  });
  response.end(text);
}

/** Whether something accepts connections at `file`. */
function answers(file: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(file);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
