import type { Command } from 'commander';
import { AdminClient } from './admin-client.js';
import type { CommonOptions, Hands } from './hands.js';

/** Adds what every command that speaks to the daemon takes. */
export function daemonCommand(parent: Command, nameAndArguments: string, description: string): Command {
  return parent
    .command(nameAndArguments)
    .description(description)
    .option('--config <file>', 'the configuration file of the daemon')
    .option('--json', 'for programs');
}

/** A client of the daemon that the options point to. */
export function daemonOf(hands: Hands, options: CommonOptions): AdminClient {
  return new AdminClient(hands.locate(options.config));
}

/** Prints an answer as JSON, or in words. */
export function tell<T>(hands: Hands, options: CommonOptions, answer: T, words: (answer: T) => string): void {
  hands.print(options.json ? JSON.stringify(answer, undefined, 2) : words(answer));
}
