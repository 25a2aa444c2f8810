import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { getSystemErrorName } from 'node:util';
import { Unavailable } from '../frontend.js';

/**
 * What native/fusedev.c offers. Numbers that come back are results where they are not negative, and -errno otherwise;
 * nothing but misuse throws.
 */
export interface Binding {
  mount(source: string, target: string, type: string, flags: number, data: string): number;
  /** On a thread of the pool: the kernel may ask us to write pages back before it lets go. */
  umount(target: string, flags: number): Promise<number>;
  /** Fills in two connected sockets. */
  socketPair(ends: Int32Array): number;
  /** Takes the descriptor that was sent over a socket; does not wait for one. */
  receive(socket: number): number;
  /**
   * Takes the descriptor over and begins to read requests into `arena`, which is cut into as many pieces as there are
   * slots. `callback` gets how many lie there, as pairs of slot and length in `ring`, or, with 0, the error that ended
   * the reading: ENODEV after an unmount, ECONNABORTED after an abort.
   */
  start(
    fd: number,
    slots: number,
    arena: Uint8Array,
    ring: Int32Array,
    callback: (count: number, error: number) => void,
  ): Device | number;
  /** Reads no more, and closes the descriptor a little later. */
  stop(device: Device): void;
  /** Whether the slot keeps its request after the callback. */
  hold(device: Device, slot: number, held: boolean): number;
  send(device: Device, head: Uint8Array, headLength: number, data: Uint8Array, length: number): number;
}

/** What `start` gave; opaque. */
export interface Device {
  readonly __device: unique symbol;
}

const BUILT = 'src/frontends/drive/native/build/Release/fusedev.node';

/**
 * Loads the binding that scripts/build-native.mjs compiled at install.
 * @throws Unavailable when it is not there or does not load
 */
export function loadBinding(): Binding {
  // This file lies in src/ or in dist/src/, so the way up to the package is not always the same.
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const file = join(folder, BUILT);
    if (existsSync(file)) {
      try {
        return createRequire(import.meta.url)(file) as Binding;
      } catch (cause) {
        throw new Unavailable('the FUSE binding does not load; run `npm rebuild`', { cause });
      }
    }
    if (folder === dirname(folder)) {
      throw new Unavailable('the FUSE binding was not compiled; it needs a C compiler and make at `npm ci`');
    }
  }
}

/** The name of a negative result: `EBUSY`. */
export function errnoName(result: number): string {
  return getSystemErrorName(result);
}
