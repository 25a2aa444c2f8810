import { spawn } from 'node:child_process';

/** Runs a client to its end; throws with the end of what it said when it fails. */
export function run(command: string, args: readonly string[], input?: string, timeoutSeconds = 300): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], timeout: timeoutSeconds * 1000 });
    let said = '';
    const keep = (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-2000);
    };
    child.stdout.on('data', () => {});
    child.stderr.on('data', keep);
    child.on('error', reject);
    child.on('close', (status, signal) => {
      if (status === 0) resolve();
      else reject(new Error(`${command} ended with ${signal ?? status}: ${said.trim().split('\n').at(-1) ?? ''}`));
    });
    child.stdin.end(input);
  });
}
