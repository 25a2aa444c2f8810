import { depthOf, guard, type Method, reply } from '../exchange.js';
import { Refusal } from '../refusal.js';

/** DELETE (RFC 4918 §9.6), always with all that is below. */
export const remove: Method = async (exchange) => {
  const { request, view, path, call } = exchange;
  // §9.6.1: a client that asks for less than all of a folder must not lose all of it.
  if (request.headers.depth !== undefined && depthOf(request) !== 'infinity') {
    if ((await view.stat(path, { signal: call.signal })).kind === 'directory') {
      throw new Refusal(400, { detail: 'Depth is infinity' });
    }
  }
  await guard(exchange);
  await view.removeTree(path, call);
  reply(exchange, 204);
};
