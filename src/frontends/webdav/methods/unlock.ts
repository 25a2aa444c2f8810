import { type Method, reply } from '../exchange.js';
import { Refusal } from '../refusal.js';

/** UNLOCK (RFC 4918 §9.11). */
export const unlock: Method = async (exchange) => {
  const { request, view, path } = exchange;
  const header = request.headers['lock-token'];
  const match = typeof header === 'string' ? /^\s*<([^<>\s]+)>\s*$/.exec(header) : null;
  if (match === null) throw new Refusal(400, { detail: 'no Lock-Token' });
  const lock = view.locksOn(path).find(({ token }) => token === match[1]);
  if (lock === undefined) throw new Refusal(409, { condition: '<D:lock-token-matches-request-uri/>' });
  if (lock.holder !== view.principal.name) throw new Refusal(403);
  await view.unlock(path, lock.token);
  reply(exchange, 204);
};
