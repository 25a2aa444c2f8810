import type { TestFn } from 'ava';
import type { Case, DriverMethod, Make, SuiteOptions } from './driver/case.js';
import { closing } from './driver/closing.js';
import { conditions } from './driver/conditions.js';
import { content } from './driver/content.js';
import { copying } from './driver/copying.js';
import { folders } from './driver/folders.js';
import { links } from './driver/links.js';
import { names } from './driver/names.js';
import { openFiles } from './driver/open-files.js';
import { renaming } from './driver/renaming.js';
import { replacing } from './driver/replacing.js';
import { uploads } from './driver/uploads.js';

export type { DriverException, Made, Make, SuiteOptions } from './driver/case.js';

/** Every case, in the order in which it runs. Names are unique; exceptions refer to them. */
export const driverCases: readonly Case[] = [
  ...content,
  ...uploads,
  ...conditions,
  ...folders,
  ...names,
  ...renaming,
  ...copying,
  ...links,
  ...openFiles,
  ...replacing,
  ...closing,
];

/**
 * Registers what every Driver owes (mounts/driver.ts) as serial tests. Cases of an optional method are registered too
 * and pass at once where the driver does not have it, unless `requires` names it.
 *
 * @param make  gives a driver on an empty storage of its own; called once for each case
 */
export function driverSuite(test: TestFn, make: Make, options: SuiteOptions = {}): void {
  const exceptions = new Map((options.exceptions ?? []).map((exception) => [exception.case, exception.reason]));
  for (const name of exceptions.keys()) {
    if (!driverCases.some((one) => one.name === name)) throw new Error(`no case of the driver suite is named: ${name}`);
  }
  const prefix = options.prefix === undefined ? '' : `${options.prefix}: `;

  for (const one of driverCases) {
    const reason = exceptions.get(one.name);
    const title = `${prefix}${one.name}${reason === undefined ? '' : ` [exception: ${reason}]`}`;
    test.serial(title, async (t) => {
      t.timeout(options.timeout ?? 120_000);
      const made = await make(t);
      try {
        const missing = (one.needs ?? []).filter((method) => made.driver[method] === undefined);
        if (missing.length > 0) {
          t.log(`not offered: ${missing.join(', ')}`);
          t.pass();
          return;
        }
        if (reason === undefined) {
          await one.run(t, { ...made, options });
          return;
        }
        const attempt = await t.try((inner) => one.run(inner, { ...made, options }));
        attempt.discard();
        t.false(attempt.passed, 'this exception is not needed any more: remove it');
      } finally {
        await made.driver.close();
        await made.cleanup();
      }
    });
  }

  test.serial(`${prefix}offers what it must`, async (t) => {
    const made = await make(t);
    try {
      for (const method of options.requires ?? []) t.is(typeof made.driver[method], 'function', method);
      for (const method of optionalMethods) {
        const value: unknown = made.driver[method];
        t.true(value === undefined || typeof value === 'function', method);
      }
    } finally {
      await made.driver.close();
      await made.cleanup();
    }
  });
}

const optionalMethods: readonly DriverMethod[] = [
  'rename',
  'copy',
  'setattr',
  'symlink',
  'readlink',
  'link',
  'statfs',
  'open',
  'replace',
  'purge',
];
