import { readFile } from 'node:fs/promises';

const SIGKILL_BIT = 1n << 8n;

/**
 * Whether the thread that asked is about to die. The kernel sends INTERRUPT for every signal, a timer's included, but a
 * program does not expect EINTR from a regular file; local file systems give it to those who are killed only. Every
 * signal that ends a process is pending as SIGKILL in each of its threads (kernel/signal.c, complete_signal).
 * @param pid  of the request; 0 where the daemon's PID namespace does not have it
 */
export async function isDying(pid: number): Promise<boolean> {
  if (pid === 0) return true;
  try {
    const status = await readFile(`/proc/${pid}/status`, 'latin1');
    const pending = /^SigPnd:\s*([0-9a-f]+)$/m.exec(status)?.[1];
    return pending !== undefined && (BigInt(`0x${pending}`) & SIGKILL_BIT) !== 0n;
  } catch {
    return true; // it is gone
  }
}
