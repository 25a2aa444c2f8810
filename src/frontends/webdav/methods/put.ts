import { ROOT } from '../../../core/path.js';
import { entityTag } from '../conditions.js';
import { guard, type Method, reply } from '../exchange.js';
import { Refusal } from '../refusal.js';

/** PUT (RFC 9110 §9.3.4, RFC 4918 §9.7): answers when the content is verified at the storage. */
export const put: Method = async (exchange) => {
  const { request, view, path, folderUrl, call } = exchange;
  // RFC 9110 §14.5: a part must not be taken for the whole.
  if (request.headers['content-range'] !== undefined) throw new Refusal(400, { detail: 'Content-Range on PUT' });
  if (path === ROOT || folderUrl) throw new Refusal(405);
  const conditions = await guard(exchange);
  const mtime = requestedTime(request.headers['x-oc-mtime']);
  const size = request.length ?? (request.hasBody ? undefined : 0);
  const { node, created } = await view.write(path, request.body(), { ...call, ...conditions, size, mtime });
  const headers: string[] = [];
  const tag = entityTag(node);
  if (tag !== undefined) headers.push('ETag', tag);
  if (mtime !== undefined && Math.floor(node.mtime / 1000) === Math.floor(mtime / 1000)) {
    headers.push('X-OC-MTime', 'accepted');
  }
  reply(exchange, created ? 201 : 204, headers);
};

/** The modification time that ownCloud's and Nextcloud's clients (and rclone) send: seconds, perhaps with a fraction. */
function requestedTime(header: string | readonly string[] | undefined): number | undefined {
  if (typeof header !== 'string' || !/^\d{1,12}(?:\.\d{1,9})?$/.test(header)) return undefined;
  return Number(header) * 1000;
}
