import { readFileSync } from 'node:fs';
import test from 'ava';
import { driverKinds } from '../../mounts/index.js';
import { configJsonSchema } from '../../src/config/json-schema.js';

test('docs/config.schema.json is what the schema in the code gives; else run: npm run schema', (t) => {
  t.deepEqual(
    JSON.parse(readFileSync('docs/config.schema.json', 'utf8')),
    JSON.parse(JSON.stringify(configJsonSchema(driverKinds()))),
  );
});

test('every option says what it is for', (t) => {
  const silent: string[] = [];
  const walk = (node: unknown, path: string): void => {
    if (typeof node !== 'object' || node === null) return;
    const { properties, items, description, allOf } = node as Record<string, Record<string, unknown>>;
    const leaf = properties === undefined && items === undefined;
    if (leaf && description === undefined) silent.push(path);
    for (const [key, value] of Object.entries(properties ?? {})) walk(value, `${path}.${key}`);
    if (items !== undefined) walk(items, `${path}[]`);
    for (const branch of (allOf as unknown as { if: { properties: { driver: { const: string } } }; then: object }[]) ??
      []) {
      const { options } = (branch.then as { properties: { options: object } }).properties;
      if (Object.keys((options as { properties?: object }).properties ?? {}).length > 0) {
        walk(options, `${path}(${branch.if.properties.driver.const})`);
      }
    }
  };
  walk(configJsonSchema(driverKinds()), '');
  t.deepEqual(silent, []);
});
