import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DriveSubject, SftpSubject, WebDavSubject } from '../subject.js';

const COMMAND = fileURLToPath(new URL('../../../bin/isthmus', import.meta.url));

/** Our daemon on a folder of its own, with the folder `files` mounted at /files; one process, three doors. */
export async function startIsthmus(
  folder: string,
  keyFile: string,
): Promise<WebDavSubject & SftpSubject & DriveSubject> {
  const root = join(folder, 'files');
  mkdirSync(root, { recursive: true });
  const config = join(folder, 'isthmus.yaml');
  writeFileSync(
    config,
    [
      'node: { state: ./data }',
      'web: { listen: 127.0.0.1:0 }',
      'sftp: { listen: 127.0.0.1:0 }',
      'metrics: { listen: 127.0.0.1:0 }',
      'drives: [ { path: ./drive, as: admin } ]',
      'mounts:',
      `  - { at: /files, driver: local, options: { path: ./files } }`,
      '',
    ].join('\n'),
  );
  const started = performance.now();
  const child = spawn(COMMAND, ['serve', '--config', config], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => {
    log = (log + chunk.toString()).slice(-4000);
  });
  const ready = await new Promise<string>((resolve, reject) => {
    let out = '';
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
      const line = /^ready .*$/m.exec(out)?.[0];
      if (line !== undefined) resolve(line);
    });
    child.once('exit', (status) => reject(new Error(`isthmus ended with ${status}: ${log}`)));
  });
  const startSeconds = (performance.now() - started) / 1000;
  const at = Object.fromEntries(
    ready
      .split(' ')
      .slice(1)
      .map((pair) => pair.split(/=(.*)/s, 2)),
  ) as Record<string, string>;
  execFileSync(COMMAND, ['user', 'key', 'add', 'admin', `${keyFile}.pub`, '--config', config], { cwd: folder });
  return {
    name: 'isthmus',
    root,
    pid: child.pid ?? 0,
    startSeconds,
    url: `${at.dav}files/`,
    user: 'admin',
    password: readFileSync(join(folder, 'data/initial-password'), 'utf8').trim(),
    port: Number(new URL(at.sftp ?? '').port),
    keyFile,
    directory: '/files',
    path: join(folder, 'drive/files'),
    async stop() {
      child.removeAllListeners('exit');
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
    },
  };
}
