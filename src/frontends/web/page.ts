import type { Route } from '../route.js';

export interface PageOptions {
  /** Name of this node, as peers and people know it. */
  readonly node: string;
  /** Where WebDAV clients connect; absent: the host that the browser used, with `/dav/`. */
  readonly davUrl?: string | undefined;
  /** Port of the SFTP front end; absent where it is off. */
  readonly sftpPort?: number | undefined;
}

const POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** `/`: says what this is and how to connect. It loads nothing, runs nothing and knows no user. */
export function page(options: PageOptions): Route {
  return {
    name: 'web',
    prefix: '/',
    handle(request, response) {
      if (request.path !== '/') {
        response.writeHead(404, { 'Content-Length': 0 });
        request.end();
        return;
      }
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        response.writeHead(request.method === 'OPTIONS' ? 204 : 405, { Allow: 'GET, HEAD, OPTIONS' });
        request.end();
        return;
      }
      const host = /^[\w.:[\]-]{1,255}$/.test(request.headers.host ?? '') ? request.headers.host! : 'localhost';
      const body = Buffer.from(render(options, `${request.secure ? 'https' : 'http'}://${host}`));
      response.writeHead(200, {
        'Content-Type': 'text/html; charset=utf-8',
        'Content-Length': body.length,
        'Content-Security-Policy': POLICY,
        'X-Content-Type-Options': 'nosniff',
        'Referrer-Policy': 'no-referrer',
        'Cache-Control': 'no-cache',
      });
      request.end(request.method === 'HEAD' ? undefined : body);
    },
  };
}

function render({ node, davUrl, sftpPort }: PageOptions, origin: string): string {
  const dav = escapeHtml(davUrl ?? `${origin}/dav/`);
  const hostname = escapeHtml(new URL(origin).hostname.replace(/^\[|\]$/g, ''));
  const sftp =
    sftpPort === undefined
      ? ''
      : `<h2>SFTP</h2>
<p>For <code>sftp</code>, <code>scp</code>, sshfs, FileZilla and others:</p>
<pre><code>sftp -P ${sftpPort} <var>user</var>@${hostname}</code></pre>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Isthmus on ${escapeHtml(node)}</title>
<style>
:root { color-scheme: light dark; font: 100%/1.6 system-ui, sans-serif }
body { max-width: 40rem; margin: 3rem auto; padding: 0 1rem }
pre { padding: .75rem 1rem; border: 1px solid; border-radius: .375rem; overflow-x: auto }
</style>
</head>
<body>
<main>
<h1>Isthmus on ${escapeHtml(node)}</h1>
<p>This node brings files from several storages into one tree. Connect with your user name and password.</p>
<h2>WebDAV</h2>
<p>For the file managers of Linux, macOS and Windows, and for rclone, cadaver and others:</p>
<pre><code>${dav}</code></pre>
${sftp}
</main>
</body>
</html>
`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
