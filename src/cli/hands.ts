import type { Config } from '../config/config.js';

/** What a driver was found to offer, and whether its storage answers. */
export interface StorageReport {
  /** `/archive`; `homes` for the homes. */
  readonly at: string;
  readonly driver: string;
  readonly reachable: boolean;
  /** One sentence, when it is not. */
  readonly reason?: string | undefined;
  readonly can: readonly string[];
  readonly cannot: readonly string[];
}

/** What the commands need from rooms that they may not know; main.ts gives it to them. */
export interface Hands {
  /** Finds and checks the configuration. @param file  the value of `--config` @throws ConfigError */
  load(file: string | undefined): Promise<Config>;
  /** The same without a look at what its storages say: enough to find the daemon, and much quicker. */
  locate(file: string | undefined): Config;
  /** Runs the daemon until it is told to stop. @returns its exit code */
  serve(load: () => Promise<Config>): Promise<number>;
  /** Asks every storage of a configuration for its root, each with a deadline. */
  reach(config: Config): Promise<readonly StorageReport[]>;
  /** Version of this program. */
  readonly version: string;
  /** Writes to standard output. */
  print(text: string): void;
}

/** Options that every command takes. */
export interface CommonOptions {
  readonly config?: string;
  readonly json?: boolean;
}
