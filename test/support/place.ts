import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const ISTHMUS = resolve('bin/isthmus');
/** A busy machine; anything slower is a hang. */
const PATIENCE = 120_000;

export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Every listener on a free port of the loopback. */
export const FREE_PORTS =
  'web: { listen: "127.0.0.1:0" }\nsftp: { listen: "127.0.0.1:0" }\nmetrics: { listen: "127.0.0.1:0" }\n';

/** A folder with an isthmus.yaml in it, and the real command run there as a child process. */
export class Place {
  readonly folder = mkdtempSync(join(tmpdir(), 'isthmus-cli-'));
  readonly #daemons: Running[] = [];

  constructor(yaml?: string) {
    if (yaml !== undefined) this.configure(yaml);
  }

  configure(yaml: string): void {
    writeFileSync(join(this.folder, 'isthmus.yaml'), yaml);
  }

  path(...names: string[]): string {
    return join(this.folder, ...names);
  }

  /** Runs a command to its end. */
  run(args: readonly string[], options: { input?: string; env?: NodeJS.ProcessEnv } = {}): Promise<Outcome> {
    // Coverage of each command by itself would be a thousand files to merge; the daemon's is wanted.
    const child = this.#spawn(args, { NODE_V8_COVERAGE: undefined, ...options.env });
    child.stdin!.end(options.input ?? '');
    return outcomeOf(child, args.join(' '));
  }

  /** Starts the daemon. @returns once it said that it is ready @throws when it ends before */
  async serve(env: NodeJS.ProcessEnv = {}): Promise<Running> {
    const running = new Running(this.#spawn(['serve'], env));
    this.#daemons.push(running);
    await running.until(/^ready /m, 'stdout');
    return running;
  }

  /** Stops what still runs and removes the folder. */
  async remove(): Promise<void> {
    for (const daemon of this.#daemons) await daemon.end('SIGTERM');
    rmSync(this.folder, { recursive: true, force: true });
  }

  #spawn(args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
    const { ISTHMUS_CONFIG: _, NOTIFY_SOCKET: __, ...inherited } = process.env;
    return spawn(ISTHMUS, args, { cwd: this.folder, env: { ...inherited, ...env } });
  }
}

/** A daemon that runs. */
export class Running {
  readonly #child: ChildProcess;
  readonly outcome: Promise<Outcome>;
  stdout = '';
  stderr = '';

  constructor(child: ChildProcess) {
    this.#child = child;
    this.outcome = outcomeOf(child, 'serve', Number.POSITIVE_INFINITY);
    child.stdout!.on('data', (text: string) => {
      this.stdout += text;
    });
    child.stderr!.on('data', (text: string) => {
      this.stderr += text;
    });
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Where a front end is, from the ready line. */
  where(door: string): string {
    return new RegExp(`^ready .*\\b${door}=(\\S+)`, 'm').exec(this.stdout)?.[1] ?? '';
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Sends a signal, and SIGKILL when that does not end it. */
  async end(signal: NodeJS.Signals): Promise<Outcome> {
    this.#child.kill(signal);
    const last = setTimeout(() => this.#child.kill('SIGKILL'), PATIENCE);
    const outcome = await this.outcome;
    clearTimeout(last);
    return outcome;
  }

  /** Waits for something to be printed. */
  async until(pattern: RegExp, stream: 'stdout' | 'stderr' = 'stderr'): Promise<string> {
    const began = Date.now();
    let ended = false;
    void this.outcome.then(() => {
      ended = true;
    });
    for (;;) {
      if (pattern.test(this[stream])) return this[stream];
      if (ended) throw new Error(`the daemon ended before ${pattern}:\n${this.stdout}\n${this.stderr}`);
      if (Date.now() - began > PATIENCE) throw new Error(`no ${pattern} in:\n${this.stdout}\n${this.stderr}`);
      await new Promise((done) => setTimeout(done, 20));
    }
  }
}

function outcomeOf(child: ChildProcess, what: string, patience = PATIENCE): Promise<Outcome> {
  let stdout = '';
  let stderr = '';
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((done, fail) => {
    const late = Number.isFinite(patience)
      ? setTimeout(() => {
          child.kill('SIGKILL');
          fail(new Error(`isthmus ${what} did not end:\n${stdout}\n${stderr}`));
        }, patience)
      : undefined;
    child.on('error', fail);
    child.on('close', (code, signal) => {
      clearTimeout(late);
      done({ code, signal, stdout, stderr });
    });
  });
}
