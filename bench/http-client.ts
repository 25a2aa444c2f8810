import { readFileSync } from 'node:fs';
import { Pool } from 'undici';

/*
 * A client process for many small requests, the same for every server: node http-client.js PLAN
 * where PLAN is a JSON file: { origin, path, authorization, kind, connections, count, bytes }.
 */

interface Plan {
  readonly origin: string;
  readonly path: string;
  readonly authorization: string;
  readonly kind: 'get' | 'put' | 'range' | 'propfind';
  readonly connections: number;
  readonly count: number;
  /** Of each body or range; for `range` the size of the file follows in `fileBytes`. */
  readonly bytes: number;
  readonly fileBytes: number;
}

const plan = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as Plan;
const pool = new Pool(plan.origin, { connections: plan.connections, pipelining: 1, bodyTimeout: 60_000 });
const content = Buffer.alloc(plan.bytes, 'x');
let next = 0;

async function one(index: number): Promise<void> {
  const headers: Record<string, string> = { authorization: plan.authorization };
  const file = `${plan.path}f${String(index).padStart(5, '0')}`;
  if (plan.kind === 'range') {
    const start = (index * 7_919 * plan.bytes) % (plan.fileBytes - plan.bytes);
    headers.range = `bytes=${start}-${start + plan.bytes - 1}`;
  }
  const request =
    plan.kind === 'put'
      ? { path: file, method: 'PUT' as const, headers, body: content }
      : plan.kind === 'propfind'
        ? { path: plan.path, method: 'PROPFIND' as const, headers: { ...headers, depth: '1' } }
        : { path: plan.kind === 'get' ? file : plan.path, method: 'GET' as const, headers };
  const response = await pool.request(request);
  let length = 0;
  for await (const chunk of response.body) length += (chunk as Buffer).length;
  const fine =
    (plan.kind === 'put' && response.statusCode < 300) ||
    (plan.kind === 'range' && response.statusCode === 206 && length === plan.bytes) ||
    (plan.kind === 'get' && response.statusCode === 200 && length === plan.bytes) ||
    (plan.kind === 'propfind' && response.statusCode === 207 && length > plan.bytes);
  if (!fine) throw new Error(`${plan.kind} ${index}: status ${response.statusCode}, ${length} bytes`);
}

async function worker(): Promise<void> {
  while (next < plan.count) await one(next++);
}

await Promise.all(Array.from({ length: plan.connections }, worker));
await pool.close();
