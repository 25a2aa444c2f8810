import { generateKeyPairSync } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import ssh2, { type ServerChannel } from 'ssh2';
import { fingerprintOf } from '../../mounts/sftp/host-key.js';
import { encodeRequest, type Field, PacketReader } from '../../mounts/sftp/packet.js';

/** What a test's server says to one request. `send` may be called any number of times. */
export type Script = (request: {
  readonly type: number;
  readonly id: number;
  readonly fields: PacketReader;
  /** An answer: type and what follows the id. */
  readonly answer: (type: number, ...fields: readonly Field[]) => void;
  /** Any bytes. */
  readonly send: (bytes: Buffer) => void;
  readonly channel: ServerChannel;
}) => void;

export interface ScriptedSftp {
  readonly host: string;
  readonly port: number;
  readonly fingerprint: string;
  stop(): Promise<void>;
}

/**
 * An SSH server that lets everybody in and answers SFTP as the test says: for answers that no real server gives.
 * The greeting (a request of type 1, whose id is the version) comes to the script too.
 */
export async function scriptedSftp(script: Script): Promise<ScriptedSftp> {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pem = privateKey.export({ type: 'pkcs1', format: 'pem' }).toString();
  const key = ssh2.utils.parseKey(pem);
  if (key instanceof Error) throw key;
  const open = new Set<{ end(): void }>();
  const server = new ssh2.Server({ hostKeys: [pem] }, (client) => {
    open.add(client);
    client.on('error', () => {});
    client.on('close', () => open.delete(client));
    client.on('authentication', (context) => context.accept());
    client.on('ready', () =>
      client.on('session', (accept) => accept().on('subsystem', (agree) => serve(agree(), script))),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    fingerprint: fingerprintOf(key.getPublicSSH()),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const client of open) client.end();
      }),
  };
}

function serve(channel: ServerChannel, script: Script): void {
  let kept = Buffer.alloc(0);
  channel.on('error', () => {});
  channel.on('data', (piece: Buffer) => {
    kept = Buffer.concat([kept, piece]);
    while (kept.length >= 4 && kept.length >= 4 + kept.readUInt32BE(0)) {
      const end = 4 + kept.readUInt32BE(0);
      const fields = new PacketReader(kept.subarray(4, end));
      kept = kept.subarray(end);
      const [type, id] = [fields.u8(), fields.u32()];
      const send = (bytes: Buffer): void => void channel.write(bytes);
      const answer = (kind: number, ...rest: readonly Field[]): void => send(encodeRequest(kind, id, rest));
      script({ type, id, fields, answer, send, channel });
    }
  });
}
