import { type ConversionConfig, toJsonSchema } from '@valibot/to-json-schema';
import type { DriverOptions } from './check-drivers.js';
import { configSchema } from './schema.js';

const CONVERSION: ConversionConfig = {
  typeMode: 'input',
  errorMode: 'ignore',
  // Metadata that is for us: editors need not see it.
  overrideSchema: ({ jsonSchema }) => {
    if (!('hostPath' in jsonSchema)) return undefined;
    const { hostPath: _, ...rest } = jsonSchema as Record<string, unknown>;
    return rest;
  },
};

/** The JSON Schema of the configuration file, for editors: completion, help, and most mistakes. */
export function configJsonSchema(kinds: readonly DriverOptions[]): object {
  const schema = toJsonSchema(configSchema, CONVERSION) as unknown as SchemaNode;
  const storages = [schema.properties!.homes!, schema.properties!.mounts!.items!];
  for (const storage of storages) {
    storage.properties!.driver = { ...storage.properties!.driver, enum: kinds.map(({ name }) => name) };
    storage.allOf = kinds.map(({ name, options }) => {
      const { $schema: _, ...converted } = toJsonSchema(options, CONVERSION) as Record<string, unknown>;
      return {
        if: { properties: { driver: { const: name } }, required: ['driver'] },
        // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
        then: { properties: { options: converted } },
      };
    });
  }
  return { ...schema, title: 'Isthmus configuration' };
}

interface SchemaNode {
  properties?: Record<string, SchemaNode>;
  items?: SchemaNode;
  [keyword: string]: unknown;
}
