import { connect as connectSocket, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type Algorithms, Client, type ConnectConfig } from 'ssh2';
import { VfsError } from '../../src/core/errors.js';
import { ROOT } from '../../src/core/path.js';
import type { Credentials } from '../driver.js';
import { fingerprintOf, type KnownKeys, knownKeys, typeOf } from './host-key.js';
import { SftpSession } from './session.js';

export interface ServerAddress {
  readonly host: string;
  readonly port: number;
  readonly hostKeys: readonly string[];
  readonly knownHosts: string | undefined;
  /** The folder at the server that becomes the root; relative to where the account begins. */
  readonly path: string;
}

/** An open session, and the root as an absolute path at the server. */
export interface Connection {
  readonly session: SftpSession;
  readonly root: string;
  /** Resolves when the connection is gone, whoever ended it. */
  readonly closed: Promise<void>;
  /** Ends it. */
  end(): void;
}

const CONNECT_MS = 10_000;
const HANDSHAKE_MS = 20_000;
/** A link that passes nothing is found dead after three of these. */
const KEEPALIVE_MS = 7_000;

/** No SHA-1, no NIST curves for key exchange, no CBC, no MAC over plain text, no compression. ECDSA host keys last: many
 *  servers have no other. */
const ALGORITHMS: Algorithms = {
  kex: [
    'curve25519-sha256',
    'curve25519-sha256@libssh.org',
    'diffie-hellman-group16-sha512',
    'diffie-hellman-group18-sha512',
    'diffie-hellman-group14-sha256',
  ],
  cipher: [
    'aes128-gcm@openssh.com',
    'aes256-gcm@openssh.com',
    'chacha20-poly1305@openssh.com',
    'aes256-ctr',
    'aes128-ctr',
  ],
  hmac: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com'],
  compress: ['none'],
};
const HOST_KEY_TYPES = [
  'ssh-ed25519',
  'rsa-sha2-512',
  'rsa-sha2-256',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
] as const;

/**
 * Connects, checks the host key, signs in and starts SFTP.
 * @throws VfsError EAUTH when the server's key or our credentials are refused, ETIMEDOUT, EUNAVAILABLE
 */
export async function connect(address: ServerAddress, credentials: Credentials): Promise<Connection> {
  let known: KnownKeys;
  try {
    known = await knownKeys(address.host, address.port, address.hostKeys, address.knownHosts);
  } catch (cause) {
    throw failure('EAUTH', `cannot read knownHosts ${address.knownHosts}`, cause);
  }
  const client = new Client();
  const method = authentication(client, credentials);
  const socket = await dial(address);
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const end = (): void => {
    client.end();
    socket.destroy();
  };
  try {
    await signIn(client, socket, method, known);
    const channel = await subsystem(client);
    const session = await SftpSession.start(channel);
    const lost = (cause: Error): void => session.lose(cause);
    client.on('error', lost);
    void closed.then(() => session.lose(new Error('the server closed the connection')));
    const root = (await session.realpath(address.path)).toString();
    if (!root.startsWith('/') || root.includes('\0'))
      throw failure('EIO', 'the server has no path of its own for path');
    return { session, root, closed, end };
  } catch (error) {
    end();
    throw error instanceof VfsError ? error : failure('EUNAVAILABLE', messageOf(error), error);
  }
}

function dial({ host, port }: ServerAddress): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectSocket({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: 15_000 });
    const timer = setTimeout(() => {
      socket.destroy();
      reject(failure('ETIMEDOUT', `no connection to ${host} port ${port} within ${CONNECT_MS / 1000} s`));
    }, CONNECT_MS);
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.removeAllListeners('error');
      // ssh2 has a listener of its own while it uses the socket; after that an error is old news.
      socket.on('error', () => {});
      resolve(socket);
    });
    socket.once('error', (cause: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      reject(failure('EUNAVAILABLE', `no connection to ${host} port ${port} (${cause.code ?? cause.message})`, cause));
    });
  });
}

function signIn(client: Client, socket: Socket, method: ConnectConfig, known: KnownKeys): Promise<void> {
  return new Promise((resolve, reject) => {
    let refusal: VfsError | undefined;
    const fail = (error: Error & { level?: string }): void => {
      if (refusal !== undefined) reject(refusal);
      else if (error.level === 'client-authentication') {
        reject(failure('EAUTH', 'the server refused user, password or key', error));
      } else if (error.level === 'client-timeout') reject(failure('ETIMEDOUT', 'no SSH handshake in time', error));
      else reject(failure('EUNAVAILABLE', messageOf(error), error));
    };
    client.on('error', fail);
    client.once('close', () => fail(new Error('the server closed the connection')));
    client.once('ready', () => {
      client.off('error', fail);
      // Errors must be heard at any time; those after `ready` end in `close`.
      client.on('error', () => {});
      resolve();
    });
    try {
      client.connect({
        sock: socket,
        readyTimeout: HANDSHAKE_MS,
        keepaliveInterval: KEEPALIVE_MS,
        keepaliveCountMax: 2,
        algorithms: { ...ALGORITHMS, serverHostKey: preferred(known) },
        hostVerifier: (key: Buffer) => {
          refusal = judge(key, known);
          return refusal === undefined;
        },
        ...method,
      });
    } catch (error) {
      // ssh2 parses the private key here.
      reject(error instanceof VfsError ? error : failure('EAUTH', messageOf(error)));
    }
  });
}

/** What ssh2 signs in with. Empty credentials are refused before the server is asked (lesson 20). */
function authentication(client: Client, { user, password, privateKey }: Credentials): ConnectConfig {
  const secret = password?.reveal();
  if (user === undefined || user === '') throw failure('EAUTH', 'no user given');
  if (privateKey !== undefined) {
    return {
      username: user,
      privateKey: privateKey.reveal(),
      ...(secret === undefined || secret === '' ? {} : { passphrase: secret }),
      authHandler: ['publickey'],
    };
  }
  if (secret === undefined || secret === '') throw failure('EAUTH', 'no password or key given');
  // Many servers take passwords by keyboard-interactive only; one hidden question is the password's.
  client.on('keyboard-interactive', (_name, _instructions, _language, prompts, answer) => {
    answer(prompts.length === 1 && prompts[0]!.echo !== true ? [secret] : []);
  });
  return {
    username: user,
    password: secret,
    tryKeyboard: true,
    authHandler: ['password', 'keyboard-interactive'],
  };
}

/** @returns why the key is not accepted; undefined when it is */
function judge(key: Buffer, known: KnownKeys): VfsError | undefined {
  const shown = fingerprintOf(key);
  const type = typeOf(key);
  if (known.revoked.includes(shown)) return failure('EAUTH', `the server's ${type} key ${shown} is revoked`);
  if (known.fingerprints.includes(shown)) return undefined;
  if (known.fingerprints.length === 0) {
    return failure('EAUTH', `the server's ${type} key is not known; if it is the right one, add hostKey: ${shown}`);
  }
  return failure(
    'EAUTH',
    `the server's key has changed, or somebody stands in between: it shows ${type} ${shown}, ` +
      `known is ${known.fingerprints.join(' or ')}`,
  );
}

/** Types of known keys come first, as OpenSSH has it: else a server could show another key of its own, and be refused. */
function preferred({ types }: KnownKeys): NonNullable<Algorithms['serverHostKey']> {
  const isKnown = (type: string): boolean =>
    types.includes(type) || (type.startsWith('rsa-sha2-') && types.includes('ssh-rsa'));
  return [...HOST_KEY_TYPES].sort((a, b) => Number(isKnown(b)) - Number(isKnown(a)));
}

function subsystem(client: Client): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const closed = (): void => reject(failure('EUNAVAILABLE', 'the server closed the connection'));
    client.once('close', closed);
    client.subsys('sftp', (cause, channel) => {
      client.off('close', closed);
      if (cause) reject(failure('EUNAVAILABLE', 'the server offers no SFTP to this account', cause));
      else {
        channel.stderr.resume();
        resolve(channel);
      }
    });
  });
}

function failure(code: 'EAUTH' | 'ETIMEDOUT' | 'EUNAVAILABLE' | 'EIO', detail: string, cause?: unknown): VfsError {
  return new VfsError(code, 'connect', ROOT, { detail, cause });
}

/** For people, from a foreign error: short, without control characters. */
function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/[\x00-\x1f\x7f]+/g, ' ').slice(0, 200);
}
