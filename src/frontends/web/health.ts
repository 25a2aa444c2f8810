import type { ServerResponse } from 'node:http';
import type { HttpRequest, Route } from '../route.js';

export interface Readiness {
  readonly ready: boolean;
  /** One line per mount: `/archive ok`, `/old unavailable: …`. Free of secrets: anybody may read them. */
  readonly lines: readonly string[];
}

/**
 * `/healthz` answers 200 while the event loop lives; `/readyz` answers 200 or 503 with a line per mount. Neither asks
 * for a login: what probes ask must not depend on the user database.
 */
export function health(options: { ready(): Readiness }): readonly Route[] {
  return [
    { name: 'health', prefix: '/healthz', handle: (request, response) => text(request, response, 200, ['ok']) },
    {
      name: 'health',
      prefix: '/readyz',
      handle(request, response) {
        const { ready, lines } = options.ready();
        text(request, response, ready ? 200 : 503, [ready ? 'ready' : 'not ready', ...lines]);
      },
    },
  ];
}

function text(request: HttpRequest, response: ServerResponse, status: number, lines: readonly string[]): void {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { Allow: 'GET, HEAD', 'Content-Length': 0 });
    request.end();
    return;
  }
  const body = Buffer.from(`${lines.map((line) => line.replace(/[\r\n]+/g, ' ')).join('\n')}\n`);
  response.writeHead(status, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': body.length,
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
  });
  request.end(request.method === 'HEAD' ? undefined : body);
}
